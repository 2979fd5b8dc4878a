import { posix } from "node:path";
import { testNames } from "./name-laws.ts";
import type { Breach, SourceFile } from "./source-file.ts";

/** Folders from which a doc may name a path, besides its own: `platform/db`, `secufile/store.ts`. */
const BASES = ["", "src", "src/platform", "src/products"];
const TEXT_NAME = /^[\w.-]+\.(?:md|ts|tsx|mjs|sql|ya?ml)$/;
const PATH = /^\.{0,2}[\w@-][\w.@/-]*$/;
/** Made at run time or by an operator, never part of the source. */
const RUNTIME = /^(?:data|node_modules)\//;

/** Row of a contract: `| SF-05 | the promise | tested |`, or `planned` where nothing is promised yet. */
const CONTRACT_ROW = /^\|\s*([A-Z]{2,4}-\d{2,3})\s*\|(.+)\|\s*(\w+)\s*\|\s*$/gm;

const PRIVATE_PLACES: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.])\/(?:home|Users)\/[a-z][\w-]*\//, "names a folder of somebody's machine"],
  [/(?<![\w.])\/(?:work|root|tmp\/brief)\/[\w.]/, "names a folder of somebody's machine"],
  [/\b(?:issue|ticket|session|pull request|fixes|closes)s?\s+(?:#|no\.?\s*)?\d+\b/i, "names a number of a tracker"],
];

export function isDoc(path: string): boolean {
  return path.endsWith(".md") && !path.startsWith("node_modules/");
}

/** Paths in links and in backticks that name nothing. */
export function pathBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const known = knownPaths(files);
  return files
    .filter((file) => isDoc(file.path))
    .flatMap((file) =>
      namedPaths(file.source)
        .filter(({ path, isLink }) => isLink || looksLikePath(path, known))
        .filter(({ path, isLink }) => !isKnown(file.path, path, isLink, known))
        .map(({ path, line }) => ({ path: file.path, line, law: `${path} does not exist` })),
    );
}

type NamedPath = { readonly path: string; readonly line: number; readonly isLink: boolean };

/** Fenced blocks are left out: they show commands and answers. */
function namedPaths(markdown: string): readonly NamedPath[] {
  const found: NamedPath[] = [];
  let isFenced = false;
  for (const [place, text] of markdown.split("\n").entries()) {
    if (/^\s*(?:```|~~~)/.test(text)) isFenced = !isFenced;
    if (isFenced) continue;
    const line = place + 1;
    for (const match of text.matchAll(/`([^`]+)`/g)) found.push({ path: match[1] ?? "", line, isLink: false });
    for (const match of text.replaceAll(/`[^`]*`/g, "").matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      const path = match[1] ?? "";
      if (!/^[a-z]+:/.test(path)) found.push({ path, line, isLink: true });
    }
  }
  return found;
}

function looksLikePath(path: string, known: ReadonlySet<string>): boolean {
  if (!PATH.test(path) || RUNTIME.test(path)) return false;
  if (TEXT_NAME.test(path)) return true;
  const [first = ""] = path.split("/");
  return path.includes("/") && (first.startsWith(".") || BASES.some((base) => known.has(posix.join(base, first))));
}

function isKnown(doc: string, path: string, isLink: boolean, known: ReadonlySet<string>): boolean {
  const bases = isLink ? [posix.dirname(doc)] : [posix.dirname(doc), ...BASES];
  return bases.some((base) => known.has(posix.join(base, path).replace(/\/$/, "")));
}

function knownPaths(files: readonly SourceFile[]): ReadonlySet<string> {
  const known = new Set<string>(["."]);
  for (const file of files) {
    for (let path = file.path; path !== "."; path = posix.dirname(path)) known.add(path);
  }
  return known;
}

/** What only the authors' machines and trackers can make sense of. */
export function privatePlaceBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => posix.basename(file.path) !== "package-lock.json" && !file.source.includes("\0"))
    .flatMap((file) =>
      file.source.split("\n").flatMap((text, place) =>
        PRIVATE_PLACES.filter(([pattern]) => pattern.test(text)).map(([, law]) => ({
          path: file.path,
          line: place + 1,
          law,
        })),
      ),
    );
}

/** Numbered promises without a test, tests of numbers that nobody promised, and rows in the wrong form or order. */
export function contractBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const tests = testNames(files);
  return files
    .filter((file) => posix.basename(file.path) === "CONTRACT.md")
    .flatMap((contract) => {
      const rows = [...contract.source.matchAll(CONTRACT_ROW)].map((match) => ({
        id: match[1] ?? "",
        state: match[3] ?? "",
        line: contract.source.slice(0, match.index).split("\n").length,
      }));
      const breach = (law: string, line = 1): Breach => ({ path: contract.path, line, law });
      const breaches: Breach[] = [];
      if (rows.length === 0) breaches.push(breach("promises nothing: rows are | SF-01 | promise | tested |"));
      const ids = rows.map((row) => row.id);
      for (const [place, row] of rows.entries()) {
        if (ids.indexOf(row.id) !== place) breaches.push(breach(`${row.id} stands twice`, row.line));
        if (row.state !== "tested" && row.state !== "planned") {
          breaches.push(breach(`${row.id} is neither tested nor planned`, row.line));
        }
        if (row.state === "tested" && !tests.some(({ name }) => idsIn(name).includes(row.id))) {
          breaches.push(breach(`no test's name holds ${row.id}`, row.line));
        }
      }
      return [...breaches, ...unpromised(ids, tests)];
    });
}

function unpromised(ids: readonly string[], tests: ReturnType<typeof testNames>): readonly Breach[] {
  const prefix = ids[0]?.split("-")[0];
  return tests.flatMap(({ path, name }) =>
    idsIn(name)
      .filter((id) => id.split("-")[0] === prefix && !ids.includes(id))
      .map((id) => ({ path, line: 1, law: `${id} is in a test's name but not in the contract` })),
  );
}

function idsIn(name: string): readonly string[] {
  return name.match(/\b[A-Z]{2,4}-\d{2,3}\b/g) ?? [];
}

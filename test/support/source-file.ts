import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync, Visitor, type ParseResult, type VisitorObject } from "oxc-parser";

/** A file of the project: its path from the root, with slashes, and its text. Laws read these and nothing else. */
export type SourceFile = { readonly path: string; readonly source: string };

/** One place that breaks a law. */
export type Breach = { readonly path: string; readonly line: number; readonly law: string };

/** What a module takes from another one. `names` are the imported names; `*` for a namespace. */
export type ModuleImport = {
  /** Null when the module is computed at run time. */
  readonly specifier: string | null;
  readonly isTypeOnly: boolean;
  readonly names: readonly string[];
  readonly line: number;
};

const ROOT = new URL("../../", import.meta.url);
const SKIPPED = new Set(["node_modules", ".git", ".cache", "data", "dist"]);
const SCRIPT = /\.(?:ts|tsx|mts|mjs|js)$/;
const MAX_TEXT_BYTES = 2_000_000;

const parsed = new WeakMap<SourceFile, ParseResult>();

export function isScript(path: string): boolean {
  return SCRIPT.test(path);
}

/** Tests beside their source or in `test/`, and what only they use: `test-<noun>.ts` and shared suites. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$|-conformance\.ts$|(?:^|\/)test-[a-z0-9-]+\.ts$/.test(path);
}

/** Every text file of the project, in the order of their paths. */
export function readProject(): readonly SourceFile[] {
  return listFiles("").map((path) => ({ path, source: readFileSync(new URL(path, ROOT), "utf8") }));
}

function listFiles(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(new URL(`./${folder}`, ROOT), { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) found.push(...listFiles(`${path}/`));
    else if (entry.isFile()) found.push(path);
  }
  return found.toSorted();
}

/** Throws when the file does not parse: a law must not pass over what it cannot read. */
export function parse(file: SourceFile): ParseResult {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  if (file.source.length > MAX_TEXT_BYTES) throw new Error(`${file.path} is too large to check`);
  const result = parseSync(file.path, file.source);
  const first = result.errors[0];
  if (first !== undefined) throw new Error(`${file.path}: ${first.message}`);
  parsed.set(file, result);
  return result;
}

export function visit(file: SourceFile, visitor: VisitorObject): void {
  new Visitor(visitor).visit(parse(file).program);
}

export function lineAt(file: SourceFile, offset: number): number {
  return file.source.slice(0, offset).split("\n").length;
}

/** Static imports, re-exports, `import()` as expression and as type, `require()`. `new URL(…)` is not an import. */
export function importsOf(file: SourceFile): readonly ModuleImport[] {
  const { module } = parse(file);
  const found: ModuleImport[] = [];
  for (const entry of module.staticImports) {
    found.push({
      specifier: entry.moduleRequest.value,
      isTypeOnly: entry.entries.length > 0 && entry.entries.every((each) => each.isType),
      names: entry.entries.filter((each) => !each.isType).map((each) => importedName(each.importName)),
      line: lineAt(file, entry.start),
    });
  }
  for (const entry of module.staticExports.flatMap((each) => each.entries)) {
    if (entry.moduleRequest === null) continue;
    const names = entry.isType ? [] : [importedName(entry.importName)];
    found.push({
      specifier: entry.moduleRequest.value,
      isTypeOnly: entry.isType,
      names,
      line: lineAt(file, entry.start),
    });
  }
  return [...found, ...importExpressions(file)];
}

function importedName(name: { readonly kind: string; readonly name: string | null }): string {
  if (name.kind === "Default") return "default";
  return name.name ?? "*";
}

function importExpressions(file: SourceFile): readonly ModuleImport[] {
  const found: ModuleImport[] = [];
  visit(file, {
    ImportExpression(node) {
      const { source } = node;
      const specifier = source.type === "Literal" && typeof source.value === "string" ? source.value : null;
      found.push({ specifier, isTypeOnly: false, names: ["*"], line: lineAt(file, node.start) });
    },
    TSImportType(node) {
      found.push({ specifier: node.source.value, isTypeOnly: true, names: [], line: lineAt(file, node.start) });
    },
    CallExpression(node) {
      if (node.callee.type !== "Identifier" || node.callee.name !== "require") return;
      const [first] = node.arguments;
      const specifier = first?.type === "Literal" && typeof first.value === "string" ? first.value : null;
      found.push({ specifier, isTypeOnly: false, names: ["*"], line: lineAt(file, node.start) });
    },
  });
  return found;
}

/** The project's file that a relative specifier names, or null for a package or a module of Node. */
export function targetOf(file: SourceFile, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return posix.join(posix.dirname(file.path), specifier);
}

/** How a failing law test shows what it found. */
export function shown(breaches: readonly Breach[]): readonly string[] {
  return breaches.map((breach) => `${breach.path}:${breach.line} ${breach.law}`);
}

import type { Node } from "oxc-parser";
import { roleOf } from "./places.ts";
import { isScript, isTest, lineAt, parse, visit, type Breach, type SourceFile } from "./source-file.ts";

export const MAX_FILE_LINES = 500;
export const MAX_FUNCTION_LINES = 70;

const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/;
const MIGRATION = /^\d{4}_[a-z0-9]+(?:_[a-z0-9]+)*\.sql$/;
/** Names that say nothing: what is in such a file could be anywhere, and later is. */
const EMPTY_NAMES = new Set(["index", "util", "helper", "common", "type", "constant", "manager", "base"]);
const STORE_VERB = /^(?:find|list|insert|update|delete|lock|count)[A-Z]/;
const LEFT_OVER = /\b(?:TODO|FIXME|XXX|HACK)\b/;
/** These folders hold code of ours that obeys the rules of names; the SDKs obey those of their languages. */
const NAMED = /^(?:src|cli|console|test|scripts|bench|docs)\//;

type Span = { readonly start: number; readonly end: number };

export function fileNameBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => NAMED.test(file.path))
    .flatMap((file) => {
      const segments = file.path.split("/");
      const name = segments.at(-1) ?? "";
      const isKnownForm = /^(?:README(?:\.fr)?|CONTRACT)\.md$/.test(name) || /^\.[a-z]+$/.test(name);
      const isMigration = segments.at(-2) === "migrations";
      const breaches: Breach[] = [];
      if (isMigration && !MIGRATION.test(name)) breaches.push(at(file, "a migration is named 0001_<what>.sql"));
      if (!isMigration && !isKnownForm && !KEBAB.test(name)) breaches.push(at(file, "file names are kebab-case"));
      if (segments.slice(0, -1).some((folder) => !KEBAB.test(folder) || isEmptyName(folder))) {
        breaches.push(at(file, "the folder's name is not kebab-case or says nothing"));
      }
      if (isScript(file.path) && isEmptyName(name)) breaches.push(at(file, "the file's name says nothing"));
      return breaches;
    });
}

/** Whether the last word before the first dot is one of the names that say nothing, in singular or plural. */
function isEmptyName(name: string): boolean {
  const last = (name.split(".")[0] ?? "").split("-").at(-1) ?? "";
  return EMPTY_NAMES.has(last) || (last.endsWith("s") && EMPTY_NAMES.has(last.slice(0, -1)));
}

/** Lines of each script that is longer than the wall. */
export function longFiles(files: readonly SourceFile[]): ReadonlyMap<string, number> {
  const long = files
    .filter((file) => isScript(file.path) && NAMED.test(file.path))
    .map((file) => [file.path, file.source.trimEnd().split("\n").length] as const)
    .filter(([, lines]) => lines > MAX_FILE_LINES);
  return new Map(long);
}

/** Functions longer than the wall. One that only declares tests is a list, and counts as its longest entry. */
export function functionLengthBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => isScript(file.path) && NAMED.test(file.path))
    .flatMap((file) => {
      const tests: Span[] = [];
      const functions: Span[] = [];
      const note = (node: Span): void => void functions.push(node);
      visit(file, {
        FunctionDeclaration: note,
        FunctionExpression: note,
        ArrowFunctionExpression: note,
        CallExpression(node) {
          if (testNameOf(node) !== null) tests.push(node);
        },
      });
      return functions
        .filter((span) => linesOf(file, span) > MAX_FUNCTION_LINES && !tests.some((test) => isWithin(test, span)))
        .map((span) => ({
          path: file.path,
          line: lineAt(file, span.start),
          law: `a function of ${linesOf(file, span)} lines; ${MAX_FUNCTION_LINES} is the wall`,
        }));
    });
}

function linesOf(file: SourceFile, span: Span): number {
  return file.source.slice(span.start, span.end).split("\n").length;
}

function isWithin(inner: Span, outer: Span): boolean {
  return inner.start > outer.start && inner.end < outer.end;
}

/** The name of a test, when `node` is the call that declares it; parts filled in at run time are left out. */
export function testNameOf(node: Node): string | null {
  if (node.type !== "CallExpression") return null;
  const callee = node.callee.type === "MemberExpression" ? node.callee.property : node.callee;
  if (callee.type !== "Identifier" || !/^(?:test|it|describe|suite)$/.test(callee.name)) return null;
  const [first] = node.arguments;
  if (first?.type === "Literal" && typeof first.value === "string") return first.value;
  return first?.type === "TemplateLiteral" ? first.quasis.map((part) => part.value.raw).join("…") : null;
}

/** Store functions whose name does not begin with a store verb, or that send more than one statement. */
export function storeBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => isScript(file.path) && !isTest(file.path) && roleOf(file.path) === "store")
    .flatMap((file) => {
      const breaches: Breach[] = [];
      const statements: Span[] = [];
      const functions: (Span & { readonly name: string })[] = [];
      visit(file, {
        TaggedTemplateExpression: (node) => void statements.push(node),
        FunctionDeclaration: (node) =>
          void functions.push({ name: node.id?.name ?? "", start: node.start, end: node.end }),
      });
      for (const each of exportedFunctions(file)) {
        if (STORE_VERB.test(each.name)) continue;
        breaches.push({ ...at(file, `${each.name} does not begin with a store verb`), line: each.line });
      }
      for (const each of functions) {
        if (statements.filter((statement) => isWithin(statement, each)).length < 2) continue;
        breaches.push({ ...at(file, `${each.name} sends more than one statement`), line: lineAt(file, each.start) });
      }
      return breaches;
    });
}

function exportedFunctions(file: SourceFile): readonly { readonly name: string; readonly line: number }[] {
  const found: { name: string; line: number }[] = [];
  visit(file, {
    ExportNamedDeclaration(node) {
      const { declaration } = node;
      const line = lineAt(file, node.start);
      if (declaration?.type === "FunctionDeclaration") found.push({ name: declaration.id?.name ?? "", line });
      if (declaration?.type !== "VariableDeclaration") return;
      for (const each of declaration.declarations) {
        if (each.init?.type !== "ArrowFunctionExpression" && each.init?.type !== "FunctionExpression") continue;
        found.push({ name: each.id.type === "Identifier" ? each.id.name : "", line });
      }
    },
    ExportDefaultDeclaration: (node) => void found.push({ name: "default", line: lineAt(file, node.start) }),
  });
  return found;
}

/** Statements of store files that name a table behind the tenant wall without its `tenant_id`. */
export function tenantBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const walled = files
    .filter((file) => file.path.endsWith(".sql"))
    .flatMap((file) => [...file.source.matchAll(/\.tenant_table\(\s*'([a-z_.]+)'/g)].map((match) => match[1] ?? ""));
  return files
    .filter((file) => isScript(file.path) && !isTest(file.path) && roleOf(file.path) === "store")
    .flatMap((file) => {
      const breaches: Breach[] = [];
      visit(file, {
        TaggedTemplateExpression(node) {
          const text = node.quasi.quasis.map((part) => part.value.raw).join("$");
          const table = walled.find((name) => new RegExp(`\\b${name.replace(".", "\\.")}\\b`).test(text));
          if (table === undefined || text.includes("tenant_id")) return;
          breaches.push({ ...at(file, `${table} is read without tenant_id`), line: lineAt(file, node.start) });
        },
      });
      return breaches;
    });
}

/** Marks of unfinished work in comments. */
export function leftOverBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => isScript(file.path) && NAMED.test(file.path))
    .flatMap((file) =>
      parse(file)
        .comments.filter((comment) => LEFT_OVER.test(comment.value))
        .map((comment) => ({ ...at(file, "unfinished work is marked here"), line: lineAt(file, comment.start) })),
    );
}

/** Syntax that has a meaning at run time beyond JavaScript's, so that Node cannot strip it. */
export function runtimeSyntaxBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => /\.tsx?$/.test(file.path) && NAMED.test(file.path))
    .flatMap((file) => {
      const breaches: Breach[] = [];
      const note = (law: string) => (node: Span) =>
        void breaches.push({ ...at(file, law), line: lineAt(file, node.start) });
      visit(file, {
        TSEnumDeclaration: (node) => (node.declare ? undefined : note("enums do not run here")(node)),
        TSParameterProperty: note("parameter properties do not run here"),
        Decorator: note("decorators do not run here"),
        TSModuleDeclaration: (node) => (node.declare ? undefined : note("namespaces do not run here")(node)),
      });
      return breaches;
    });
}

function at(file: SourceFile, law: string): Breach {
  return { path: file.path, line: 1, law };
}

/** Names of all tests, with the file that holds each. */
export function testNames(files: readonly SourceFile[]): readonly { readonly path: string; readonly name: string }[] {
  return files
    .filter((file) => isTest(file.path))
    .flatMap((file) => {
      const names: { path: string; name: string }[] = [];
      visit(file, {
        CallExpression(node) {
          const name = testNameOf(node);
          if (name !== null) names.push({ path: file.path, name });
        },
      });
      return names;
    });
}

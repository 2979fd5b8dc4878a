import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  fileNameBreaches,
  functionLengthBreaches,
  leftOverBreaches,
  longFiles,
  MAX_FILE_LINES,
  MAX_FUNCTION_LINES,
  runtimeSyntaxBreaches,
  storeBreaches,
  tenantBreaches,
} from "./support/name-laws.ts";
import { readProject, shown, type Breach, type SourceFile } from "./support/source-file.ts";

type Law = (files: readonly SourceFile[]) => readonly Breach[];

/**
 * Files over the wall when the wall was built, with the lines they had. A number may sink and a line may go; nothing
 * may be added.
 */
const OLD_LONG_FILES: ReadonlyMap<string, number> = new Map();

const STORE = "src/products/alpha/store.ts";
const NOUN = "src/products/alpha/quorum.ts";

const project = readProject();

function found(law: Law, ...files: readonly SourceFile[]): readonly string[] {
  return shown(law(files));
}

function objects(law: Law, path: string, source: string, extra: readonly SourceFile[] = []): void {
  assert.notDeepEqual(found(law, { path, source }, ...extra), [], `said nothing to ${path}: ${source}`);
}

function accepts(law: Law, path: string, source: string, extra: readonly SourceFile[] = []): void {
  assert.deepEqual(found(law, { path, source }, ...extra), []);
}

describe("names of files", () => {
  const bad = [
    "src/db/Pool.ts",
    "src/db/tx_pool.ts",
    "src/DB/pool.ts",
    "cli/commandRun.ts",
    "src/a/migrations/1_x.sql",
  ];
  for (const path of bad)
    test(`objects to ${path}, which is not kebab-case`, () => objects(fileNameBreaches, path, ""));

  const empty = ["index", "utils", "util", "helpers", "common", "types", "constants", "manager", "base", "key-manager"];
  for (const name of [...empty, "string-utils", "index.test"]) {
    test(`objects to ${name}.ts, which says nothing`, () =>
      objects(fileNameBreaches, `src/platform/db/${name}.ts`, ""));
  }
  test("objects to a folder that says nothing", () => objects(fileNameBreaches, "src/platform/utils/pool.ts", ""));

  const good = [
    "src/db/pool.ts",
    "src/db/tx.test.ts",
    "src/a/README.md",
    "src/a/README.fr.md",
    "src/a/migrations/0001_what.sql",
    "docs/errors.md",
  ];
  for (const path of good) test(`accepts ${path}`, () => accepts(fileNameBreaches, path, ""));

  test("the project keeps them", () => assert.deepEqual(found(fileNameBreaches, ...project), []));
});

describe("lengths", () => {
  const lines = (count: number): string => "x()\n".repeat(count);

  test(`a file of ${MAX_FILE_LINES} lines is accepted, one of a line more is not`, () => {
    assert.equal(longFiles([{ path: NOUN, source: lines(MAX_FILE_LINES) }]).size, 0);
    assert.deepEqual([...longFiles([{ path: NOUN, source: lines(MAX_FILE_LINES + 1) }])], [[NOUN, MAX_FILE_LINES + 1]]);
  });

  test(`a function of ${MAX_FUNCTION_LINES} lines is accepted, one of a line more is not`, () => {
    for (const head of ["function f() {\n", "const f = () => {\n", "const f = { f() {\n", "class F { f() {\n"]) {
      const tail = /[{] f/.test(head) ? "}}" : "}";
      accepts(functionLengthBreaches, NOUN, `${head}${lines(MAX_FUNCTION_LINES - 2)}${tail}`);
      objects(functionLengthBreaches, NOUN, `${head}${lines(MAX_FUNCTION_LINES - 1)}${tail}`);
    }
  });

  test("a list of tests may be longer than a function, a test may not", () => {
    const entry = `test('a', () => {\n${lines(40)}})\n`;
    accepts(functionLengthBreaches, "src/a.test.ts", `describe('b', () => {\n${entry}${entry}})`);
    objects(functionLengthBreaches, "src/a.test.ts", `test('a', () => {\n${lines(MAX_FUNCTION_LINES)}})`);
  });

  test("no file of the project is longer, save old offenders, which do not grow", () => {
    const long = longFiles(project);
    const grown = [...long].filter(([path, count]) => count > (OLD_LONG_FILES.get(path) ?? MAX_FILE_LINES));
    assert.deepEqual(grown, []);
    assert.deepEqual(
      [...OLD_LONG_FILES.keys()].filter((path) => !long.has(path)),
      [],
      "take these off the list of old offenders",
    );
  });

  test("no function of the project is longer", () => assert.deepEqual(found(functionLengthBreaches, ...project), []));
});

describe("stores", () => {
  for (const name of ["getDocument", "saveDocument", "upsertDocument", "unlockDocument", "document", "findall"]) {
    test(`objects to ${name}, which begins with no store verb`, () => {
      objects(storeBreaches, STORE, `export async function ${name}() {}`);
      objects(storeBreaches, STORE, `export const ${name} = () => 1`);
    });
  }
  test("objects to a function that sends two statements", () => {
    objects(storeBreaches, STORE, "export function updateAll() { tx.run(sql`a`); return tx.run(sql`b`) }");
  });
  test("accepts the seven verbs, private functions of any name, and types", () => {
    for (const verb of ["find", "list", "insert", "update", "delete", "lock", "count"]) {
      accepts(storeBreaches, STORE, `export async function ${verb}Document(tx) { return tx.one(sql\`a\`) }`);
    }
    accepts(storeBreaches, STORE, "export type Row = { id: string }; function narrow(row) { return row }");
  });
  test("the stores of the project keep it", () => assert.deepEqual(found(storeBreaches, ...project), []));

  const wall = { path: "src/a/migrations/0001_a.sql", source: "select platform.tenant_table('alpha.documents');" };
  test("objects to a statement on a walled table that does not name the tenant", () => {
    objects(tenantBreaches, STORE, "sql`select 1 from alpha.documents where id = ${id}`", [wall]);
  });
  test("accepts a statement that names the tenant, or that touches no walled table", () => {
    accepts(tenantBreaches, STORE, "sql`delete from alpha.documents where tenant_id = ${t} and id = ${id}`", [wall]);
    accepts(tenantBreaches, STORE, "sql`select 1 from alpha.documents_queue`", [wall]);
  });
  test("the statements of the project name the tenant", () => assert.deepEqual(found(tenantBreaches, ...project), []));
});

describe("what stays behind", () => {
  for (const word of ["TODO", "FIXME", "XXX", "HACK"]) {
    test(`objects to ${word} in a comment`, () => {
      objects(leftOverBreaches, NOUN, `// ${word}: later`);
      objects(leftOverBreaches, NOUN, `/** ${word} */`);
    });
    test(`accepts ${word} in a text`, () => accepts(leftOverBreaches, NOUN, `const word = '${word}'`));
  }
  test("the project has no unfinished work in its comments", () => {
    assert.deepEqual(found(leftOverBreaches, ...project), []);
  });
});

describe("syntax that Node cannot strip", () => {
  const samples = ["enum E { A }", "const enum E { A }", "namespace N { export const a = 1 }", "@dec class C {}"];
  for (const source of [...samples, "class C { constructor(private readonly a: number) {} }"]) {
    test(`objects to ${source}`, () => objects(runtimeSyntaxBreaches, NOUN, source));
  }
  test("accepts what only declares", () => {
    accepts(runtimeSyntaxBreaches, NOUN, "declare module 'x' { interface Y { z: string } }");
    accepts(runtimeSyntaxBreaches, NOUN, "const kinds = { a: 1 } as const");
  });
  test("the project has none", () => assert.deepEqual(found(runtimeSyntaxBreaches, ...project), []));
});

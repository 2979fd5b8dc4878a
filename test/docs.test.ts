import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { ERRORS_PAGES, errorsPage, errorTables, frenchTitles } from "../scripts/errors-page.ts";
import { contractBreaches, pathBreaches, privatePlaceBreaches } from "./support/doc-laws.ts";
import { readProject, shown, type Breach, type SourceFile } from "./support/source-file.ts";

type Law = (files: readonly SourceFile[]) => readonly Breach[];

const project = readProject();

function found(law: Law, ...files: readonly SourceFile[]): readonly string[] {
  return shown(law(files));
}

describe("paths named in the docs", () => {
  const tree: readonly SourceFile[] = [
    { path: "src/platform/db/tx.ts", source: "" },
    { path: "src/products/alpha/store.ts", source: "" },
    { path: "docs/adr/0001-why.md", source: "" },
  ];
  const said = (source: string): readonly string[] => found(pathBreaches, ...tree, { path: "docs/guide.md", source });

  const missing = [
    ...["`src/platform/db/pool.ts`", "`platform/db/pool.ts`", "`alpha/routes.ts`", "`pool.ts`", "`src/platform/log/`"],
    ...["[why](adr/0002-why.md)", "[why](../README.md)", "[why](adr/0002-why.md#part)"],
  ];
  for (const source of missing) {
    test(`objects to ${source}, which is not there`, () => assert.equal(said(source).length, 1, said(source).join()));
  }

  const fine = [
    ...["`src/platform/db/tx.ts`", "`platform/db/`", "`alpha/store.ts`", "`guide.md`", "[why](adr/0001-why.md#part)"],
    ...[
      "[site](https://example.org/a.ts)",
      "`application/json`",
      "`/v1/documents`",
      "`data/root.key`",
      "`src/<area>/x.ts`",
    ],
    ...["```\nnode pool.ts\n```", "[part](#part)", "`npm run check`"],
  ];
  for (const source of fine) test(`accepts ${source.split("\n").join(" ")}`, () => assert.deepEqual(said(source), []));

  test("all of them exist", () => assert.deepEqual(found(pathBreaches, ...project), []));
});

describe("what only our machines and trackers understand", () => {
  // Put together here, so that this file does not name them itself.
  const samples = [
    ["", "home", "ada", "x"].join("/"),
    ["", "Users", "ada", "x"].join("/"),
    ["", "work", "x"].join("/"),
  ];
  for (const text of [
    ...samples,
    ["see issue", "#12"].join(" "),
    ["fixes", "#7"].join(" "),
    ["ticket", "9"].join(" "),
  ]) {
    test(`objects to "${text.split("").join("\u200b")}"`, () => {
      assert.equal(found(privatePlaceBreaches, { path: "src/a.ts", source: `// ${text}` }).length, 1);
    });
  }
  test("accepts paths of the product and words that only look alike", () => {
    const source = "/var/lib/tabellion /v1/work/1 https://example.org/home/ada/x PKCS #8, issued 12 days ago";
    assert.deepEqual(found(privatePlaceBreaches, { path: "src/a.ts", source }), []);
  });
  test("the project names none of it", () => assert.deepEqual(found(privatePlaceBreaches, ...project), []));
});

describe("contracts: a numbered promise marked `tested` stands in a test's name", () => {
  const contract = (...rows: readonly string[]): SourceFile => ({
    path: "src/products/alpha/CONTRACT.md",
    source: ["# Contract", "", "| Number | Promise | Held |", "|---|---|---|", ...rows, ""].join("\n"),
  });
  const tests: SourceFile = {
    path: "test/e2e/alpha.test.ts",
    source: "test('AL-01 a sealed document stays sealed', () => {}); t.test(`AL-02 ${kind} is refused`, () => {})",
  };
  const said = (...rows: readonly string[]): readonly string[] => found(contractBreaches, contract(...rows), tests);
  const both = ["| AL-01 | a | tested |", "| AL-02 | b | tested |"];

  test("accepts promises with tests, and planned ones without", () => {
    assert.deepEqual(said(...both, "| AL-03 | c `x | y` | planned |"), []);
  });
  test("objects to a promise that no test names", () => {
    assert.match(said(...both, "| AL-04 | d | tested |").join(), /no test's name holds AL-04/);
  });
  test("objects to a test of something that nobody promised", () => {
    assert.match(said("| AL-01 | a | tested |").join(), /AL-02 is in a test's name but not in the contract/);
  });
  test("objects to a number that stands twice", () => {
    assert.match(said(...both, "| AL-02 | again | tested |").join(), /AL-02 stands twice/);
  });
  test("objects to a promise that is neither tested nor planned", () => {
    assert.match(said(...both, "| AL-03 | c | maybe |").join(), /AL-03 is neither tested nor planned/);
  });
  test("objects to a contract without a numbered promise", () => {
    assert.match(said("- It works.").join(), /promises nothing/);
  });
  test("the contracts of the project are kept", () => assert.deepEqual(found(contractBreaches, ...project), []));
});

test("docs/errors.md and its French are what the error tables say; `npm run errors` writes them anew", async () => {
  const tables = await errorTables();
  const french = await frenchTitles(tables.keys());
  assert.equal(await readFile(ERRORS_PAGES.en, "utf8"), errorsPage(tables));
  assert.equal(await readFile(ERRORS_PAGES.fr, "utf8"), errorsPage(tables, french));
  assert.throws(() => errorsPage(tables, new Map(french).set("blobs", {})), /of blobs has no French/);
});

test("codes on the wire and in the tables are snake_case, and statuses are those of failures", async () => {
  for (const [area, table] of await errorTables()) {
    for (const [code, row] of Object.entries(table)) {
      assert.match(code, /^[a-z]+(?:_[a-z0-9]+)*$/, `${area}.${code}`);
      assert.ok(row.status >= 400 && row.status <= 599, `${area}.${code} has status ${row.status}`);
      assert.notEqual(row.title, "", `${area}.${code} has no title`);
    }
  }
});

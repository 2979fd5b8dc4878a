import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readmeHeadings, shapeBreaches } from "./support/shape-laws.ts";
import { readProject, shown, type SourceFile } from "./support/source-file.ts";

const FOLDER = "src/products/alpha";
const README = ["# Alpha", ...readmeHeadings.map((heading) => `## ${heading}\n\nText.`)].join("\n\n");

/** A product in which nothing is missing. */
const whole: ReadonlyMap<string, string> = new Map([
  ["README.md", README],
  ["CONTRACT.md", "| AL-01 | It works. | tested |"],
  ...["product", "auth", "dialect", "routes", "schema", "operations", "store", "errors", "events", "jobs"].map(
    (role) => [`${role}.ts`, "export {}"] as const,
  ),
  ["quorum.ts", "export {}"],
  ["quorum.test.ts", "export {}"],
  ["migrations/0001_documents.sql", "select 1;"],
  ["migrations/0002_releases.sql", "select 1;"],
]);

function objections(change: (files: Map<string, string>) => void): readonly string[] {
  const files = new Map(whole);
  change(files);
  const tree: SourceFile[] = [...files].map(([path, source]) => ({ path: `${FOLDER}/${path}`, source }));
  return shown(shapeBreaches(tree));
}

describe("every product folder has one shape", () => {
  test("accepts a product that has all its parts", () => {
    assert.deepEqual(
      objections(() => undefined),
      [],
    );
  });

  test("accepts operations and stores grown into folders, and a second front door", () => {
    const found = objections((files) => {
      for (const part of ["operations", "store"]) {
        files.delete(`${part}.ts`);
        files.set(`${part}/documents.ts`, "export {}");
      }
      for (const part of ["routes", "auth", "dialect", "signature", "signature.test"]) files.set(`s3/${part}.ts`, "");
    });
    assert.deepEqual(found, []);
  });

  for (const path of [...whole.keys()].filter((name) => !/quorum|0002/.test(name) && name !== "product.ts")) {
    test(`objects when ${path} is missing`, () => {
      const found = objections((files) => void files.delete(path));
      assert.equal(found.length, 1, found.join("\n"));
    });
  }

  const foreign = [
    "notes.txt",
    "helpers/x.ts",
    "s3/routes.ts",
    "migrations/up.ts",
    "operations/deep/x.ts",
    "Quorum.ts",
  ];
  for (const path of foreign) {
    test(`objects to ${path}, which belongs to no part`, () => {
      const found = objections((files) => void files.set(path, ""));
      assert.ok(
        found.some((text) => text.startsWith(`${FOLDER}/`)),
        found.join("\n"),
      );
    });
  }

  test("objects to a part that is both a file and a folder", () => {
    const found = objections((files) => void files.set("store/documents.ts", ""));
    assert.match(found.join("\n"), /a file or a folder, not both/);
  });

  test("objects to a README whose headings differ, or stand in another order", () => {
    const [first = "", second = "", ...rest] = readmeHeadings;
    for (const headings of [
      [second, first, ...rest],
      [first, ...rest],
      [...readmeHeadings, "Notes"],
    ]) {
      const found = objections(
        (files) => void files.set("README.md", headings.map((heading) => `## ${heading}`).join("\n")),
      );
      assert.match(found.join("\n"), /headings are Purpose, Words/);
    }
  });

  test("objects to a gap in the numbers of migrations", () => {
    const found = objections((files) => void files.set("migrations/0004_links.sql", ""));
    assert.match(found.join("\n"), /without a gap/);
  });

  test("the products of the project have it", () => {
    assert.deepEqual(shown(shapeBreaches(readProject())), []);
  });
});

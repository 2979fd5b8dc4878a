import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { administrationFrench } from "../src/platform/administration/french.ts";
import { auditReadingFrench } from "../src/platform/audit-reading/french.ts";
import { frenchPages, setSpaces } from "../scripts/french-pages.ts";
import { errorTables } from "../scripts/errors-page.ts";
import { blobsFrench } from "../src/platform/blobs/french.ts";
import { httpFrench } from "../src/platform/http/french.ts";
import type { OpenApiDocument } from "../src/platform/http/openapi-document.ts";
import { frenchDocument, type FrenchTable } from "../src/platform/http/openapi-french.ts";
import { credentialsFrench } from "../src/platform/credentials/french.ts";
import { membersFrench } from "../src/platform/members/french.ts";
import { notifyFrench } from "../src/platform/notify/french.ts";
import { sessionsFrench } from "../src/platform/sessions/french.ts";
import { tenantsFrench } from "../src/platform/tenants/french.ts";
import { webhooksFrench } from "../src/platform/webhooks/french.ts";
import { secufileFrench } from "../src/products/secufile/french.ts";
import { ssksFrench } from "../src/products/ssks/french.ts";

const root = new URL("../", import.meta.url);
const people = { membersFrench, sessionsFrench };
/** By the document: the product's own texts, and those of the areas whose routes it takes in. */
const documents = {
  secufile: { auditReadingFrench, credentialsFrench, webhooksFrench, secufileFrench },
  ssks: { credentialsFrench, ssksFrench },
  platform: { administrationFrench, auditReadingFrench, credentialsFrench, notifyFrench, tenantsFrench, ...people },
} as const;

/** Another test holds this file equal to what the routes publish. */
async function documentOf(product: string): Promise<OpenApiDocument> {
  return JSON.parse(await readFile(new URL(`openapi/${product}.json`, root), "utf8")) as OpenApiDocument;
}

test("every text of the published documents has its French, and no French is left over", async () => {
  const usedOnce = new Set<string>();
  for (const [product, tables] of Object.entries(documents)) {
    const table = Object.assign({}, ...Object.values(tables)) as Record<string, string>;
    const { missing, used } = frenchDocument(await documentOf(product), table);
    const lines = missing.map((text) => `  ${JSON.stringify(text)}:\n    "",`).join("\n");
    assert.equal(missing.length, 0, `put these into the french.ts of their owner:\n${lines}`);
    for (const text of used) usedOnce.add(text);
  }
  // Some failures stand on the page of errors alone.
  for (const table of (await errorTables()).values()) {
    for (const { title } of Object.values(table)) usedOnce.add(title);
  }
  const tables = Object.values(documents).flatMap((one) => Object.values<FrenchTable>(one));
  const left = [httpFrench, blobsFrench, ...tables].flatMap(Object.keys).filter((text) => !usedOnce.has(text));
  assert.deepEqual(left, [], "no text of any document is this any more");
});

test("no text stands in two tables of one document, and French has its spaces", () => {
  for (const tables of Object.values(documents)) {
    const all = Object.entries({ httpFrench, ...tables }).flatMap(([, table]) => Object.entries(table));
    assert.equal(new Set(all.map(([english]) => english)).size, all.length);
    for (const [, french] of all) {
      const prose = french.replaceAll(/`[^`]*`/g, "x");
      assert.doesNotMatch(prose, /[\p{L}\p{N}][;!?](?:\s|$)|[\p{L}\p{N}]:\s/u, french);
    }
  }
});

test("Markdown in French has spaces that do not break; `npm run french` sets them", async () => {
  for (const page of frenchPages()) {
    const text = await readFile(page, "utf8");
    assert.equal(text, setSpaces(text), `run npm run french for ${page.pathname}`);
  }
  const code = "```sh\necho a : b\n```";
  assert.equal(setSpaces(`Oui :\n${code}\nNon !`), `Oui\u00a0:\n${code}\nNon\u202f!`);
});

/** What must be the same in both languages: how many headings of each depth, and what stands in blocks of code. */
function skeleton(markdown: string): { headings: string[]; blocks: string[] } {
  const blocks = [...markdown.matchAll(/^```[\s\S]*?^```/gm)].map((match) => match[0]);
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, "");
  return { headings: [...prose.matchAll(/^(#+) /gm)].map((match) => match[1] ?? ""), blocks };
}

const products = globSync("src/products/*/README.md", { cwd: root }).map((path) => path.slice(0, -".md".length));
for (const name of ["README", "SECURITY", "docs/operations", "docs/errors", ...products]) {
  test(`${name} says the same in both languages, as far as headings and code go, and each links to the other`, async () => {
    const [english, french] = await Promise.all(
      [`${name}.md`, `${name}.fr.md`].map((path) => readFile(new URL(path, root), "utf8")),
    );
    assert.deepEqual(skeleton(french ?? ""), skeleton(english ?? ""));
    const file = name.split("/").at(-1);
    assert.match(english?.split("\n").slice(0, 4).join("\n") ?? "", new RegExp(`\\(${file}\\.fr\\.md\\)`));
    assert.match(french?.split("\n").slice(0, 4).join("\n") ?? "", new RegExp(`\\(${file}\\.md\\)`));
    const rows = (text: string | undefined): number =>
      text?.split("\n").filter((line) => line.startsWith("|")).length ?? 0;
    assert.equal(rows(french), rows(english), "rows of tables");
  });
}

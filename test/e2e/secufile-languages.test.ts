import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { startTestServer } from "../support/server.ts";

describe("the documentation of a running server", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.remove());

  const ask = (path: string, language = "") =>
    fetch(`${server.origin}${path}`, { headers: language === "" ? {} : { "accept-language": language } });

  test("SF-64 the running product documents itself in English and in French", async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ["/v1/secufile/reference", "*", "en"],
      ["/v1/secufile/reference", "fr-FR,fr;q=0.9,en;q=0.5", "fr"],
      ["/v1/secufile/reference?lang=fr", "en", "fr"],
      ["/v1/secufile/reference?lang=en", "fr", "en"],
      ["/v1/secufile/reference?lang=de", "fr", "fr"],
    ];
    for (const [path, accept, language] of cases) {
      const answer = await ask(path, accept);
      const page = await answer.text();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-language"), language, path);
      assert.match(answer.headers.get("vary") ?? "", /accept-language/i);
      assert.match(page, new RegExp(`<html lang="${language}">`));
      assert.ok(page.includes(language === "fr" ? "Lister les documents" : "List documents"));
      assert.ok(page.includes(language === "fr" ? 'href="?lang=en"' : 'href="?lang=fr"'));
    }
    const french = await (await ask("/v1/secufile/reference?lang=fr")).text();
    for (const english of ["List documents", "The token needs", "Skip to", ">required<", "Parameters<", "at most"]) {
      assert.ok(!french.includes(english), english);
    }
  });

  test("SF-64 the OpenAPI document has the same operations in both languages, and other words", async () => {
    type Document = {
      info: { description: string };
      paths: Record<string, Record<string, { operationId: string; summary: string }>>;
    };
    const [english, french] = await Promise.all(
      ["", "?lang=fr"].map(
        async (query) => (await (await ask(`/v1/secufile/openapi.json${query}`)).json()) as Document,
      ),
    );
    const summaries = (document: Document | undefined) =>
      Object.values(document?.paths ?? {}).flatMap((item) =>
        Object.values(item).map((one) => [one.operationId, one.summary]),
      );
    assert.deepEqual(
      summaries(french).map(([id]) => id),
      summaries(english).map(([id]) => id),
    );
    assert.ok(summaries(french).every(([, summary], at) => summary !== summaries(english)[at]?.[1]));
    assert.match(french?.info.description ?? "", /webhooks signés/);
    assert.match(await (await ask("/v1/secufile/openapi.yaml?lang=fr")).text(), /Lister les documents/);
    assert.match(await (await ask("/openapi.json", "fr")).text(), /Lister les documents/);
  });

  const others = [
    ["ssks", "API SSKS", "Mot de passe"],
    ["platform", "Administration de Tabellion", "Clés de signature"],
  ] as const;
  for (const [name, title, tag] of others) {
    test(`SF-64 ${name}, too, documents itself in both languages, and its file is what the server publishes`, async () => {
      const kept = await readFile(new URL(`../../openapi/${name}.json`, import.meta.url), "utf8");
      const served = await (await ask(`/v1/${name}/openapi.json`, "en")).text();
      const elsewhere = served.replaceAll(server.origin, "https://tabellion.example.org");
      assert.deepEqual(JSON.parse(elsewhere), JSON.parse(kept));
      const french = await ask(`/v1/${name}/openapi.json`, "fr");
      assert.equal(french.headers.get("content-language"), "fr");
      assert.equal(((await french.json()) as { info: { title: string } }).info.title, title);
      const page = await (await ask(`/v1/${name}/reference`, "fr")).text();
      assert.ok(page.includes(`<title>${title}\u00a0: référence</title>`));
      assert.ok(page.includes(`<h2>${tag}</h2>`));
      assert.ok(!page.includes("The token needs"));
      assert.equal((await ask(`/v1/${name}/postman.json`)).status, 200);
    });
  }
});

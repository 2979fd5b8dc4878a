import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { parse as parseYaml } from "yaml";
import { clientOf, expected, expectedProblem, type Client, type Json } from "../support/secufile-client.ts";
import { operationsOf } from "../support/secufile-scopes.ts";
import { startTestServer } from "../support/server.ts";

const run = promisify(execFile);
const ROOT = new URL("../../", import.meta.url).pathname;

function sampleOf(operation: Json, label: string): string {
  const samples: { label: string; source: string }[] = operation["x-codeSamples"];
  return samples.find((one) => one.label === label)?.source ?? assert.fail(`${operation.operationId} has none`);
}

describe("what SecuFile publishes of itself", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  /** Without a token: all of it is public. */
  let open: Client;
  let document: Json;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tabellion-published-"));
    server = await startTestServer();
    open = clientOf(server.origin, "");
    document = expected(await open.get("/openapi.json"), 200);
  });
  after(async () => {
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const allOf = (): Json[] => Object.values(document.paths).flatMap((item) => Object.values(item as Json));

  test("SF-36 the document is OpenAPI 3.1, the same as JSON and as YAML, for anybody to read", async () => {
    assert.match(document.openapi, /^3\.1\./);
    const yaml = await open.get("/openapi.yaml");
    assert.match(yaml.headers.get("content-type") ?? "", /yaml/);
    assert.deepEqual(parseYaml(yaml.bytes.toString("utf8"), { maxAliasCount: -1 }), document);
    for (const path of ["/openapi.json", "/openapi.yaml"]) {
      const answer = await fetch(server.origin + path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    }
  });

  test("SF-36 SF-37 the strictest rules of an independent linter find no error in it", async () => {
    const file = join(folder, "secufile.json");
    // Served from a loopback address, which the rules forbid as an example; all else is as it is served.
    const published = { ...document, servers: [{ ...document.servers[0], url: "https://tabellion.example.org" }] };
    await writeFile(file, JSON.stringify(published));
    const { stdout, stderr } = await run(
      process.execPath,
      [join(ROOT, "node_modules/@redocly/cli/bin/cli.js"), "lint", "--config", join(ROOT, "redocly.yaml"), file],
      { env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" } },
    );
    assert.match(stdout + stderr, /is valid/);
  });

  test("SF-36 SF-37 every operation has a name of its own, a scope, schemas for what goes in and comes out", () => {
    const names = allOf().map((operation) => operation.operationId);
    assert.equal(new Set(names).size, names.length);
    for (const operation of allOf()) {
      const { operationId } = operation;
      assert.match(operationId, /^[a-z][A-Za-z]+$/);
      assert.equal(typeof operation.summary, "string", operationId);
      assert.deepEqual([operation.tags.length, operation.security.length], [1, 1], operationId);
      const successes = Object.keys(operation.responses).filter((status) => status.startsWith("2"));
      assert.ok(successes.length > 0, operationId);
      for (const status of successes.filter((one) => one !== "204")) {
        for (const media of Object.values(operation.responses[status].content)) {
          assert.equal(typeof (media as Json).schema, "object", `${operationId} ${status}`);
        }
      }
      for (const status of ["401", "403", "429", "500"]) {
        assert.ok(status in operation.responses, `${operationId} ${status}`);
      }
      for (const media of Object.values(operation.requestBody?.content ?? {})) {
        assert.equal(typeof (media as Json).schema, "object", operationId);
      }
    }
    const ofSignatures = ["requested", "viewed", "signed", "declined", "completed", "expired", "cancelled"];
    const wanted = ["object.failed", "object.uploaded", ...ofSignatures.map((act) => `signature.${act}`)];
    assert.deepEqual(new Set(Object.keys(document.webhooks)), new Set(wanted));
    assert.equal(document.components.securitySchemes.bearer.scheme, "bearer");
  });

  test("SF-36 what is documented is what answers: no path is missing, and both styles are named", async () => {
    for (const operation of operationsOf(document)) {
      assert.ok(operation.alias.startsWith("/v1/") && operation.path.startsWith("/v1/secufile/"));
      for (const path of [operation.path, operation.alias]) {
        const answer = await open.call(operation.method, path.replaceAll(/\{[a-z]+\}/g, "x"));
        expectedProblem(answer, 401, "unauthorized");
      }
    }
  });

  test("SF-29 every POST takes an Idempotency-Key, in the document and on the server", async () => {
    const api = clientOf(server.origin, server.apiKey);
    const operations = operationsOf(document);
    for (const operation of operations) {
      assert.equal(operation.hasIdempotencyKey, operation.method === "POST", operation.operationId);
    }
    const ids: Record<string, string> = {
      documents: "doc_",
      signatures: "sig_",
      webhooks: "whk_",
      tokens: "tok_",
      kms: "",
      audit: "ast_",
    };
    const bodies: Record<string, unknown> = {
      createDocument: { filename: "a", key_wrap: "k" },
      releaseKey: { recipient_public_key: "age1invalid-but-long", reason: "r" },
      createKey: {},
      wrapKey: { plaintext_key: "AAAA" },
      createWebhook: { url: "https://example.com/hook", events: ["*"] },
      createAuditStream: { name: "a", type: "webhook", url: "https://example.com/hook" },
      createSignature: { signers: [{ email: "a@example.com", role: "r" }] },
      createToken: { name: "a", scopes: ["audit:read"] },
    };
    for (const operation of operations.filter(({ method }) => method === "POST")) {
      const noun = /^\/v1\/secufile\/(\w+)/.exec(operation.path)?.[1] ?? "";
      const ulid = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
      const path = operation.path.replace("{id}", (ids[noun] ?? "") + ulid).replace("{did}", `dlv_${ulid}`);
      const answer = await api.post(path, bodies[operation.operationId], { "idempotency-key": "none" });
      expectedProblem(answer, 400, "idempotency_key_invalid");
    }
  });

  test("SF-39 every operation has an example in curl that names its own address and method", () => {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries<Json>(item as Json)) {
        const source = sampleOf(operation, "curl");
        assert.ok(source.startsWith("curl "), operation.operationId);
        assert.ok(source.includes(`-X ${method.toUpperCase()} `), operation.operationId);
        assert.ok(source.includes(path.split("{")[0] ?? ""), operation.operationId);
        assert.match(source, /Authorization: Bearer \$[A-Z_]+/);
      }
    }
  });

  test("SF-39 the curl example of the first call works as it is printed", async (context) => {
    const hasTools = await run("sh", ["-c", "command -v curl && command -v uuidgen"]).catch(() => null);
    if (hasTools === null) {
      context.skip("curl and uuidgen are not installed");
      return;
    }
    const source = sampleOf(document.paths["/v1/secufile/documents"].post, "curl");
    const variable = /Bearer \$([A-Z_]+)/.exec(source)?.[1] ?? "";
    const { stdout } = await run("sh", ["-c", `${source} -sS`], {
      env: { PATH: process.env["PATH"] ?? "", [variable]: server.apiKey },
    });
    assert.match(JSON.parse(stdout).document_id, /^doc_/);
  });

  test("SF-40 every operation has an example in Python, and that of the first call works as it is printed", async (context) => {
    for (const operation of allOf()) assert.match(sampleOf(operation, "Python"), /^import /, operation.operationId);
    const hasPython = await run("python3", ["--version"]).catch(() => null);
    if (hasPython === null) {
      context.skip("python3 is not installed");
      return;
    }
    const source = sampleOf(document.paths["/v1/secufile/documents"].post, "Python");
    const variable = /os\.environ\['([A-Z_]+)'\]/.exec(source)?.[1] ?? "";
    const { stdout } = await run("python3", ["-c", source], {
      env: { PATH: process.env["PATH"] ?? "", [variable]: server.apiKey },
    });
    assert.match(stdout, /doc_[0-7][0-9A-HJKMNP-TV-Z]{25}/);
  });

  test("SF-38 the Postman collection is served, and holds each operation once, with a token to fill in", async () => {
    const collection = expected(await open.get("/postman.json"), 200);
    assert.match(collection.info.schema, /collection\/v2\.1\.0/);
    const requests: Json[] = [];
    const walk = (items: Json[]): void => {
      for (const item of items) {
        if (item.request !== undefined) requests.push(item.request);
        walk(item.item ?? []);
      }
    };
    walk(collection.item);
    const shown = requests.map(({ method, url }) => `${method} /${(url.path as string[]).join("/")}`);
    const wanted = operationsOf(document).map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
    );
    for (const each of wanted) assert.equal(shown.filter((one) => one === each).length, 1, each);
    const variables: Json[] = collection.variable;
    assert.equal(variables.find(({ key }) => key === "token").value, "");
    assert.equal(JSON.stringify(collection).includes("sfk_"), false);
  });

  test("SF-36 the reference page is for people: it loads nothing from elsewhere and explains every code", async () => {
    const answer = await open.get("/reference");
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    const page = answer.bytes.toString("utf8");
    assert.doesNotMatch(page, /<(?:script|img|iframe)[^>]+src="https?:/i);
    const problem = expectedProblem(await open.get("/documents"), 401, "unauthorized");
    const fragment = new URL(problem.type, server.origin).hash.slice(1);
    assert.ok(page.includes(`id="${fragment}"`), `the page explains ${fragment}`);
    for (const operation of allOf())
      assert.ok(page.includes(operation.operationId) || page.includes(operation.summary));
  });
});

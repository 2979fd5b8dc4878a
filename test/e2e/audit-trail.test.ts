import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newDocument,
  storedDocument,
  withScopes,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { tabellion } from "../support/tabellion-command.ts";

describe("what requests leave in the audit log", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let client: Client;
  before(async () => {
    server = await startTestServer();
    client = clientOf(server.origin, server.apiKey);
  });
  after(() => server.remove());

  /** Rows of one token, in the order in which they were written. */
  function rowsOf(tokenId: string): Promise<Json[]> {
    return look(
      server.database.superUrl,
      `select action, outcome, resource_type, resource_id, event::json -> 'details' as details
         from platform.audit_events where actor_id = $1 order by xmin::text::bigint`,
      [tokenId],
    );
  }

  test("a refusal for want of a scope is denied, a wrong body failed, an unknown thing failed, each with its code", async () => {
    const token = await withScopes(client, ["documents:read"]);
    expectedProblem(await token.post("/documents", { filename: "a", key_wrap: "k" }), 403, "insufficient_scope");
    const unknown = "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
    expectedProblem(await token.get(`/documents/${unknown}`), 404, "document_not_found");
    expectedProblem(await token.get("/documents?limit=0"), 422, "validation_failed");
    const rows = await rowsOf(token.tokenId);
    assert.deepEqual(
      rows.map((row) => [row.action, row.outcome, row.details.code, row.resource_type, row.resource_id]),
      [
        ["secufile.createDocument", "denied", "insufficient_scope", null, null],
        ["secufile.getDocument", "failed", "document_not_found", "document", unknown],
        ["secufile.listDocuments", "failed", "validation_failed", null, null],
      ],
    );
    for (const row of rows) assert.match(row.details.request_id, /^req_/);
  });

  test("a body that is no JSON, of a wrong type or too large leaves a row, though it never reached the operation", async () => {
    const token = await withScopes(client, ["documents:write"]);
    const headers = { "content-type": "application/json" };
    expectedProblem(await token.call("POST", "/documents", { raw: "{", headers }), 400, "invalid_json");
    expectedProblem(
      await token.call("POST", "/documents", { raw: "a", headers: { "content-type": "text/plain" } }),
      415,
      "unsupported_media_type",
    );
    expectedProblem(
      await token.call("POST", "/documents", { raw: `"${"a".repeat(1024 * 1024)}"`, headers }),
      413,
      "payload_too_large",
    );
    const rows = await rowsOf(token.tokenId);
    assert.deepEqual(
      rows.map((row) => [row.action, row.outcome, row.details.status]),
      [400, 415, 413].map((status) => ["secufile.createDocument", "failed", status]),
    );
  });

  test("a replay under an Idempotency-Key is on record as one, beside the one row of what was done", async () => {
    const token = await withScopes(client, ["documents:write"]);
    const key = { "idempotency-key": randomUUID() };
    const order = { filename: "a.age", key_wrap: "vault://kms/key/1" };
    const first = expected(await token.post("/documents", order, key), 201);
    assert.deepEqual(expected(await token.post("/documents", order, key), 201), first);
    const rows = await rowsOf(token.tokenId);
    assert.deepEqual(
      rows.map((row) => [row.action, row.outcome, row.details.is_replay ?? false]),
      [
        ["secufile.createDocument", "success", false],
        ["secufile.createDocument", "success", true],
      ],
    );
  });

  test("a refusal that is kept for replays is on record in the transaction that keeps it", async () => {
    const token = await withScopes(client, ["tokens:manage"]);
    const key = { "idempotency-key": randomUUID() };
    const path = "/tokens/tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F/rotate";
    for (let time = 0; time < 2; time++) expectedProblem(await token.post(path, {}, key), 404, "token_not_found");
    const rows = await rowsOf(token.tokenId);
    assert.deepEqual(
      rows.map((row) => [row.action, row.outcome, row.details.status, row.details.is_replay ?? false]),
      [
        ["secufile.rotateToken", "failed", 404, false],
        ["secufile.rotateToken", "failed", 404, true],
      ],
    );
  });

  test("what fails after it was allowed is on record as failed, too", async () => {
    const id = await storedDocument(client, new Uint8Array(10));
    const token = await withScopes(client, ["documents:read"]);
    expectedProblem(await token.get(`/documents/${id}/content`, { range: "bytes=100-" }), 416, "range_not_satisfiable");
    const rows = await rowsOf(token.tokenId);
    assert.deepEqual(
      rows.map((row) => [row.action, row.outcome]),
      [
        ["secufile.getContent", "success"],
        ["secufile.getContent", "failed"],
      ],
    );
  });

  test("an operation that writes its own row leaves that one alone; one that writes none gets a general one", async () => {
    const token = await withScopes(client, ["documents:write", "documents:read", "webhooks:read"]);
    const id = await newDocument(token);
    expected(await token.get(`/documents/${id}`), 200);
    expected(await token.get("/webhooks"), 200);
    const rows = await rowsOf(token.tokenId);
    assert.deepEqual(
      rows.map((row) => [row.action, row.outcome]),
      [
        ["secufile.createDocument", "success"],
        ["secufile.getDocument", "success"],
        ["secufile.listWebhooks", "success"],
      ],
    );
  });

  test("the operator's requests are in the server's own log, also one for an organisation that does not exist", async () => {
    const operator = clientOf(server.origin, server.operatorToken);
    expected(await operator.get("/v1/tenants"), 200);
    expectedProblem(await operator.get("/v1/tenants/ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "tenant_not_found");
    const rows = await look(
      server.database.superUrl,
      "select action, outcome from platform.audit_events where tenant_id = 'server' and actor_type = 'operator' order by xmin::text::bigint",
    );
    const last = rows.slice(-2).map((row) => [row.action, row.outcome]);
    assert.deepEqual(last, [
      ["platform.listTenants", "success"],
      ["platform.authenticate", "failed"],
    ]);
  });

  test("unknown callers are counted by minute, network and reason, for the operator alone, and by the command", async () => {
    for (let time = 0; time < 50; time++) {
      expectedProblem(await clientOf(server.origin, `sfk_live_wrong${time}`).get("/documents"), 401, "unauthorized");
    }
    assert.equal((await client.get("/v1/nowhere")).status, 404);
    assert.equal((await fetch(`${server.origin}/sign/${"x".repeat(43)}`)).status, 404);
    expect401(await client.get("/v1/platform/refusals"));
    const env = { TABELLION_URL: server.origin, TABELLION_DATA: server.dataDirectory };
    const counts = await eventually("they are counted", async () => {
      const listed = await tabellion(["audit", "refusals", "--json"], env);
      assert.equal(listed.code, 0, listed.stderr);
      const rows: Json[] = JSON.parse(listed.stdout);
      const total = (reason: string): number =>
        rows.filter((row) => row.reason === reason).reduce((sum, row) => sum + Number(row.count), 0);
      return total("unauthorized") >= 51 ? rows : null;
    });
    for (const row of counts) assert.equal(row.source, "127.0.0.0/24");
    assert.ok(counts.some((row) => row.reason === "not_found"));
    assert.ok(
      counts.some((row) => row.reason === "page_not_found"),
      "a link that opens nothing is shown as a page",
    );
    assert.ok(!JSON.stringify(counts).includes("wrong"));
  });

  function expect401(answer: { status: number }): void {
    assert.equal(answer.status, 401);
  }
});

describe("a flood of one token", () => {
  test("leaves one row a minute for all that was refused by its rate", async () => {
    const server = await startTestServer({ TABELLION_REQUESTS_PER_SECOND: "1" });
    try {
      const client = clientOf(server.origin, server.apiKey);
      const statuses: number[] = [];
      for (let time = 0; time < 30; time++) statuses.push((await client.get("/documents")).status);
      const limited = statuses.filter((status) => status === 429).length;
      assert.ok(limited > 10);
      const [row] = await look(
        server.database.superUrl,
        "select count(*)::int as count from platform.audit_events where outcome = 'denied'",
      );
      // Two where the flood went over the end of a minute.
      assert.ok(row.count >= 1 && row.count <= 2, `${row.count} rows of ${limited}`);
    } finally {
      await server.remove();
    }
  });
});

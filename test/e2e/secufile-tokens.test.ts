import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import pg from "pg";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  refusedFrom,
  rowCounts,
  withScopes,
  type Answer,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { allScopes, operationsOf, scopeOf, type PublishedOperation } from "../support/secufile-scopes.ts";
import { startServer, startTestServer, type TestServer } from "../support/server.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ULID = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";

/** A token of the right form that nobody was given. */
function inventedToken(): string {
  const body = `sfk_live_${"A".repeat(12)}_${"B".repeat(43)}`;
  let value = crc32(body);
  let checksum = "";
  for (let digit = 0; digit < 6; digit++) {
    checksum = BASE62.charAt(value % 62) + checksum;
    value = Math.floor(value / 62);
  }
  return body + checksum;
}

/** The path with ids that never were, of the right form for each. */
function pathOf(operation: PublishedOperation): string {
  const [, noun = ""] = /^\/v1\/secufile\/(\w+)/.exec(operation.path) ?? [];
  const prefix = { documents: "doc_", webhooks: "whk_", tokens: "tok_", kms: "", audit: "aud_" }[noun] ?? "";
  const own = operation.path.includes("/audit/streams/") ? `ast_${ULID}` : prefix + ULID;
  const path = operation.path.replace("{id}", own).replace("{did}", `dlv_${ULID}`);
  return path.replace("{level}", "0").replace("{tile}", "000");
}

describe("tokens of SecuFile", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  /** A second process on the same database. */
  let second: TestServer;
  let operations: readonly PublishedOperation[];
  before(async () => {
    server = await startTestServer();
    api = clientOf(server.origin, server.apiKey);
    second = await startServer({
      dataDirectory: server.dataDirectory,
      database: server.database,
      env: { TABELLION_ROLE: "api" },
    });
    operations = operationsOf((await api.get("/openapi.json")).body);
  });
  after(async () => {
    await second.stop();
    await server.remove();
  });

  /** What a process says whose clock is ahead. */
  async function later<T>(seconds: number, ask: (origin: string) => Promise<T>): Promise<T> {
    const ahead = await startServer({
      dataDirectory: server.dataDirectory,
      database: server.database,
      env: { TABELLION_ROLE: "api", TABELLION_TEST_CLOCK_OFFSET_MS: String(seconds * 1000) },
    });
    try {
      return await ask(ahead.origin);
    } finally {
      await ahead.stop();
    }
  }

  test("SF-23 SF-24 SF-25 every route asks for its scope: all others are no help, and that one alone is enough", async () => {
    assert.deepEqual(operations.map((one) => one.operationId).toSorted(), Object.keys(scopeOf).toSorted());
    const others = new Map<string, Client>();
    const alone = new Map<string, Client>();
    for (const needed of new Set(Object.values(scopeOf))) {
      alone.set(needed, await withScopes(api, needed.split(" ")));
      for (const scope of needed.split(" ")) {
        const rest = allScopes.filter((one) => one !== scope);
        others.set(scope, others.get(scope) ?? (await withScopes(api, rest)));
      }
    }
    for (const operation of operations) {
      const needed = scopeOf[operation.operationId] ?? "";
      const path = pathOf(operation);
      for (const scope of needed.split(" ")) {
        for (const each of [path, path.replace("/v1/secufile/", "/v1/")]) {
          const refused = await (others.get(scope) ?? assert.fail(scope)).call(operation.method, each);
          const problem = expectedProblem(refused, 403, "insufficient_scope");
          assert.ok(String(problem.detail).includes(scope), `${operation.operationId}: ${problem.detail}`);
        }
      }
      const allowed = await (alone.get(needed) ?? assert.fail(needed)).call(operation.method, path);
      assert.ok(![401, 403].includes(allowed.status), `${operation.operationId}: ${allowed.status}`);
      assert.ok(allowed.status < 500, `${operation.operationId}: ${allowed.status}`);
    }
  });

  test("SF-26 signers need signatures:create, and without it no document is made", async () => {
    const order = { filename: "a", key_wrap: "k", signers: [{ email: "a@b.example", role: "buyer" }] };
    const writer = await withScopes(api, ["documents:write"]);
    // Not all tables: the audit log gives out indexes in the background.
    const kept = async (): Promise<unknown> => {
      const counts = Object.entries(await rowCounts(server.database.superUrl));
      return counts.filter(([table]) => table.startsWith("secufile."));
    };
    const earlier = await kept();
    const problem = expectedProblem(await writer.post("/documents", order), 403, "insufficient_scope");
    assert.match(problem.detail, /signatures:create/);
    assert.deepEqual(await kept(), earlier);
    expected(await writer.post("/documents", { ...order, signers: [] }), 201);
    const both = await withScopes(api, ["documents:write", "signatures:create"]);
    expected(await both.post("/documents", order), 201);
  });

  test("SF-23 SF-27 SF-28 all published scopes can be given, and no other", async () => {
    const made = expected(await api.post("/tokens", { name: "all", scopes: allScopes }), 201);
    assert.deepEqual(made.scopes, allScopes);
    for (const scope of ["documents:*", "*", "admin", "", "DOCUMENTS:READ", "operator"]) {
      expectedProblem(await api.post("/tokens", { name: "x", scopes: [scope] }), 422, "validation_failed");
    }
    expectedProblem(await api.post("/tokens", { name: "x", scopes: [] }), 422, "validation_failed");
  });

  test("SF-23 a token gives no more than it holds, neither by a new token nor by renewing a stronger one", async () => {
    const small = await withScopes(api, ["tokens:manage", "documents:read"]);
    const wider = await small.post("/tokens", { name: "x", scopes: ["documents:read", "documents:write"] });
    const problem = expectedProblem(wider, 403, "scope_not_held");
    assert.match(problem.detail, /documents:write/);
    const strong = await withScopes(api, ["keys:release"]);
    expectedProblem(await small.post(`/tokens/${strong.tokenId}/rotate`), 403, "scope_not_held");
    expected(await small.post("/tokens", { name: "x", scopes: ["documents:read"] }), 201);
  });

  test("SF-10 only a Bearer token of this product opens anything; every refusal is alike", async () => {
    const open = clientOf(server.origin, "");
    const good = api.token;
    const refused: (Record<string, string> | undefined)[] = [
      undefined,
      { authorization: "" },
      { authorization: good },
      { authorization: `Basic ${Buffer.from(`x:${good}`).toString("base64")}` },
      { authorization: "Bearer" },
      { authorization: `Bearer ${inventedToken()}` },
      { authorization: `Bearer ${good.slice(0, -1)}${good.endsWith("0") ? "1" : "0"}` },
      { authorization: `Bearer ${good}x` },
      { authorization: `Bearer ${server.operatorToken}` },
      { authorization: `Bearer ${"a".repeat(5000)}` },
    ];
    for (const headers of refused) {
      const answer: Answer = await open.get("/documents", headers);
      expectedProblem(answer, 401, "unauthorized");
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
    expected(await open.get("/documents", { authorization: `bearer  ${good} ` }), 200);
    expectedProblem(await open.get(`/documents?access_token=${good}`), 401, "unauthorized");
  });

  test("SF-10 a token with a wrong checksum is refused without asking the database", async () => {
    const locker = new pg.Client({ connectionString: server.database.superUrl });
    await locker.connect();
    try {
      await locker.query("begin; lock table platform.credential_directory in access exclusive mode");
      const broken = `${inventedToken().slice(0, -6)}000000`;
      expectedProblem(await clientOf(server.origin, broken).get("/documents"), 401, "unauthorized");
      let isAnswered = false;
      const unknown = clientOf(server.origin, inventedToken())
        .get("/documents")
        .finally(() => (isAnswered = true));
      await eventually("the well-formed token is looked up", async () => {
        const rows = await look(server.database.superUrl, "select 1 from pg_locks where not granted");
        return rows.length > 0 ? true : null;
      });
      assert.equal(isAnswered, false);
      await locker.query("rollback");
      expectedProblem(await unknown, 401, "unauthorized");
    } finally {
      await locker.end();
    }
  });

  test("SF-23 a token ends at its time", async () => {
    const made = await withScopes(api, ["documents:read"], { expires_in: 60 });
    expected(await made.get("/documents"), 200);
    const answer = await later(61, (origin) => clientOf(origin, made.token).get("/documents"));
    expectedProblem(answer, 401, "unauthorized");
    expectedProblem(
      await api.post("/tokens", { name: "x", scopes: ["audit:read"], expires_in: 59 }),
      422,
      "validation_failed",
    );
  });

  test("SF-23 ip_allow holds a token to its networks, whatever a header says", async () => {
    const inside = await withScopes(api, ["documents:read"], { ip_allow: ["10.1.0.0/16", "127.0.0.0/8"] });
    expected(await inside.get("/documents"), 200);
    const outside = await withScopes(api, ["documents:read"], { ip_allow: ["10.0.0.0/8", "2001:db8::/32"] });
    expectedProblem(await outside.get("/documents"), 403, "address_not_allowed");
    expectedProblem(await outside.get("/documents", { "x-forwarded-for": "10.1.2.3" }), 403, "address_not_allowed");
    for (const network of ["10.0.0.0/33", "1.2.3", "::1/129", "localhost", "300.1.1.1"]) {
      const answer = await api.post("/tokens", { name: "x", scopes: ["audit:read"], ip_allow: [network] });
      expectedProblem(answer, 422, "validation_failed");
    }
  });

  test("SF-23 a revoked token is refused at once here, and within a second by another process", async () => {
    const made = await withScopes(api, ["documents:read"]);
    const elsewhere = clientOf(second.origin, made.token);
    expected(await elsewhere.get("/documents"), 200);
    expected(await made.get("/documents"), 200);
    expected(await api.call("DELETE", `/tokens/${made.tokenId}`), 204);
    const revokedAt = performance.now();
    expectedProblem(await made.get("/documents"), 401, "unauthorized");
    await refusedFrom(elsewhere, revokedAt);
    expected(await api.call("DELETE", `/tokens/${made.tokenId}`), 204);
    const shown = expected(await api.get(`/tokens/${made.tokenId}`), 200);
    assert.equal(shown.status, "revoked");
    expectedProblem(await api.post(`/tokens/${made.tokenId}/rotate`), 409, "token_revoked");
  });

  test("SF-23 a rotated token has a successor with the same rights and lives on for the overlap only", async () => {
    const old = await withScopes(api, ["documents:read"], { ip_allow: ["127.0.0.0/8"] });
    const made = expected(await api.post(`/tokens/${old.tokenId}/rotate`, { overlap_seconds: 3600 }), 201);
    assert.equal(made.rotated_from, old.tokenId);
    assert.deepEqual(made.scopes, ["documents:read"]);
    assert.deepEqual(made.ip_allow, ["127.0.0.0/8"]);
    const successor = clientOf(server.origin, made.token);
    expected(await old.get("/documents"), 200);
    expected(await successor.get("/documents"), 200);
    const [oldStatus, newStatus] = await later(3700, async (origin) => [
      (await clientOf(origin, old.token).get("/documents")).status,
      (await clientOf(origin, made.token).get("/documents")).status,
    ]);
    assert.deepEqual([oldStatus, newStatus], [401, 200]);
    const next = expected(await api.post(`/tokens/${made.token_id}/rotate`, { overlap_seconds: 0 }), 201);
    expectedProblem(await successor.get("/documents"), 401, "unauthorized");
    expected(await clientOf(server.origin, next.token).get("/documents"), 200);
  });

  test("SF-10 a token is shown once: no list, no view and no table holds it", async () => {
    const made = await withScopes(api, ["documents:read"]);
    const view = expected(await api.get(`/tokens/${made.tokenId}`), 200);
    assert.equal("token" in view, false);
    const list = await api.get("/tokens?limit=200");
    assert.equal(list.bytes.includes(made.token), false);
    const listed: Json[] = expected(list, 200).data;
    assert.ok(listed.some((one) => one.token_id === made.tokenId));
    const secret = made.token.split("_")[3] ?? "";
    const [row] = await look(
      server.database.superUrl,
      `select (select string_agg(d::text, '') from platform.credential_directory d) || (select string_agg(c::text, '') from platform.credentials c)
              || (select string_agg(a::text, '') from platform.audit_events a) as all`,
    );
    const kept = String(row.all);
    assert.ok(kept.includes(made.tokenId));
    assert.equal(kept.includes(secret), false);
  });

  test("SF-23 its last use is shown: when and from where", async () => {
    const made = await withScopes(api, ["documents:read"]);
    assert.equal(expected(await api.get(`/tokens/${made.tokenId}`), 200).last_used_at, null);
    const third = await startServer({
      dataDirectory: server.dataDirectory,
      database: server.database,
      env: { TABELLION_ROLE: "api" },
    });
    expected(await clientOf(third.origin, made.token).get("/documents"), 200);
    // What a process has not written yet, it writes when it stops.
    await third.stop();
    const shown = expected(await api.get(`/tokens/${made.tokenId}`), 200);
    assert.ok(Math.abs(Date.now() - Date.parse(shown.last_used_at)) < 60_000);
    assert.equal(shown.last_used_ip, "127.0.0.1");
  });
});

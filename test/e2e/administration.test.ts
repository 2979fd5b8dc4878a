import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newDocument,
  newOrganisation,
  refusedFrom,
  storedDocument,
  withScopes,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startServer, startTestServer, type TestServer } from "../support/server.ts";

const CONTENT = new Uint8Array(50_000).fill(7);

describe("administration, by two processes on one database", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let second: TestServer;
  let operator: Client;
  let client: Client;
  before(async () => {
    const env = { TABELLION_REQUESTS_PER_SECOND: "10000" };
    server = await startTestServer(env);
    const { dataDirectory, database } = server;
    second = await startServer({ dataDirectory, database, env: { ...env, TABELLION_ROLE: "api" } });
    operator = clientOf(server.origin, server.operatorToken);
    client = clientOf(server.origin, server.apiKey);
  });
  after(async () => {
    await second.stop();
    await server.remove();
  });

  /** The id of the organisation behind a client's token. */
  const tenantOf = async (who: Client): Promise<string> => {
    const [row] = await look(
      server.database.superUrl,
      "select tenant_id from platform.credential_directory where lookup_id = $1",
      [who.token.split("_")[2]],
    );
    return row.tenant_id;
  };

  test("the operator's routes take the operator's token only, and no product's route takes that one", async () => {
    for (const token of ["", server.apiKey, `${server.operatorToken}x`, server.operatorToken.slice(0, -1)]) {
      const stranger = clientOf(server.origin, token);
      expectedProblem(await stranger.get("/v1/tenants"), 401, "unauthorized");
      expectedProblem(await stranger.post("/v1/tenants", { name: "x" }), 401, "unauthorized");
    }
    expectedProblem(await operator.get("/documents"), 401, "unauthorized");
    expected(await clientOf(second.origin, server.operatorToken).get("/v1/tenants"), 200);
  });

  test("an organisation is made, found, listed page by page; a wrong name or id is refused", async () => {
    const made = expected(await operator.post("/v1/tenants", { name: "Étude Dupont & fils" }), 201);
    assert.deepEqual(expected(await operator.get(`/v1/tenants/${made.tenant_id}`), 200), made);
    const ids: string[] = [];
    for (let cursor = ""; ;) {
      const page = expected(await operator.get(`/v1/tenants?limit=1${cursor}`), 200);
      for (const row of page.data) ids.push(row.tenant_id);
      if (page.next_cursor === null) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.includes(made.tenant_id));
    for (const name of ["", "a\nb", "x".repeat(201), 5]) {
      expectedProblem(await operator.post("/v1/tenants", { name }), 422, "validation_failed");
    }
    expectedProblem(await operator.get("/v1/tenants/ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "tenant_not_found");
    expectedProblem(await operator.get("/v1/tenants/x"), 422, "validation_failed");
  });

  test("making an organisation is repeatable under an Idempotency-Key", async () => {
    const key = { "idempotency-key": randomUUID() };
    const first = await operator.post("/v1/tenants", { name: "once" }, key);
    const again = await clientOf(second.origin, server.operatorToken).post("/v1/tenants", { name: "once" }, key);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.bytes, first.bytes);
  });

  test("of 16 rotations of one token at once each gives a token that works, with the life of the first", async () => {
    const token = await withScopes(client, ["documents:read", "documents:write"], { expires_in: 86_400 });
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, number) =>
        clientOf((number % 2 === 0 ? server : second).origin, server.apiKey).post(`/tokens/${token.tokenId}/rotate`, {
          overlap_seconds: 60,
        }),
      ),
    );
    const made = answers.map((answer) => expected(answer, 201));
    assert.equal(new Set(made.map((each) => each.token)).size, 16);
    for (const each of made) {
      expected(await clientOf(second.origin, each.token).get("/documents"), 200);
      const lifeSeconds = (Date.parse(each.expires_at) - Date.parse(each.created_at)) / 1000;
      assert.equal(lifeSeconds, 86_400);
      assert.deepEqual(each.scopes, ["documents:read", "documents:write"]);
      assert.equal(each.rotated_from, token.tokenId);
    }
    const old = expected(await client.get(`/tokens/${token.tokenId}`), 200);
    assert.ok(Date.parse(old.expires_at) <= Date.now() + 60_000);
    expected(await token.get("/documents"), 200);
  });

  test("a rotation without overlap ends the old token on both processes; it cannot be rotated again", async () => {
    const token = await withScopes(client, ["documents:read"]);
    const elsewhere = clientOf(second.origin, token.token);
    expected(await elsewhere.get("/documents"), 200);
    const made = expected(await client.post(`/tokens/${token.tokenId}/rotate`, { overlap_seconds: 0 }), 201);
    const beganMs = performance.now();
    expectedProblem(await token.get("/documents"), 401, "unauthorized");
    await refusedFrom(elsewhere, beganMs);
    expected(await clientOf(second.origin, made.token).get("/documents"), 200);
    expectedProblem(await client.post(`/tokens/${token.tokenId}/rotate`, {}), 409, "token_revoked");
  });

  test("a shredded organisation: its tokens get 401 on both processes, nothing sealed is left to open, the server's log tells of it", async () => {
    const doomed = await newOrganisation(server);
    const elsewhere = clientOf(second.origin, doomed.token);
    await storedDocument(doomed, CONTENT);
    expected(await elsewhere.get("/documents"), 200);
    const tenantId = await tenantOf(doomed);
    expected(await operator.call("DELETE", `/v1/tenants/${tenantId}`), 204);
    const beganMs = performance.now();
    await Promise.all([doomed, elsewhere].map((who) => refusedFrom(who, beganMs)));
    for (const who of [doomed, elsewhere]) expectedProblem(await who.get("/documents"), 401, "unauthorized");
    const rowsOf = (text: string): Promise<Json[]> => look(server.database.superUrl, text, [tenantId]);
    assert.equal((await rowsOf("select 1 from platform.tenant_keys where tenant_id = $1")).length, 0);
    const told = await rowsOf("select tenant_id, action from platform.audit_events where resource_id = $1 order by id");
    const ofServer = told.filter((row) => row.tenant_id === "server").map((row) => String(row.action));
    assert.deepEqual(ofServer.slice(0, 2), ["platform.createTenant", "platform.deleteTenant"]);
    expectedProblem(await operator.get(`/v1/tenants/${tenantId}`), 404, "tenant_not_found");
    expectedProblem(await operator.call("DELETE", `/v1/tenants/${tenantId}`), 404, "tenant_not_found");
    expectedProblem(
      await operator.post(`/v1/tenants/${tenantId}/secufile-tokens`, { name: "x" }),
      404,
      "tenant_not_found",
    );
    expectedProblem(await operator.post(`/v1/tenants/${tenantId}/rotate-keys`), 404, "tenant_not_found");
    expected(await client.get("/documents"), 200);
  });

  test("while the keys of an organisation are rotated under load nothing is unreadable on either process", async () => {
    const busy = await newOrganisation(server);
    const sides = [busy, clientOf(second.origin, busy.token)] as const;
    const tenantId = await tenantOf(busy);
    const old = await storedDocument(busy, CONTENT);
    const load = { isOver: false, rounds: 0 };
    const work = async (writer: Client, reader: Client): Promise<void> => {
      while (!load.isOver) {
        const key = { "idempotency-key": randomUUID() };
        const order = { filename: "a.age", key_wrap: "vault://x" };
        const made = await writer.post("/documents", order, key);
        const replayed = await reader.post("/documents", order, key);
        assert.deepEqual(replayed.bytes, made.bytes);
        const id = expected(made, 201).document_id;
        const content = new Uint8Array(randomBytes(2_000));
        expected(await writer.call("PUT", `/documents/${id}/content`, { raw: content }), 200);
        for (const each of [id, old]) {
          const read = await reader.get(`/documents/${each}/content`);
          expected({ ...read, body: null }, 200);
          assert.deepEqual(read.bytes, Buffer.from(each === old ? CONTENT : content));
        }
        load.rounds++;
      }
    };
    const working = Promise.all([work(sides[0], sides[1]), work(sides[1], sides[0])]);
    const generations: number[] = [];
    for (let rotation = 0; rotation < 3; rotation++) {
      const rotated = expected(await operator.post(`/v1/tenants/${tenantId}/rotate-keys`), 200);
      generations.push(rotated.generation);
      await Promise.race([pause(700), working]);
    }
    assert.deepEqual(generations, [2, 3, 4]);
    // Until answers are sealed by the newest generation, which begins once every process has had time to learn of it.
    await Promise.race([
      working,
      eventually("the newest key seals", async () => {
        const [row] = await look(
          server.database.superUrl,
          `select get_byte(answer, 4) as generation from platform.idempotency_keys
            where tenant_id = $1 and state = 'done' order by created_at desc limit 1`,
          [tenantId],
        );
        return row.generation === 4 ? true : null;
      }),
    ]);
    await Promise.race([pause(300), working]);
    load.isOver = true;
    await working;
    assert.ok(load.rounds > 20, `${load.rounds} rounds`);
    await newDocument(busy);
  });
});

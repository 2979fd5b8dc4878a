import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { holdTable } from "../support/held-table.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newOrganisation,
  withScopes,
  type Answer,
  type Client,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";

const ORDER = { filename: "deed.pdf.age", key_wrap: "vault://kms/key/01HX..." };

/** What must be the same in every replay. */
function facts(answer: Answer): Record<string, unknown> {
  return {
    status: answer.status,
    bytes: answer.bytes.toString("latin1"),
    type: answer.headers.get("content-type"),
    date: answer.headers.get("date"),
    requestId: answer.headers.get("x-request-id"),
  };
}

describe("Idempotency-Key", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let client: Client;
  before(async () => {
    server = await startTestServer({ TABELLION_REQUESTS_PER_SECOND: "1000" });
    client = clientOf(server.origin, server.apiKey);
  });
  after(() => server.remove());

  const create = (key: string, members: object = {}, who = client): Promise<Answer> =>
    who.post("/documents", { ...ORDER, ...members }, { "idempotency-key": key });
  /** What one creation leaves: the document and its audit row. */
  const effects = async (filename: string): Promise<{ documents: number; audits: number }> => {
    const [row] = await look(
      server.database.superUrl,
      `select count(*)::int as documents,
              (select count(*)::int from platform.audit_events a
                where a.action = 'secufile.createDocument' and a.resource_id in
                      (select id from secufile.documents where filename = $1)) as audits
         from secufile.documents where filename = $1`,
      [filename],
    );
    return row;
  };
  const age = (key: string, interval: string): Promise<unknown> =>
    look(
      server.database.superUrl,
      "update platform.idempotency_keys set created_at = clock_timestamp() - $2::interval where key = $1",
      [key, interval],
    );

  test("idempotency case 1: of 64 twins at once one is carried out, the others replay it or are told to wait", async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 64 }, () => create(key, { filename: "twins" })));
    const made = answers.filter((answer) => answer.status === 201);
    assert.equal(made.filter((answer) => answer.headers.get("idempotent-replayed") === null).length, 1);
    assert.equal(new Set(made.map((answer) => answer.bytes.toString())).size, 1);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expectedProblem(answer, 409, "idempotency_key_in_flight");
      assert.match(answer.headers.get("retry-after") ?? "", /^[1-5]$/);
    }
    assert.deepEqual(await effects("twins"), { documents: 1, audits: 1 });
  });

  test("a replay is the first answer byte for byte, with its date and request id, and says that it is one", async () => {
    const key = randomUUID();
    const first = await create(key, { filename: "replayed" });
    const second = await create(key, { filename: "replayed" });
    assert.equal(first.headers.get("idempotent-replayed"), null);
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(facts(second), facts(first));
    assert.equal(first.status, 201);
  });

  test("a refusal by the operation itself is replayed, too", async () => {
    const key = randomUUID();
    const path = "/documents/doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F/key-release";
    const order = {
      recipient_public_key: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
      reason: "closing",
    };
    const first = await client.post(path, order, { "idempotency-key": key });
    const second = await client.post(path, order, { "idempotency-key": key });
    expectedProblem(first, 404, "document_not_found");
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(facts(second), facts(first));
  });

  test("idempotency case 2: the same key with another body is refused, and the first answer stands", async () => {
    const key = randomUUID();
    const first = await create(key, { filename: "one body" });
    expectedProblem(await create(key, { filename: "other body" }), 422, "idempotency_key_reused");
    assert.deepEqual(facts(await create(key, { filename: "one body" })), facts(first));
    assert.deepEqual(await effects("other body"), { documents: 0, audits: 0 });
  });

  test("a body whose members stand in another order, under the other path of the route, is the same", async () => {
    const key = randomUUID();
    const first = await create(key, { filename: "order" });
    const turned = Object.fromEntries(Object.entries({ ...ORDER, filename: "order" }).toReversed());
    const second = await client.post("/v1/documents", turned, { "idempotency-key": key });
    assert.deepEqual(facts(second), facts(first));
  });

  test("idempotency case 3: the same key of another organisation is another key", async () => {
    const key = randomUUID();
    const other = await newOrganisation(server);
    const first = await create(key, { filename: "tenants" });
    const second = await create(key, { filename: "tenants of other" }, other);
    assert.equal(second.headers.get("idempotent-replayed"), null);
    assert.notEqual(expected(second, 201).document_id, expected(first, 201).document_id);
  });

  test("idempotency case 4: the same key under another operation is another key", async () => {
    const key = randomUUID();
    expected(await create(key, { filename: "operations" }), 201);
    const made = await client.post("/kms/keys", { name: "operations" }, { "idempotency-key": key });
    assert.equal(made.headers.get("idempotent-replayed"), null);
    expected(made, 201);
  });

  test("idempotency case 7: a request that wakes after a retry took its place is refused, one effect stays", async () => {
    const key = randomUUID();
    const held = await holdTable(server.database.superUrl, "secufile.documents");
    const zombie = create(key, { filename: "zombie" });
    await held.waiting(1);
    expectedProblem(await create(key, { filename: "zombie" }), 409, "idempotency_key_in_flight");
    await look(
      server.database.superUrl,
      "update platform.idempotency_keys set lease_until = clock_timestamp() - interval '1 second' where key = $1",
      [key],
    );
    const heir = create(key, { filename: "zombie" });
    await held.waiting(2);
    await held.letGo();
    expectedProblem(await zombie, 409, "idempotency_key_in_flight");
    expected(await heir, 201);
    assert.deepEqual(facts(await create(key, { filename: "zombie" })), facts(await heir));
    assert.deepEqual(await effects("zombie"), { documents: 1, audits: 1 });
  });

  test("idempotency case 12: a key in quotes, bare, and in capitals is one key; other forms are refused", async () => {
    const key = randomUUID();
    const first = await create(key, { filename: "quotes" });
    for (const form of [`"${key}"`, key.toUpperCase(), ` ${key} `]) {
      assert.deepEqual(facts(await create(form, { filename: "quotes" })), facts(first), form);
    }
    const forms = [
      "x",
      `'${key}'`,
      `"${key}`,
      `${key}, ${key}`,
      "00000000-0000-1000-8000-000000000000",
      `"${key}";a=1`,
    ];
    for (const form of forms) expectedProblem(await create(form), 400, "idempotency_key_invalid");
  });

  test("idempotency case 13: a token revoked between two tries gets 401, a narrower one 403, never the answer", async () => {
    const key = randomUUID();
    const writer = await withScopes(client, ["documents:write"]);
    const reader = await withScopes(client, ["documents:read"]);
    expected(await create(key, { filename: "revoked" }, writer), 201);
    expectedProblem(await create(key, { filename: "revoked" }, reader), 403, "insufficient_scope");
    // Scopes that only the operation asks for, depending on the body, count as well.
    const signed = { filename: "signed", signers: [{ email: "client@example.com", role: "buyer" }] };
    const signedKey = randomUUID();
    expected(await create(signedKey, signed), 201);
    expectedProblem(await create(signedKey, signed, writer), 403, "insufficient_scope");
    const tokenKey = { "idempotency-key": randomUUID() };
    const order = { name: "wide", scopes: ["documents:read", "keys:release"] };
    expected(await client.post("/tokens", order, tokenKey), 201);
    const manager = await withScopes(client, ["tokens:manage", "documents:read"]);
    expectedProblem(await manager.post("/tokens", order, tokenKey), 403, "insufficient_scope");
    assert.equal((await client.post("/tokens", order, tokenKey)).headers.get("idempotent-replayed"), "true");
    expected(await client.call("DELETE", `/tokens/${writer.tokenId}`), 204);
    const refused = await create(key, { filename: "revoked" }, writer);
    expectedProblem(refused, 401, "unauthorized");
    assert.equal(refused.headers.get("idempotent-replayed"), null);
    expected(await create(key, { filename: "revoked" }), 201);
  });

  test("idempotency case 15: a key protects up to 48 hours and is new after them, also for another body", async () => {
    const key = randomUUID();
    const first = await create(key, { filename: "retention" });
    for (const interval of ["23:59", "24:01", "47:59"]) {
      await age(key, interval);
      assert.deepEqual(facts(await create(key, { filename: "retention" })), facts(first), interval);
      expectedProblem(await create(key, { filename: "retention 2" }), 422, "idempotency_key_reused");
    }
    await age(key, "48:01");
    const anew = await create(key, { filename: "retention 2" });
    assert.equal(anew.headers.get("idempotent-replayed"), null);
    assert.notEqual(expected(anew, 201).document_id, first.body.document_id);
    assert.deepEqual(facts(await create(key, { filename: "retention 2" })), facts(anew));
  });

  test("a secret answer is replayed once, then it is gone; the database holds it only sealed", async () => {
    const key = randomUUID();
    const order = { name: "once", scopes: ["documents:read"] };
    const make = (): Promise<Answer> => client.post("/tokens", order, { "idempotency-key": key });
    const first = await make();
    const token = String(expected(first, 201).token);
    const [row] = await look(server.database.superUrl, "select answer from platform.idempotency_keys where key = $1", [
      key,
    ]);
    const sealed = Buffer.from(row.answer);
    for (const text of [token, token.slice(-40), '"status"']) assert.equal(sealed.includes(text), false);
    assert.deepEqual(facts(await make()), facts(first));
    // Forgotten when the replay has left whole: a client that it did not reach may ask again.
    const gone = await eventually("the secret is forgotten", async () => {
      const answer = await make();
      return answer.status === 201 ? null : answer;
    });
    expectedProblem(gone, 409, "idempotency_answer_gone");
    const [shown] = await look(
      server.database.superUrl,
      "select state, answer from platform.idempotency_keys where key = $1",
      [key],
    );
    assert.deepEqual(shown, { state: "shown", answer: null });
    const listed: { name: string }[] = expected(await client.get("/tokens?limit=200"), 200).data;
    assert.equal(listed.filter((entry) => entry.name === "once").length, 1);
  });

  test("a request that its schema refuses leaves the key free", async () => {
    const key = randomUUID();
    expectedProblem(await create(key, { filename: "" }), 422, "validation_failed");
    expected(await create(key, { filename: "after a slip" }), 201);
  });
});

describe("Idempotency-Key under a low rate", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  before(async () => {
    server = await startTestServer({ TABELLION_REQUESTS_PER_SECOND: "1" });
  });
  after(() => server.remove());

  test("idempotency case 16: a 429 is not stored; the retry of that key is carried out", async () => {
    const client = clientOf(server.origin, server.apiKey);
    const key = randomUUID();
    let refused: Answer;
    do refused = await client.get("/documents");
    while (refused.status === 200);
    const limited = await client.post("/documents", ORDER, { "idempotency-key": key });
    expectedProblem(limited, 429, "rate_limited");
    assert.ok(Number(limited.headers.get("retry-after")) >= 1);
    assert.match(limited.headers.get("ratelimit") ?? "", /^"default";r=0;t=\d+$/);
    const keys = await look(server.database.superUrl, "select 1 from platform.idempotency_keys where key = $1", [key]);
    assert.equal(keys.length, 0);
    let retried: Answer;
    do retried = await client.post("/documents", ORDER, { "idempotency-key": key });
    while (retried.status === 429);
    expected(retried, 201);
    assert.equal(retried.headers.get("idempotent-replayed"), null);
  });
});

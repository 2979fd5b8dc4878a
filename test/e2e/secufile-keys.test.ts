import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Decrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import { compactDecrypt } from "jose";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newDocument,
  rowCounts,
  withScopes,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";

const REASON = "closing of sale 12345";

describe("keys of SecuFile", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  let keyId: string;
  let dataKey: Json;
  let documentId: string;
  before(async () => {
    server = await startTestServer();
    api = clientOf(server.origin, server.apiKey);
    keyId = expected(await api.post("/kms/keys", { name: "contracts 2026" }), 201).key_id;
    dataKey = expected(await api.post(`/kms/keys/${keyId}/data-key`), 201);
    const { key_wrap, wrapped_key } = dataKey;
    documentId = await newDocument(api, { key_wrap, wrapped_key });
  });
  after(() => server.remove());

  const release = (recipient: unknown, id = documentId, client = api) =>
    client.post(`/documents/${id}/key-release`, { recipient_public_key: recipient, reason: REASON });

  async function opened(answer: Json, privateKey: KeyObject): Promise<string> {
    const { plaintext } = await compactDecrypt(answer.encrypted_key, privateKey);
    return Buffer.from(plaintext).toString("base64");
  }

  test("SF-15 SF-48 a key is made, looked at and listed, and its bytes are in no answer", async () => {
    assert.match(dataKey.key_wrap, /^vault:\/\/kms\/key\/[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    const key = expected(await api.get(`/kms/keys/${keyId}`), 200);
    assert.deepEqual(Object.keys(key).toSorted(), ["created_at", "key_id", "key_wrap", "name"]);
    assert.equal(key.key_wrap, `vault://kms/key/${keyId}`);
    assert.equal(key.name, "contracts 2026");
    const second = expected(await api.post("/kms/keys"), 201);
    const list = expected(await api.get("/kms/keys?limit=1"), 200);
    assert.deepEqual(list.data, [key]);
    const rest = expected(await api.get(`/kms/keys?limit=1&cursor=${list.next_cursor}`), 200);
    assert.deepEqual(rest, { data: [second], next_cursor: null });
    expectedProblem(await api.get("/kms/keys/01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "key_not_found");
    expectedProblem(await api.post("/kms/keys/01KB2Q6V9XJ4M8T3RZ5C7D1E0F/data-key"), 404, "key_not_found");
  });

  test("SF-15 a data key is 32 bytes, new each time, and neither it nor the key is in the database", async () => {
    const other = expected(await api.post(`/kms/keys/${keyId}/data-key`), 201);
    assert.equal(Buffer.from(dataKey.plaintext_key, "base64").length, 32);
    assert.notEqual(other.plaintext_key, dataKey.plaintext_key);
    assert.notEqual(other.wrapped_key, dataKey.wrapped_key);
    const plain = Buffer.from(dataKey.plaintext_key, "base64").toString("hex");
    const [row] = await look(
      server.database.superUrl,
      `select (select string_agg(d::text, '') from secufile.documents d) || (select string_agg(k::text, '') from platform.kms_keys k)
              || (select string_agg(a::text, '') from platform.audit_events a) as all`,
    );
    const kept = String(row.all);
    assert.ok(kept.includes(documentId));
    assert.equal(kept.includes(plain), false);
    assert.equal(kept.includes(dataKey.plaintext_key), false);
  });

  test("SF-48 the wrapped key is released to an age recipient, who alone can read it", async () => {
    for (const identity of [await generateX25519Identity(), await generateHybridIdentity()]) {
      const answer = expected(await release(await identityToRecipient(identity)), 200);
      assert.equal(answer.algorithm, "age");
      assert.equal(answer.document_id, documentId);
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const plain = await decrypter.decrypt(Buffer.from(answer.encrypted_key, "base64"));
      assert.equal(Buffer.from(plain).toString("base64"), dataKey.plaintext_key);
      const stranger = new Decrypter();
      stranger.addIdentity(await generateX25519Identity());
      await assert.rejects(stranger.decrypt(Buffer.from(answer.encrypted_key, "base64")));
    }
  });

  test("SF-48 the wrapped key is released to RSA, P-256 and X25519 keys, as object and as text", async () => {
    const pairs = [
      { algorithm: "RSA-OAEP-256", ...generateKeyPairSync("rsa", { modulusLength: 2048 }) },
      { algorithm: "ECDH-ES+A256KW", ...generateKeyPairSync("ec", { namedCurve: "P-256" }) },
      { algorithm: "ECDH-ES+A256KW", ...generateKeyPairSync("x25519") },
    ];
    for (const { algorithm, publicKey, privateKey } of pairs) {
      const jwk = publicKey.export({ format: "jwk" });
      // A browser's `exportKey("jwk")` adds the last two.
      const forms = [jwk, JSON.stringify(jwk), { ...jwk, ext: true, key_ops: [] }];
      for (const form of forms) {
        const answer = expected(await release(form), 200);
        assert.equal(answer.algorithm, algorithm);
        assert.equal(await opened(answer, privateKey), dataKey.plaintext_key);
      }
    }
  });

  test("SF-48 a data key of the caller's own comes back from wrapping and release as it went in", async () => {
    const own = randomBytes(32).toString("base64");
    const { key_wrap, wrapped_key } = expected(await api.post(`/kms/keys/${keyId}/wrap`, { plaintext_key: own }), 200);
    const id = await newDocument(api, { key_wrap, wrapped_key });
    assert.equal(expected(await api.get(`/documents/${id}`), 200).wrapped_key, wrapped_key);
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    assert.equal(await opened(expected(await release(publicKey.export({ format: "jwk" }), id), 200), privateKey), own);
  });

  test("SF-15 SF-48 a key kept elsewhere, the published one among them, is kept as given and never released", async () => {
    const { publicKey } = generateKeyPairSync("x25519");
    const jwk = publicKey.export({ format: "jwk" });
    const wrapped = Buffer.from("wrapped elsewhere").toString("base64");
    const foreign = [
      ...["vault://kms/key/01HX...", "vault://kms/key/01KB2Q6V9XJ4M8T3RZ5C7D1E0F", "aws-kms://eu-west-1/key/1"],
      ...["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", `vault://kms/key/${keyId}/`, "k"],
    ];
    for (const reference of foreign) {
      const id = await newDocument(api, { key_wrap: reference, wrapped_key: wrapped });
      const document = expected(await api.get(`/documents/${id}`), 200);
      assert.equal(document.key_wrap, reference);
      assert.equal(document.wrapped_key, wrapped);
      expectedProblem(await release(jwk, id), 409, "key_not_held");
    }
    const reference = dataKey.key_wrap;
    const without = await newDocument(api, { key_wrap: reference });
    expectedProblem(await release(jwk, without), 409, "key_not_held");
    const wrong = await newDocument(api, { key_wrap: reference, wrapped_key: wrapped });
    expectedProblem(await release(jwk, wrong), 409, "key_not_held");
    const second = expected(await api.post("/kms/keys"), 201);
    const crossed = await newDocument(api, { key_wrap: second.key_wrap, wrapped_key: dataKey.wrapped_key });
    expectedProblem(await release(jwk, crossed), 409, "key_not_held");
  });

  test("SF-48 no key is released to a private, weak, malformed or unknown kind of key, and none is recorded", async () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const signing = generateKeyPairSync("ed25519");
    const point = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
    const refused: unknown[] = [
      rsa.privateKey.export({ format: "jwk" }),
      JSON.stringify(rsa.privateKey.export({ format: "jwk" })),
      generateKeyPairSync("x25519").privateKey.export({ format: "jwk" }),
      { kty: "oct", k: randomBytes(32).toString("base64url") },
      weak.publicKey.export({ format: "jwk" }),
      signing.publicKey.export({ format: "jwk" }),
      { ...point, x: point.y },
      { kty: "OKP", crv: "X25519", x: Buffer.alloc(32).toString("base64url") },
      { kty: "EC", crv: "P-256" },
      {},
      "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q",
      "-----BEGIN PUBLIC KEY-----",
      "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
      null,
      7,
    ];
    const earlier = await rowCounts(server.database.superUrl);
    for (const recipient of refused) {
      expectedProblem(await release(recipient), 422, "validation_failed");
    }
    const noReason = { recipient_public_key: rsa.publicKey.export({ format: "jwk" }) };
    expectedProblem(await api.post(`/documents/${documentId}/key-release`, noReason), 422, "validation_failed");
    assert.deepEqual(await rowCounts(server.database.superUrl), earlier);
  });

  test("SF-23 a key is released, made and wrapped only with the scope for it", async () => {
    const jwk = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
    const all = await withScopes(api, ["documents:read", "documents:write", "keys:manage", "keys:wrap"]);
    expectedProblem(await release(jwk, documentId, all), 403, "insufficient_scope");
    const releaser = await withScopes(api, ["keys:release"]);
    expected(await release(jwk, documentId, releaser), 200);
    expectedProblem(await releaser.post(`/kms/keys/${keyId}/data-key`), 403, "insufficient_scope");
    expectedProblem(await releaser.get(`/documents/${documentId}`), 403, "insufficient_scope");
  });

  test("SF-48 every release is in the audit log: who, which document, to whom and why, and never the key", async () => {
    const jwk = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
    const releaser = await withScopes(api, ["keys:release"]);
    const reasons = ["first release", "second release"];
    for (const reason of reasons) {
      const path = `/documents/${documentId}/key-release`;
      expected(await releaser.post(path, { recipient_public_key: jwk, reason }), 200);
    }
    const rows = await look(
      server.database.superUrl,
      "select actor_id, resource_id, outcome, event::json as event from platform.audit_events where action = $1 and actor_id = $2 order by id",
      ["secufile.releaseKey", releaser.tokenId],
    );
    assert.equal(rows.length, 2);
    for (const [place, row] of rows.entries()) {
      assert.equal(row.resource_id, documentId);
      assert.equal(row.outcome, "success");
      assert.equal(row.event.details.reason, reasons[place]);
      assert.deepEqual(row.event.details.recipient, jwk);
      assert.equal(JSON.stringify(row.event).includes(dataKey.plaintext_key), false);
    }
  });

  test("SF-31 a data key is shown again once to a retry, then forgotten", async () => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const path = `/kms/keys/${keyId}/data-key`;
    const first = await api.post(path, undefined, headers);
    expected(first, 201);
    const second = await api.post(path, undefined, headers);
    assert.deepEqual(second.bytes, first.bytes);
    // It is forgotten once the replay has left, which the client may see a moment earlier.
    const third = await eventually("it is forgotten", async () => {
      const answer = await api.post(path, undefined, headers);
      return answer.status === 409 ? answer : null;
    });
    expectedProblem(third, 409, "idempotency_answer_gone");
  });
});

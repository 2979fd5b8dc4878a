import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  newOrganisation,
  rowCounts,
  type Answer,
  type Client,
  type RawBody,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";

const ORDER = { filename: "a.age", key_wrap: "vault://kms/key/01HX..." };

describe("requests to SecuFile", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  before(async () => {
    server = await startTestServer();
    api = clientOf(server.origin, server.apiKey);
  });
  after(() => server.remove());

  const named = async (filename: string): Promise<number> =>
    expected(await api.get(`/documents?filename=${filename}`), 200).data.length;

  /** One request over a plain socket, as no client library would send it. */
  async function raw(lines: string): Promise<string> {
    const socket = connect(Number(new URL(server.origin).port), "127.0.0.1");
    socket.end(lines);
    return text(socket);
  }

  test("SF-11 SF-29 SF-31 SF-32 a retry under the same key gets the same answer, and there is one document", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const order = { ...ORDER, filename: "retried" };
    const first = await api.post("/documents", order, headers);
    const second = await api.post("/documents", order, headers);
    expected(first, 201);
    expected(second, 201);
    assert.deepEqual(second.bytes, first.bytes);
    assert.equal(first.headers.get("idempotent-replayed"), null);
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.equal(await named("retried"), 1);
  });

  test("SF-31 SF-32 a client that was cut off before the answer asks again and makes nothing twice", async () => {
    const key = randomUUID();
    const order = JSON.stringify({ ...ORDER, filename: "cut-off" });
    const socket = connect(Number(new URL(server.origin).port), "127.0.0.1");
    socket.write(
      `POST /v1/documents HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.apiKey}\r\nidempotency-key: ${key}\r\n` +
        `content-type: application/json\r\ncontent-length: ${order.length}\r\n\r\n${order}`,
      () => socket.destroy(),
    );
    const answer = await eventually("the retry is answered", async () => {
      const tried = await api.call("POST", "/documents", {
        raw: order,
        headers: { "idempotency-key": key, "content-type": "application/json" },
      });
      return tried.status === 409 ? null : tried;
    });
    expected(answer, 201);
    assert.equal(await named("cut-off"), 1);
  });

  test("SF-31 twenty twins at once make one document", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const twins = await Promise.all(
      Array.from({ length: 20 }, () => api.post("/documents", { ...ORDER, filename: "twins" }, headers)),
    );
    for (const twin of twins) assert.ok([201, 409].includes(twin.status), String(twin.status));
    for (const twin of twins.filter((one) => one.status === 409)) {
      expectedProblem(twin, 409, "idempotency_key_in_flight");
      assert.ok(Number(twin.headers.get("retry-after")) >= 1);
    }
    const ids = new Set(twins.filter((one) => one.status === 201).map((one) => one.body.document_id));
    assert.equal(ids.size, 1);
    assert.equal(await named("twins"), 1);
  });

  test("SF-31 the key of another request is refused, and another organisation's same key is its own", async () => {
    const headers = { "idempotency-key": randomUUID() };
    expected(await api.post("/documents", ORDER, headers), 201);
    const other = await api.post("/documents", { ...ORDER, filename: "other" }, headers);
    expectedProblem(other, 422, "idempotency_key_reused");
    const stranger = await newOrganisation(server);
    const theirs = await stranger.post("/documents", ORDER, headers);
    expected(theirs, 201);
    assert.equal(theirs.headers.get("idempotent-replayed"), null);
  });

  test("SF-30 the key is a UUID v4, bare or quoted; anything else is a 400", async () => {
    const version7 = "01936f6e-2c1a-7b3c-9d4e-5f6071829304";
    for (const key of ["", "1", "not-a-uuid", version7, `${randomUUID()}x`, "00000000-0000-0000-0000-000000000000"]) {
      const answer = await api.post("/documents", ORDER, { "idempotency-key": key });
      expectedProblem(answer, 400, "idempotency_key_invalid");
    }
    const key = randomUUID();
    const bare = expected(await api.post("/documents", ORDER, { "idempotency-key": key }), 201);
    for (const form of [`"${key}"`, key.toUpperCase()]) {
      const again = expected(await api.post("/documents", ORDER, { "idempotency-key": form }), 201);
      assert.equal(again.document_id, bare.document_id);
    }
  });

  test("SF-62 both path styles answer with the same handler and in the same idempotency scope", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const first = await api.post("/v1/secufile/documents", ORDER, headers);
    const second = await api.post("/v1/documents", ORDER, headers);
    assert.deepEqual(second.bytes, first.bytes);
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    const id = expected(first, 201).document_id;
    for (const path of ["", `/${id}`, "?limit=1"]) {
      const long = await api.get(`/v1/secufile/documents${path}`);
      const short = await api.get(`/v1/documents${path}`);
      assert.equal(long.status, 200);
      assert.deepEqual(short.bytes, long.bytes);
    }
    expected(await api.get("/v1/webhooks"), 200);
    expected(await api.get("/v1/tokens"), 200);
    expected(await api.get("/v1/kms/keys"), 200);
  });

  test("SF-12 input that is wrong in any way is refused with a reason and leaves every table as it was", async () => {
    const deep = `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`;
    const json = { "content-type": "application/json" };
    const post = (body: RawBody, headers: Record<string, string> = json): Promise<Answer> =>
      api.call("POST", "/documents", { raw: body, headers });
    const whole = JSON.stringify(ORDER);
    const cases: [string, number, () => Promise<Answer>][] = [
      ["malformed JSON", 400, () => post('{"filename": "a"')],
      ["two values", 400, () => post(`${whole}${whole}`)],
      ["an empty body", 400, () => post("")],
      ["not UTF-8", 400, () => post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
      ["a list", 422, () => post(`[${whole}]`)],
      ["a text", 422, () => post('"a"')],
      ["null", 422, () => post("null")],
      ["an unknown member", 422, () => post(JSON.stringify({ ...ORDER, colour: "red" }))],
      ["a wrong type", 422, () => post(JSON.stringify({ ...ORDER, filename: ["a"] }))],
      ["a member named __proto__", 422, () => post('{"filename":"a","key_wrap":"k","__proto__":{"bucket":"x"}}')],
      ["a lone surrogate", 422, () => post('{"filename":"\\ud800","key_wrap":"k"}')],
      ["a NUL", 422, () => post('{"filename":"a\\u0000b","key_wrap":"k"}')],
      ["5,000 levels", 422, () => post(deep)],
      ["a number too large", 422, () => post('{"filename":"a","key_wrap":"k","size":1e999}')],
      ["a form", 415, () => post("filename=a", { "content-type": "application/x-www-form-urlencoded" })],
      ["plain text", 415, () => post(whole, { "content-type": "text/plain" })],
      ["two megabytes", 413, () => post(JSON.stringify({ ...ORDER, key_wrap: "k".repeat(2_000_000) }))],
      ["a malformed id", 422, () => api.get("/documents/doc_1")],
      ["a path that is not there", 404, () => api.get("/nothing")],
      ["another method", 405, () => api.call("PATCH", "/documents")],
    ];
    const earlier = await rowCounts(server.database.superUrl);
    for (const [what, status, send] of cases) {
      const answer = await send();
      assert.equal(answer.status, status, `${what}: ${answer.bytes.toString()}`);
      assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/, what);
      assert.equal(typeof answer.body.detail, "string", what);
    }
    assert.deepEqual(await rowCounts(server.database.superUrl), earlier);
  });

  test("SF-44 a header broken over two lines gets a 400 that says how to mend it", async () => {
    const answer = await raw(
      `POST /v1/webhooks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.apiKey}\r\n` +
        "x-secufile-signature: sha256=0011\n2233\r\ncontent-length: 0\r\n\r\n",
    );
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    assert.match(head, /^HTTP\/1\.1 400 /);
    assert.match(head, /content-type: application\/problem\+json/i);
    const problem = JSON.parse(body);
    assert.equal(problem.code, "bad_request");
    assert.match(problem.detail, /line break/);
    assert.equal(problem.instance, "/v1/webhooks");
  });

  test("SF-12 a body shorter than announced, and both lengths at once, are refused without an effect", async () => {
    const earlier = await rowCounts(server.database.superUrl);
    const head = `POST /v1/documents HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.apiKey}\r\ncontent-type: application/json\r\n`;
    await raw(`${head}content-length: 500\r\n\r\n${JSON.stringify(ORDER)}`);
    const both = await raw(`${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`);
    assert.match(both, /^HTTP\/1\.1 400 /);
    assert.deepEqual(await rowCounts(server.database.superUrl), earlier);
    expected(await api.get("/documents?limit=1"), 200);
  });

  test("SF-16 a member as long as its bound is taken, one longer is not", async () => {
    const signers = (count: number) => Array.from({ length: count }, () => ({ email: "a@b.example", role: "r" }));
    expected(await api.post("/documents", { ...ORDER, signers: signers(50) }), 201);
    expected(await api.post("/documents", { ...ORDER, signers: signers(51) }), 422);
    expected(await api.post("/documents", { ...ORDER, filename: "é".repeat(255) }), 201);
    expected(await api.post("/documents", { ...ORDER, filename: "é".repeat(256) }), 422);
    const metadata = (count: number) => Object.fromEntries(Array.from({ length: count }, (_none, n) => [`m${n}`, "v"]));
    expected(await api.post("/documents", { ...ORDER, metadata: metadata(50) }), 201);
    expected(await api.post("/documents", { ...ORDER, metadata: metadata(51) }), 422);
  });
});

import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { request as tlsRequest, type RequestOptions as TlsRequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { proxyDatabase } from "../support/cutting-proxies.ts";
import { createTestDatabase } from "../support/database.ts";
import { rawClient, say } from "../support/raw-client.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  newDocument,
  storedDocument,
  withScopes,
  type Client,
} from "../support/secufile-client.ts";
import { startServer, startTestServer } from "../support/server.ts";
import { demoSsks, said } from "../support/ssks-client.ts";

const METRICS_TOKEN = "metrics-token-0123456789";
/** Whose X-Forwarded-For is believed: an address of the loopback network that only these tests call from. */
const PROXY = "127.0.0.2";

type Got = { status: number; headers: IncomingMessage["headers"]; body: string };

/** A request as Node's client sends it, with what `fetch` does not let choose: the address it comes from. */
async function send(url: string, options: TlsRequestOptions = {}): Promise<Got> {
  const sent = url.startsWith("https:") ? tlsRequest(url, options) : request(url, options);
  sent.end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() };
}

describe("the server", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let client: Client;
  before(async () => {
    server = await startTestServer({
      TABELLION_TRUSTED_PROXIES: `${PROXY}/32`,
      TABELLION_METRICS_TOKEN: METRICS_TOKEN,
    });
    client = clientOf(server.origin, server.apiKey);
  });
  after(() => server.remove());

  test("another method on a known path: 405 with Allow, before the token is looked at", async () => {
    for (const [path, method, allow] of [
      ["/documents", "PATCH", "GET, HEAD, POST"],
      ["/documents/", "PROPFIND", "GET, HEAD, POST"],
      ["/documents/doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F/content", "LOCK", "GET, HEAD, PUT"],
    ] as const) {
      const answer = await clientOf(server.origin, "").call(method, path);
      expectedProblem(answer, 405, "method_not_allowed");
      assert.equal(answer.headers.get("allow"), allow);
    }
  });

  test("an unknown path: 404 as a problem, with the request's id in header and body", async () => {
    for (const path of ["/nowhere", "/v1/nowhere", "/v1/secufile/nowhere"]) {
      const answer = await send(`${server.origin}${path}`);
      assert.equal(answer.status, 404);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(JSON.parse(answer.body).code, "not_found");
      assert.equal(JSON.parse(answer.body).request_id, answer.headers["x-request-id"]);
    }
  });

  test("HEAD answers like GET without a body; a slash at the end changes nothing", async () => {
    const id = await storedDocument(client, new Uint8Array(1000));
    for (const path of ["/documents", `/documents/${id}`, `/documents/${id}/content`, "/documents/"]) {
      const got = await client.get(path);
      const head = await client.call("HEAD", path);
      assert.equal(got.status, 200, path);
      assert.equal(head.status, 200, path);
      assert.equal(head.bytes.length, 0);
      assert.equal(head.headers.get("content-type"), got.headers.get("content-type"));
      assert.equal(head.headers.get("content-length"), got.headers.get("content-length"), path);
    }
  });

  test("X-Forwarded-For counts only from trusted proxies: a token bound to an address cannot be fooled", async () => {
    const bound = await withScopes(client, ["documents:read"], { ip_allow: ["203.0.113.7/32", "2001:db8::/32"] });
    const ask = (localAddress: string, forwarded: string | null): Promise<Got> =>
      send(`${server.origin}/v1/secufile/documents`, {
        localAddress,
        headers: {
          authorization: `Bearer ${bound.token}`,
          ...(forwarded === null ? {} : { "x-forwarded-for": forwarded }),
        },
      });
    for (const [from, forwarded, status] of [
      ["127.0.0.1", null, 403],
      ["127.0.0.1", "203.0.113.7", 403],
      [PROXY, null, 403],
      [PROXY, "203.0.113.7", 200],
      [PROXY, "2001:db8::5", 200],
      [PROXY, "2001:db9::5", 403],
      [PROXY, "198.51.100.1, 203.0.113.7", 200],
      [PROXY, "203.0.113.7, 198.51.100.1", 403],
      [PROXY, `203.0.113.7, ${PROXY}`, 200],
    ] as const) {
      const answer = await ask(from, forwarded);
      assert.equal(answer.status, status, `${from} ${forwarded}: ${answer.body}`);
      if (status === 403) assert.equal(JSON.parse(answer.body).code, "address_not_allowed");
    }
  });

  test("/metrics answers this machine and the metrics token, and is not there for anybody else", async () => {
    const url = `${server.origin}/metrics`;
    const forwarded = { "x-forwarded-for": "203.0.113.7" };
    const here = await send(url);
    assert.equal(here.status, 200);
    assert.match(here.body, /tabellion_http_requests_total\{operation="secufile.createDocument",status="201"\} \d+/);
    assert.equal((await send(url, { localAddress: PROXY, headers: forwarded })).status, 404);
    // A proxy on this machine that nobody told us to believe.
    assert.equal((await send(url, { headers: forwarded })).status, 404);
    const withToken = (token: string): Promise<Got> =>
      send(url, { localAddress: PROXY, headers: { ...forwarded, authorization: `Bearer ${token}` } });
    assert.equal((await withToken(METRICS_TOKEN)).status, 200);
    assert.equal((await withToken(`${METRICS_TOKEN}x`)).status, 404);
    assert.equal((await withToken("")).status, 404);
  });

  test("every answer to a token says what of its rate is left", async () => {
    const answer = await client.get("/documents");
    assert.equal(answer.headers.get("ratelimit-policy"), '"default";q=400;w=2');
    assert.match(answer.headers.get("ratelimit") ?? "", /^"default";r=\d+;t=\d+$/);
  });

  test("each request is one line in the log, with its id; no line holds a secret", async () => {
    const planted = {
      unknownToken: `sfk_live_${randomBytes(30).toString("hex").slice(0, 12)}_${"Q".repeat(49)}`,
      presigned: randomBytes(20).toString("hex"),
      query: randomBytes(20).toString("hex"),
      head: randomBytes(20).toString("hex"),
      body: randomBytes(20).toString("hex"),
      phrase: randomBytes(20).toString("hex"),
    };
    const ids = new Set<string>();
    const note = (answer: { headers: Headers }): void => void ids.add(answer.headers.get("x-request-id") ?? "none");
    const made = await client.post("/documents", {
      filename: `${planted.body}.pdf`,
      ciphertext_url: `http://127.0.0.1:9/a?X-Amz-Signature=${planted.presigned}`,
      key_wrap: `vault://${planted.phrase}`,
      signers: [{ email: "client@example.com", role: "buyer" }],
    });
    note(made);
    const link = new URL(expected(made, 201).signature_url);
    const secretLink = link.pathname.split("/").at(-1) ?? "";
    note(await client.call("GET", link.pathname));
    note(await clientOf(server.origin, planted.unknownToken).get("/documents"));
    note(await client.get(`/documents?filename=${planted.query}`));
    note(await client.call("POST", "/documents", { body: { [planted.body]: 1 } }));
    const other = expected(await client.post("/tokens", { name: "x", scopes: ["documents:read"] }), 201);
    await say(server.origin, `GET /v1/secufile/documents HTTP/1.1\r\nAuthorization: Bearer ${planted.head}\nx\r\n\r\n`);
    const last = await client.get("/documents");
    note(last);
    await server.printed(last.headers.get("x-request-id") ?? "none");
    const output = server.output();
    const lines = output.split("\n").filter((line) => line.startsWith("{"));
    for (const id of ids) {
      const told = lines.filter((line) => JSON.parse(line).msg === "request" && line.includes(id));
      assert.equal(told.length, 1, id);
      assert.match(JSON.parse(told[0] ?? "").operation, /^secufile\./);
    }
    await eventually("the failed download is in the log", async () =>
      server.output().includes("fetchDocument") ? 1 : null,
    );
    const secrets: string[] = [server.apiKey, server.operatorToken, other.token, secretLink, ...Object.values(planted)];
    for (const secret of secrets) {
      assert.equal(server.output().includes(secret), false, `${secret} is in the log`);
      assert.equal(server.output().includes(secret.slice(-30)), false, `the end of ${secret} is in the log`);
    }
  });
});

test("/health/ready says 503 while the database is away and 200 once it is back; /health/live stays 200", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-server-"));
  const database = await createTestDatabase();
  const proxy = await proxyDatabase(database.url);
  const through = { ...database, url: proxy.through(database.url) };
  const server = await startServer({ dataDirectory, database: through });
  const ready = async (): Promise<Got> => send(`${server.origin}/health/ready`);
  assert.equal((await ready()).status, 200);
  proxy.away();
  const away = await ready();
  assert.equal(away.status, 503);
  assert.deepEqual(JSON.parse(away.body).parts, { database: false });
  assert.equal((await send(`${server.origin}/health/live`)).status, 200);
  const client = clientOf(server.origin, server.apiKey);
  const keyStorage = await demoSsks(server);
  const refused = await client.get("/documents");
  expectedProblem(refused, 503, "unavailable");
  assert.equal(refused.headers.get("retry-after"), "5");
  const told = '{"detail":"The server cannot reach its database; try again."}';
  const slot = { app_id: keyStorage.appId, user_id: "x", secret: "s" };
  for (const answer of [
    await keyStorage.back("/strict/back/identity_check/", { user_id: "x" }),
    await keyStorage.front("/search/", null, slot),
    await keyStorage.front("/tmr/front/search/", "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"),
  ]) {
    assert.equal(said(answer, 503), told);
    assert.equal(answer.headers.get("retry-after"), "5");
  }
  proxy.back();
  await eventually("the server is ready again", async () => ((await ready()).status === 200 ? true : null));
  expected(await client.get("/documents"), 200);
  assert.equal(await server.stop(), 0);
  await proxy.close();
  await database.drop();
  await rm(dataDirectory, { recursive: true, force: true });
});

test("a stop lets an upload under way end: it is acknowledged and there; new connections are refused; exit code 0", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-server-"));
  const database = await createTestDatabase();
  let server = await startServer({ dataDirectory, database });
  const client = clientOf(server.origin, server.apiKey);
  const id = await newDocument(client);
  const content = randomBytes(3_000_000);
  const upload = request(`${server.origin}/v1/secufile/documents/${id}/content`, {
    method: "PUT",
    headers: { authorization: `Bearer ${server.apiKey}`, expect: "100-continue", "content-length": content.length },
  });
  upload.flushHeaders();
  await once(upload, "continue");
  upload.write(content.subarray(0, 1_000_000));
  const stopped = server.stop();
  await server.printed('"stopping"');
  await eventually("new connections are refused", async () => {
    const raw = await rawClient(server.origin).catch(() => null);
    raw?.socket.destroy();
    return raw === null ? true : null;
  });
  upload.write(content.subarray(1_000_000, 2_000_000));
  upload.end(content.subarray(2_000_000));
  const [answer] = (await once(upload, "response")) as [IncomingMessage];
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.headers.connection, "close");
  answer.resume();
  assert.equal(await stopped, 0);
  server = await startServer({ dataDirectory, database });
  const kept = await clientOf(server.origin, server.apiKey).get(`/documents/${id}/content`);
  assert.equal(
    createHash("sha256").update(kept.bytes).digest("hex"),
    createHash("sha256").update(content).digest("hex"),
  );
  await server.stop();
  await database.drop();
  await rm(dataDirectory, { recursive: true, force: true });
});

test("with a certificate it speaks TLS 1.2 and newer, and only that", async () => {
  const folder = new URL("../../src/platform/outbound/test-certificates/", import.meta.url).pathname;
  const server = await startTestServer({
    TABELLION_TLS_CERT: join(folder, "localhost.test.pem"),
    TABELLION_TLS_KEY: join(folder, "localhost.test-key.pem"),
  });
  const ca = await readFile(join(folder, "authority.pem"));
  const secure = { ca, servername: "localhost.test", headers: { authorization: `Bearer ${server.apiKey}` } };
  assert.equal((await send(`${server.origin}/v1/secufile/documents`, secure)).status, 200);
  assert.equal((await send(`${server.origin}/health/live`, { ...secure, maxVersion: "TLSv1.2" })).status, 200);
  const old: TlsRequestOptions = {
    ...secure,
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  };
  await assert.rejects(send(`${server.origin}/health/live`, old));
  const key = randomUUID();
  assert.doesNotMatch(
    await say(server.origin.replace("https", "http"), `GET /${key} HTTP/1.1\r\nHost: x\r\n\r\n`),
    /404/,
  );
  await server.remove();
});

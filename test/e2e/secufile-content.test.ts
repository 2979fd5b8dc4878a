import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { Webhook } from "standardwebhooks";
import { startLocalServer, type LocalServer } from "../support/local-server.ts";
import { publishedVerify } from "../support/published-verify.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newDocument,
  newOrganisation,
  rowCounts,
  settled,
  storedDocument,
  type Client,
} from "../support/secufile-client.ts";
import { startServer, startTestServer } from "../support/server.ts";

const MIB = 1024 * 1024;
const LARGEST = 24 * MIB;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Files below the server's blobs: what is on its disk of documents. */
async function blobFiles(dataDirectory: string): Promise<string[]> {
  const entries = await readdir(dataDirectory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.name.startsWith("blb_")).map((entry) => join(entry.parentPath, entry.name));
}

describe("content of documents", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  let plaintext: Buffer;
  let identity: string;
  let ciphertext: Buffer;
  let elsewhere: LocalServer;
  let receiver: LocalServer;
  let flakyTries = 0;

  before(async () => {
    server = await startTestServer({
      TABELLION_OUTBOUND_ALLOW: "127.0.0.1/32",
      TABELLION_MAX_DOCUMENT_BYTES: String(LARGEST),
    });
    api = clientOf(server.origin, server.apiKey);
    plaintext = Buffer.concat([Buffer.from("PROMESSE-D-ACHAT-12345 "), randomBytes(20 * MIB)]);
    identity = await generateIdentity();
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(identity));
    ciphertext = Buffer.from(await encrypter.encrypt(plaintext));
    receiver = await startLocalServer((_request, response) => response.end());
    elsewhere = await startLocalServer(({ path }, response) => {
      if (path === "/abc123") response.end(ciphertext);
      else if (path === "/small") response.end("small");
      else if (path === "/flaky" && ++flakyTries > 1) response.end("after all");
      else if (path === "/flaky") response.writeHead(503).end();
      else if (path === "/to-small") response.writeHead(302, { location: "/small" }).end();
      else if (path === "/to-private") response.writeHead(302, { location: "http://127.0.0.2:9/x" }).end();
      else if (path === "/to-metadata") response.writeHead(302, { location: "http://169.254.169.254/latest/" }).end();
      else if (path === "/to-file") response.writeHead(302, { location: "file:///etc/passwd" }).end();
      else if (path === "/round") response.writeHead(302, { location: "/round" }).end();
      else if (path === "/announced-too-large") response.writeHead(200, { "content-length": LARGEST + 1 }).write("x");
      else if (path === "/endless") response.end(Buffer.alloc(LARGEST + 1));
      else response.writeHead(404).end();
    });
  });
  after(async () => {
    await server.remove();
    await Promise.all([elsewhere.close(), receiver.close()]);
  });

  const fetched = async (path: string, members: Readonly<Record<string, unknown>> = {}) =>
    settled(api, await newDocument(api, { ciphertext_url: `${elsewhere.url}${path}`, ...members }));

  test("SF-06 SF-14 SF-21 SF-45 SF-47 SF-48 SF-57 a 20 MB file that age encrypted is fetched, told of and read back", async () => {
    const order = { url: `${receiver.url}/hook`, events: ["object.uploaded"] };
    const { secret } = expected(await api.post("/webhooks", order), 201);
    const startedAt = performance.now();
    const document = await fetched("/abc123", {
      filename: "promesse-achat-12345.pdf",
      wrapped_key: Buffer.from("wrapped").toString("base64"),
    });
    assert.ok(performance.now() - startedAt < 10_000, "stored within seconds");
    assert.equal(document.status, "stored");
    assert.equal(document.size, ciphertext.length);
    assert.equal(document.sha256, sha256(ciphertext));
    assert.equal(document.key_wrap, "vault://kms/key/01HX...");
    assert.equal(document.wrapped_key, Buffer.from("wrapped").toString("base64"));

    const content = await api.get(`/documents/${document.document_id}/content`);
    assert.equal(content.status, 200);
    assert.ok(content.bytes.equals(ciphertext), "byte for byte");
    assert.match(content.headers.get("content-disposition") ?? "", /attachment; filename="promesse-achat-12345\.pdf"/);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    assert.ok(Buffer.from(await decrypter.decrypt(content.bytes)).equals(plaintext), "the owner can decrypt it");

    const delivery = await receiver.waitFor(
      ({ path, body }) => path === "/hook" && body.includes(document.document_id),
    );
    const verify = await publishedVerify();
    assert.equal(verify(String(delivery.headers["x-secufile-signature"]), delivery.body, secret), true);
    new Webhook(secret).verify(delivery.body, delivery.headers as Record<string, string>);
    const event = JSON.parse(delivery.body.toString("utf8"));
    assert.equal(event.type, "object.uploaded");
    assert.equal(delivery.headers["x-secufile-event"], "object.uploaded");
    assert.deepEqual(event.data, {
      document_id: document.document_id,
      bucket: "default",
      key: document.object_key,
      filename: "promesse-achat-12345.pdf",
      content_type: "application/octet-stream",
      size: ciphertext.length,
      sha256: sha256(ciphertext),
    });
  });

  test("SF-21 neither disk nor database of the server holds a byte run of the plaintext or of the ciphertext", async () => {
    const files = await blobFiles(server.dataDirectory);
    assert.ok(files.length > 0);
    for (const file of files) {
      const bytes = await readFile(file);
      assert.equal(bytes.includes("PROMESSE-D-ACHAT"), false, file);
      assert.equal(bytes.includes("age-encryption.org"), false, `${file} is sealed once more`);
    }
  });

  test("SF-48 ranges: single, open, suffix, beyond the end, several, and as If-Range allows", async () => {
    const bytes = randomBytes(600_000);
    const id = await storedDocument(api, bytes, { content_type: "application/pdf" });
    const get = (headers: Record<string, string>) => api.get(`/documents/${id}/content`, headers);
    const whole = await get({});
    const etag = whole.headers.get("etag") ?? "";
    assert.equal(etag, `"${sha256(bytes)}"`);
    assert.equal(whole.headers.get("accept-ranges"), "bytes");
    assert.equal(whole.headers.get("content-type"), "application/pdf");
    const partial: [string, number, number][] = [
      ["bytes=0-0", 0, 0],
      ["bytes=262143-262144", 262_143, 262_144],
      ["bytes=100-524287", 100, 524_287],
      ["bytes=599999-", 599_999, 599_999],
      ["bytes=1000-", 1000, 599_999],
      ["bytes=-1", 599_999, 599_999],
      ["bytes=-300000", 300_000, 599_999],
      ["bytes=-700000", 0, 599_999],
      ["bytes=599990-900000", 599_990, 599_999],
    ];
    for (const [range, start, end] of partial) {
      const answer = await get({ range });
      assert.equal(answer.status, 206, range);
      assert.equal(answer.headers.get("content-range"), `bytes ${start}-${end}/600000`);
      assert.equal(answer.headers.get("content-length"), String(end - start + 1));
      assert.ok(answer.bytes.equals(bytes.subarray(start, end + 1)), range);
    }
    for (const range of ["bytes=600000-", "bytes=700000-700001", "bytes=-0"]) {
      const answer = await get({ range });
      expectedProblem(answer, 416, "range_not_satisfiable");
      assert.equal(answer.headers.get("content-range"), "bytes */600000");
    }
    for (const range of ["bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=a-b", "bytes=-"]) {
      const answer = await get({ range });
      assert.equal(answer.status, 200, range);
      assert.ok(answer.bytes.equals(bytes), range);
    }
    assert.equal((await get({ range: "bytes=0-9", "if-range": etag })).status, 206);
    assert.equal((await get({ range: "bytes=0-9", "if-range": '"old"' })).status, 200);
    assert.equal((await get({ range: "bytes=0-9", "if-range": `W/${etag}` })).status, 200);
  });

  test("SF-48 If-None-Match answers 304 to whoever has the content, and HEAD tells without sending it", async () => {
    const bytes = randomBytes(1000);
    const id = await storedDocument(api, bytes);
    const path = `/documents/${id}/content`;
    const etag = `"${sha256(bytes)}"`;
    for (const held of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const answer = await api.get(path, { "if-none-match": held });
      assert.equal(answer.status, 304, held);
      assert.equal(answer.bytes.length, 0);
      assert.equal(answer.headers.get("etag"), etag);
    }
    assert.equal((await api.get(path, { "if-none-match": '"other"' })).status, 200);
    const head = await api.call("HEAD", path);
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("content-length"), "1000");
    assert.equal(head.bytes.length, 0);
  });

  test("SF-47 an upload is stored, is answered alike when it comes again, and refuses other bytes", async () => {
    const bytes = randomBytes(100_000);
    const id = await newDocument(api, { sha256: sha256(bytes), size: bytes.length });
    const put = (raw: Uint8Array<ArrayBuffer>) => api.call("PUT", `/documents/${id}/content`, { raw });
    const first = expected(await put(bytes), 200);
    assert.equal(first.status, "stored");
    assert.equal(first.sha256, sha256(bytes));
    const filesBefore = (await blobFiles(server.dataDirectory)).length;
    assert.deepEqual(expected(await put(bytes), 200), first);
    expected(await put(randomBytes(100_000)), 422);
    assert.equal((await blobFiles(server.dataDirectory)).length, filesBefore);
    const other = await storedDocument(api, Buffer.from("one"));
    const refused = await api.call("PUT", `/documents/${other}/content`, { raw: "two" });
    expectedProblem(refused, 409, "document_stored");
    assert.equal((await api.get(`/documents/${other}/content`)).bytes.toString(), "one");
  });

  test("SF-47 an empty document and one that is fetched: the first is stored, the second takes no upload", async () => {
    const id = await storedDocument(api, Buffer.alloc(0));
    const answer = await api.get(`/documents/${id}/content`);
    assert.equal(answer.status, 200);
    assert.equal(answer.bytes.length, 0);
    expectedProblem(await api.get(`/documents/${id}/content`, { range: "bytes=0-" }), 416, "range_not_satisfiable");
    const waiting = await newDocument(api, { ciphertext_url: `${elsewhere.url}/flaky-for-ever` });
    const refused = await api.call("PUT", `/documents/${waiting}/content`, { raw: "x" });
    assert.ok(["upload_not_expected", "document_failed"].includes(refused.body.code), refused.body.code);
  });

  test("SF-21 SF-47 what is not as announced is refused, nothing is stored, and the right bytes are taken after", async () => {
    const bytes = randomBytes(50_000);
    const files = (await blobFiles(server.dataDirectory)).length;
    const wrong = [{ sha256: sha256(Buffer.from("other")) }, { size: 49_999 }, { size: 50_001 }];
    for (const members of wrong) {
      const id = await newDocument(api, members);
      const answer = await api.call("PUT", `/documents/${id}/content`, { raw: bytes });
      expectedProblem(answer, 422, "content_mismatch");
      assert.equal(expected(await api.get(`/documents/${id}`), 200).status, "pending");
    }
    assert.equal((await blobFiles(server.dataDirectory)).length, files);
    const id = await newDocument(api, { size: 50_000, sha256: sha256(bytes) });
    expectedProblem(await api.call("PUT", `/documents/${id}/content`, { raw: "x" }), 422, "content_mismatch");
    expected(await api.call("PUT", `/documents/${id}/content`, { raw: bytes }), 200);
  });

  test("SF-47 an upload that breaks off stores nothing, and the document takes the whole afterwards", async () => {
    const bytes = randomBytes(400_000);
    const files = (await blobFiles(server.dataDirectory)).length;
    const counts = await rowCounts(server.database.superUrl);
    const id = await newDocument(api);
    const socket = connect(Number(new URL(server.origin).port), "127.0.0.1");
    socket.write(
      `PUT /v1/documents/${id}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.token}\r\n` +
        `content-type: application/octet-stream\r\ncontent-length: ${bytes.length}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.write(bytes.subarray(0, 300_000), resolve));
    const incoming = async (): Promise<number> => (await blobFiles(server.dataDirectory)).length - files;
    await eventually("the server has begun to write", async () => ((await incoming()) > 0 ? true : null));
    socket.destroy();
    await eventually("what was begun is gone", async () => ((await incoming()) === 0 ? true : null));
    assert.equal(expected(await api.get(`/documents/${id}`), 200).status, "pending");
    expected(await api.call("PUT", `/documents/${id}/content`, { raw: bytes }), 200);
    assert.ok((await api.get(`/documents/${id}/content`)).bytes.equals(bytes));
    const documents = (await rowCounts(server.database.superUrl))["secufile.documents"] ?? 0;
    assert.equal(documents, (counts["secufile.documents"] ?? 0) + 1);
  });

  test("SF-47 an upload that is too large is a 413 and stores nothing", async () => {
    const id = await newDocument(api);
    const files = (await blobFiles(server.dataDirectory)).length;
    const socket = connect(Number(new URL(server.origin).port), "127.0.0.1");
    const answered = new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
    socket.on("error", () => undefined);
    socket.write(
      `PUT /v1/documents/${id}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.token}\r\n` +
        `content-type: application/octet-stream\r\ncontent-length: ${LARGEST + 1}\r\n\r\n`,
    );
    socket.write(Buffer.alloc(LARGEST + 1));
    const answer = await answered;
    socket.destroy();
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /content_too_large/);
    assert.equal(expected(await api.get(`/documents/${id}`), 200).status, "pending");
    assert.equal((await blobFiles(server.dataDirectory)).length, files);
  });

  test("SF-47 of two uploads that race one wins; the same bytes are a success, others a 409", async () => {
    const race = async (first: Buffer<ArrayBuffer>, second: Buffer<ArrayBuffer>) => {
      const id = await newDocument(api);
      const files = (await blobFiles(server.dataDirectory)).length;
      const answers = await Promise.all(
        [first, second].map((raw) => api.call("PUT", `/documents/${id}/content`, { raw })),
      );
      assert.equal((await blobFiles(server.dataDirectory)).length, files + 1, "one file for one document");
      const kept = (await api.get(`/documents/${id}/content`)).bytes;
      return { statuses: answers.map((answer) => answer.status), kept };
    };
    const [one, two] = [randomBytes(300_000), randomBytes(300_000)];
    for (let round = 0; round < 3; round++) {
      const same = await race(one, one);
      assert.deepEqual(same.statuses, [200, 200]);
      assert.ok(same.kept.equals(one));
      const different = await race(one, two);
      assert.deepEqual(
        different.statuses.toSorted((a, b) => a - b),
        [200, 409],
      );
      assert.ok(different.kept.equals(different.statuses[0] === 200 ? one : two));
    }
  });

  test("SF-48 content that was deleted is gone from the disk within seconds", async () => {
    const files = new Set(await blobFiles(server.dataDirectory));
    const id = await storedDocument(api, randomBytes(1000));
    const made = (await blobFiles(server.dataDirectory)).filter((file) => !files.has(file));
    assert.equal(made.length, 1);
    expected(await api.call("DELETE", `/documents/${id}`), 204);
    await eventually("the file is gone", async () =>
      (await blobFiles(server.dataDirectory)).includes(made[0] ?? "") ? null : true,
    );
  });

  test("SF-14 a fetch that cannot succeed makes the document failed, says why, and tells receivers", async () => {
    const { webhook_id: webhookId } = expected(
      await api.post("/webhooks", { url: `${receiver.url}/failed`, events: ["object.failed"] }),
      201,
    );
    const cases: [string, RegExp, Record<string, unknown>][] = [
      ["/absent", /404/, {}],
      ["/to-private", /not allowed|may not/i, {}],
      ["/to-metadata", /not allowed|may not/i, {}],
      ["/to-file", /./, {}],
      ["/round", /redirect/i, {}],
      ["/announced-too-large", /larg/i, {}],
      ["/endless", /larg/i, {}],
      ["/small", /SHA-256/, { sha256: sha256(Buffer.from("other")) }],
      ["/small", /size/i, { size: 4 }],
    ];
    const files = (await blobFiles(server.dataDirectory)).length;
    await Promise.all(
      cases.map(async ([path, reason, members]) => {
        const document = await fetched(path, members);
        assert.equal(document.status, "failed", path);
        assert.match(document.failure, reason, path);
        const id = document.document_id;
        const event = await receiver.waitFor((one) => one.path === "/failed" && one.body.includes(id));
        const { type, data } = JSON.parse(event.body.toString());
        assert.equal(type, "object.failed");
        assert.equal(data.reason, document.failure);
        expectedProblem(await api.get(`/documents/${id}/content`), 409, "document_failed");
        const upload = await api.call("PUT", `/documents/${id}/content`, { raw: "x" });
        expectedProblem(upload, 409, "document_failed");
      }),
    );
    assert.equal((await blobFiles(server.dataDirectory)).length, files);
    expected(await api.call("DELETE", `/webhooks/${webhookId}`), 204);
  });

  test("SF-14 a redirect to an allowed address is followed, and a source that was busy is asked again", async () => {
    const moved = await fetched("/to-small", { sha256: sha256(Buffer.from("small")), size: 5 });
    assert.equal(moved.status, "stored");
    const flaky = await fetched("/flaky");
    assert.equal(flaky.status, "stored");
    assert.equal(flakyTries, 2);
    assert.equal((await api.get(`/documents/${flaky.document_id}/content`)).bytes.toString(), "after all");
  });

  test("SF-21 the server asks for the ciphertext without any credential of the caller", async () => {
    const request = await elsewhere.waitFor(({ path }) => path === "/small");
    assert.equal(request.method, "GET");
    assert.equal(request.headers.authorization, undefined);
    assert.equal(request.headers.cookie, undefined);
  });
});

describe("ciphertext from private addresses, where the operator allows none", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  before(async () => {
    server = await startTestServer({ TABELLION_OUTBOUND_ALLOW: "" });
    api = await newOrganisation(server);
  });
  after(() => server.remove());

  test("SF-14 no private, loopback or link-local address is called, however it is written", async () => {
    const trap = await startLocalServer((_request, response) => response.end("secret"));
    const { port } = new URL(trap.url);
    const hosts = [
      ...["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"],
      ...["169.254.169.254", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]"],
    ];
    await Promise.all(
      hosts.map(async (host) => {
        const document = await settled(api, await newDocument(api, { ciphertext_url: `https://${host}:${port}/x` }));
        assert.equal(document.status, "failed", host);
        assert.doesNotMatch(document.failure, /\/x/, "the reason holds no path");
      }),
    );
    assert.equal(trap.received.length, 0);
    await trap.close();
    const plain = await api.post("/documents", {
      filename: "a",
      key_wrap: "k",
      ciphertext_url: "http://blob.example.com/a",
    });
    expectedProblem(plain, 422, "validation_failed");
  });
});

describe("a fetch whose last try was lost", () => {
  test("SF-14 its document is given up after eight days, and not before", async () => {
    const server = await startTestServer();
    const busy = await startLocalServer((_request, response) => response.writeHead(503).end());
    const api = clientOf(server.origin, server.apiKey);
    const id = await newDocument(api, { ciphertext_url: `${busy.url}/x` });
    const upload = await newDocument(api);
    await busy.waitFor(() => true);
    // As a crash in the last try leaves it: a document that waits, and no job that would fetch it.
    await eventually("the try is over", async () => {
      const statement =
        "delete from graphile_worker._private_jobs where payload->>'documentId' = $1 and locked_at is null returning id";
      return (await look(server.database.superUrl, statement, [id])).length > 0 ? true : null;
    });
    const sweep = async (days: number): Promise<void> => {
      const ahead = await startServer({
        dataDirectory: server.dataDirectory,
        database: server.database,
        env: { TABELLION_ROLE: "worker", TABELLION_TEST_CLOCK_OFFSET_MS: String(days * 86_400_000) },
      });
      const statement = "select id from graphile_worker.add_job('secufile.failStaleFetches', '{}'::json)";
      await look(server.database.superUrl, statement);
      await eventually("the sweep is over", async () => {
        const rows = await look(server.database.superUrl, "select 1 from graphile_worker._private_jobs");
        return rows.length === 0 ? true : null;
      });
      await ahead.stop();
    };
    await server.stop();
    await sweep(7);
    const again = await startServer({ dataDirectory: server.dataDirectory, database: server.database });
    const later = clientOf(again.origin, server.apiKey);
    assert.equal((await later.get(`/documents/${id}`)).body.status, "pending");
    await again.stop();
    await sweep(9);
    const last = await startServer({ dataDirectory: server.dataDirectory, database: server.database });
    const client = clientOf(last.origin, server.apiKey);
    assert.equal((await client.get(`/documents/${id}`)).body.status, "failed");
    assert.equal(
      (await client.get(`/documents/${upload}`)).body.status,
      "pending",
      "one that waits for an upload waits on",
    );
    await last.stop();
    await server.remove();
    await busy.close();
  });
});

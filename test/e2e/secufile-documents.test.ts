import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import {
  clientOf,
  expected,
  expectedProblem,
  newDocument,
  newOrganisation,
  storedDocument,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startServer, startTestServer } from "../support/server.ts";

const run = promisify(execFile);
const DOCUMENT_ID = /^doc_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const PUBLISHED = {
  filename: "promesse-achat-12345.pdf",
  ciphertext_url: "https://blob.example.com/abc123",
  key_wrap: "vault://kms/key/01HX...",
  signers: [{ email: "client@example.com", role: "buyer" }],
};
const hasCurl = await run("curl", ["--version"]).then(
  () => true,
  () => false,
);

describe("documents of SecuFile", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  before(async () => {
    server = await startTestServer({ TABELLION_PUBLIC_URL: "https://docs.example.org" });
    api = clientOf(server.origin, server.apiKey);
  });
  after(() => server.remove());

  test("SF-05 SF-09 SF-10 SF-11 SF-12 SF-19 SF-20 the published request is answered as documented", async () => {
    const answer = await api.call("POST", "/v1/secufile/documents", {
      body: PUBLISHED,
      headers: { "idempotency-key": randomUUID() },
    });
    const body = expected(answer, 201);
    assert.match(body.document_id, DOCUMENT_ID);
    assert.equal(new URL(body.signature_url).protocol, "https:");
    assert.equal(body.status, "pending");
    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  });

  test("SF-05 SF-09 the published command runs by curl itself", { skip: !hasCurl }, async () => {
    const { stdout } = await run("curl", [
      ...["-sS", "-X", "POST", `${server.origin}/v1/secufile/documents`],
      ...["-H", `Authorization: Bearer ${server.apiKey}`],
      ...["-H", `Idempotency-Key: ${randomUUID()}`],
      ...["-H", "Content-Type: application/json"],
      ...["-d", JSON.stringify(PUBLISHED, null, 2)],
    ]);
    const body = JSON.parse(stdout);
    assert.match(body.document_id, DOCUMENT_ID);
    assert.ok(URL.canParse(body.signature_url));
  });

  test("SF-13 SF-14 SF-15 SF-16 SF-17 SF-18 each published field is read, and named where it is wrong", async () => {
    const wrong: [string, unknown, string][] = [
      ["filename", undefined, "filename"],
      ["filename", 7, "filename"],
      ["filename", "", "filename"],
      ["filename", "a\nb", "filename"],
      ["filename", "x".repeat(256), "filename"],
      ["ciphertext_url", "ftp://blob.example.com/a", "ciphertext_url"],
      ["ciphertext_url", "https://user:secret@blob.example.com/a", "ciphertext_url"],
      ["ciphertext_url", "no url", "ciphertext_url"],
      ["key_wrap", undefined, "key_wrap"],
      ["key_wrap", null, "key_wrap"],
      ["signers", { email: "a@b.example", role: "buyer" }, "signers"],
      ["signers", [{ role: "buyer" }], "signers.0.email"],
      ["signers", [{ email: "nobody", role: "buyer" }], "signers.0.email"],
      ["signers", [{ email: "a@b.example" }], "signers.0.role"],
      ["signers", [{ email: "a@b.example", role: 1 }], "signers.0.role"],
    ];
    for (const [field, value, parameter] of wrong) {
      const answer = await api.post("/documents", { ...PUBLISHED, [field]: value });
      const problem = expectedProblem(answer, 422, "validation_failed");
      assert.deepEqual(
        (problem.errors as Json[]).map((error) => error.parameter),
        [parameter],
        `${field}: ${JSON.stringify(value)}`,
      );
    }
  });

  test("SF-15 SF-16 SF-17 SF-18 SF-48 metadata, signers and both keys come back as they were given", async () => {
    const order = {
      ...PUBLISHED,
      filename: "Überlassungsvertrag – été “final” 🖋.pdf",
      ciphertext_url: undefined,
      wrapped_key: Buffer.from("a wrapped data key").toString("base64"),
      bucket: "contracts-2026",
      content_type: "application/pdf",
      metadata: { case: "12345", note: "" },
      signers: [
        { email: "client@example.com", role: "buyer", name: "Ève Ñandú", order: 2, phone: "+15145550123" },
        { email: "notary@example.com", role: "notary" },
      ],
    };
    const id = await newDocument(api, order);
    const document = expected(await api.get(`/documents/${id}`), 200);
    const { created_at: createdAt, ...rest } = document;
    assert.ok(Math.abs(Date.now() - Date.parse(createdAt)) < 60_000);
    assert.deepEqual(rest, {
      document_id: id,
      filename: order.filename,
      content_type: "application/pdf",
      size: null,
      sha256: null,
      bucket: "contracts-2026",
      object_key: `${id}/${order.filename}`,
      status: "pending",
      failure: null,
      key_wrap: "vault://kms/key/01HX...",
      wrapped_key: order.wrapped_key,
      signers: [
        { email: "client@example.com", role: "buyer", name: "Ève Ñandú", order: 2, phone: "+15145550123" },
        { email: "notary@example.com", role: "notary", name: null, order: null, phone: null },
      ],
      retention: null,
      metadata: { case: "12345", note: "" },
      stored_at: null,
    });
  });

  test("SF-47 without signers there is no signature_url, without ciphertext_url the document waits for an upload", async () => {
    const body = expected(await api.post("/documents", { filename: "a", key_wrap: "age1..." }), 201);
    assert.equal(body.signature_url, null);
    expectedProblem(await api.get(`/documents/${body.document_id}/content`), 409, "document_pending");
  });

  test("SF-48 an id that never was is a 404 on every route of a document", async () => {
    const path = "/documents/doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
    const release = { recipient_public_key: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p" };
    expectedProblem(await api.get(path), 404, "document_not_found");
    expectedProblem(await api.get(`${path}/content`), 404, "document_not_found");
    expectedProblem(await api.call("PUT", `${path}/content`, { raw: "x" }), 404, "document_not_found");
    expectedProblem(await api.call("DELETE", path), 404, "document_not_found");
    expectedProblem(await api.post(`${path}/key-release`, { ...release, reason: "r" }), 404, "document_not_found");
  });

  test("SF-48 a deleted document is gone from every route and list, and deleting it again is a 404", async () => {
    const created = expected(await api.post("/documents", { ...PUBLISHED, filename: "to-delete" }), 201);
    const path = `/documents/${created.document_id}`;
    const page = new URL(created.signature_url).pathname;
    expected(await api.get(page), 200);
    const answer = await api.call("DELETE", path);
    expected(answer, 204);
    assert.equal(answer.bytes.length, 0);
    expectedProblem(await api.get(path), 404, "document_not_found");
    expectedProblem(await api.get(`${path}/content`), 404, "document_not_found");
    expectedProblem(await api.call("DELETE", path), 404, "document_not_found");
    assert.equal((await api.get(page)).status, 410);
    assert.deepEqual(expected(await api.get("/documents?filename=to-delete"), 200).data, []);
  });

  test("SF-48 a retained document is not deleted before its time, and is after it", async () => {
    const id = await newDocument(api, { retention_days: 1 });
    const { retention, created_at: createdAt } = expected(await api.get(`/documents/${id}`), 200);
    assert.equal(retention.days, 1);
    assert.equal(Date.parse(retention.retained_until) - Date.parse(createdAt), 86_400_000);
    const problem = expectedProblem(await api.call("DELETE", `/documents/${id}`), 409, "document_retained");
    assert.equal(problem.detail, `The document is retained until ${retention.retained_until}.`);
    expected(await api.get(`/documents/${id}`), 200);
    const tomorrow = await startServer({
      dataDirectory: server.dataDirectory,
      database: server.database,
      env: { TABELLION_TEST_CLOCK_OFFSET_MS: String(86_460_000), TABELLION_ROLE: "api" },
    });
    try {
      expected(await clientOf(tomorrow.origin, server.apiKey).call("DELETE", `/documents/${id}`), 204);
    } finally {
      await tomorrow.stop();
    }
    expectedProblem(await api.get(`/documents/${id}`), 404, "document_not_found");
  });
});

describe("lists of documents", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  const ids: string[] = [];
  before(async () => {
    server = await startTestServer();
    api = await newOrganisation(server);
    for (let place = 0; place < 23; place++) {
      const members = { filename: place % 2 === 0 ? "even" : "odd", bucket: place < 5 ? "first" : "second" };
      const id =
        place < 3
          ? await storedDocument(api, Buffer.from(`content ${place}`), members)
          : await newDocument(api, members);
      ids.push(id);
    }
  });
  after(() => server.remove());

  const idsOf = (body: { data: { document_id: string }[] }): string[] => body.data.map((entry) => entry.document_id);

  test("SF-48 a cursor leads to the end without a gap or a repetition, also while documents are added", async () => {
    const seen: string[] = [];
    let late: string | null = null;
    for (let cursor: string | null = ""; cursor !== null;) {
      const body = expected(await api.get(`/documents?limit=5${cursor === "" ? "" : `&cursor=${cursor}`}`), 200);
      assert.ok(body.data.length <= 5);
      seen.push(...idsOf(body));
      late ??= await newDocument(api, { bucket: "late" });
      cursor = body.next_cursor;
    }
    assert.deepEqual(seen, [...ids, late]);
    expected(await api.call("DELETE", `/documents/${late}`), 204);
  });

  test("SF-48 pages by number hold the same as pages by cursor, and the last page says so", async () => {
    const third = expected(await api.get("/documents?limit=10&page=3"), 200);
    assert.deepEqual(idsOf(third), ids.slice(20));
    assert.equal(third.next_cursor, null);
    assert.deepEqual(expected(await api.get("/documents?limit=10&page=4"), 200), { data: [], next_cursor: null });
    const exact = expected(await api.get("/documents?limit=23"), 200);
    assert.equal(exact.next_cursor, null);
  });

  test("SF-48 bucket, status and filename filter, alone and together", async () => {
    const listed = async (query: string): Promise<string[]> =>
      idsOf(expected(await api.get(`/documents?${query}`), 200));
    assert.deepEqual(await listed("bucket=first"), ids.slice(0, 5));
    assert.deepEqual(await listed("status=stored"), ids.slice(0, 3));
    assert.deepEqual(await listed("status=pending&bucket=first"), ids.slice(3, 5));
    assert.deepEqual(
      await listed("filename=odd"),
      ids.filter((_id, place) => place % 2 === 1),
    );
    assert.deepEqual(await listed("filename=even&status=stored&bucket=first"), [ids[0], ids[2]]);
    assert.deepEqual(await listed("status=failed"), []);
    assert.deepEqual(await listed("filename=%27%20or%20true--"), []);
  });

  test("SF-48 a cursor that is none of ours, or a page size out of bounds, is a 422", async () => {
    const wrong = [
      ...["cursor=x", "cursor=AAAA", "cursor=%00", "cursor=", "cursor=a%20b", `cursor=${"A".repeat(600)}`],
      ...["cursor=JyBvciB0cnVlLS0", "limit=0", "limit=201", "limit=ten", "limit=1.5", "limit=-1", "limit=1&limit=2"],
      ...["page=0", "page=x", "status=lost", "bucket=A", "unknown=1"],
    ];
    for (const query of wrong) {
      const answer = await api.get(`/documents?${query}`);
      assert.equal(answer.status, 422, query);
      assert.equal(answer.body.code, "validation_failed");
    }
  });
});

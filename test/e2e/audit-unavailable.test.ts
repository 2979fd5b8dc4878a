import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test, type TestContext } from "node:test";
import pg from "pg";
import { linkIn, openMailbox, type Mailbox } from "../support/mailbox.ts";
import { codeAt, demoTenant, newPerson, PASSWORD, signIn, tokenIn, type Person } from "../support/people.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  storedDocument,
  tableDigests,
  type Answer,
  type Client,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { visitorOf } from "../support/sign-visitor.ts";
import { makeTinyTablespace, type TinyTablespace } from "../support/tiny-tablespace.ts";

const CONTENT = new Uint8Array(randomBytes(4096));
const FILENAME = "a-contract-that-nobody-else-sees.age";
const RECIPIENT = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });

/** What each of them would do or give away. */
type Act = { readonly what: string; run(headers?: Readonly<Record<string, string>>): Promise<Answer> };

/** What every table holds; the audit log's own must not grow either. */
async function stateOf(superUrl: string): Promise<unknown> {
  const [{ count }] = await look(superUrl, "select count(*)::int as count from platform.audit_events");
  return { count, ...(await tableDigests(superUrl)) };
}

describe("A1 when the audit log cannot be written, nothing happens", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let client: Client;
  let superUrl: string;
  let acts: readonly Act[];
  /** Of these a proof needs no row of its own: only a log that cannot be read refuses it. */
  let readings: readonly Act[];
  /** Of people whom nobody knows yet. Each but the last works once. */
  let people: readonly Act[];
  let mailbox: Mailbox;
  /** Bytes that no refused answer may hold. */
  let secrets: readonly Buffer[];

  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    client = clientOf(server.origin, server.apiKey);
    ({ superUrl } = server.database);
    const key = expected(await client.post("/kms/keys", { name: "k" }), 201);
    const data = expected(await client.post(`/kms/keys/${key.key_id}/data-key`, {}), 201);
    const { key_wrap, wrapped_key } = data;
    const documentId = await storedDocument(client, CONTENT, { filename: FILENAME, key_wrap, wrapped_key });
    const order = { signers: [{ email: "signer@example.com", role: "buyer" }] };
    const { signature_url: url } = expected(await client.post(`/documents/${documentId}/signatures`, order), 201);
    secrets = [data.plaintext_key, wrapped_key, CONTENT.subarray(0, 32), FILENAME].map((one) => Buffer.from(one));
    const release = { recipient_public_key: RECIPIENT, reason: "a test" };
    acts = [
      {
        what: "a write",
        run: (headers) => client.post("/documents", { filename: "a.age", key_wrap: "vault://kms/key/1" }, headers),
      },
      { what: "a read of content", run: () => client.get(`/documents/${documentId}/content`) },
      { what: "a read of metadata", run: () => client.get(`/documents/${documentId}`) },
      { what: "a read that leaves a general row", run: () => client.get("/kms/keys") },
      {
        what: "a key release",
        run: (headers) => client.post(`/documents/${documentId}/key-release`, release, headers),
      },
      { what: "a data key", run: (headers) => client.post(`/kms/keys/${key.key_id}/data-key`, {}, headers) },
      { what: "a page behind a link", run: () => client.get(new URL(url).pathname) },
      { what: "a list of records", run: () => client.get("/audit") },
      { what: "a refusal", run: () => client.get("/documents/doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F") },
    ];
    const record = await eventually("a record has its place", async () => {
      return expected(await client.get("/audit?limit=1"), 200).data[0] ?? null;
    });
    readings = [
      { what: "a record", run: () => client.get(`/audit/${record.id}`) },
      { what: "a proof", run: () => client.get(`/audit/${record.id}/proof`) },
    ];
    // Each of them works before.
    for (const act of acts.slice(0, -1)) assert.ok((await act.run()).status < 300, act.what);
    people = await peopleActs();
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  async function peopleActs(): Promise<Act[]> {
    const signerPath = linkIn(await mailbox.mailTo("signer@example.com", 1));
    assert.equal((await visitorOf(server.origin).send(signerPath, { act: "open" })).status, 200);
    const tenantId = await demoTenant(superUrl);
    const nobody = clientOf(server.origin, "");
    const operator = clientOf(server.origin, server.operatorToken);
    const reader = await newPerson(server, mailbox, { tenantId, role: "reader" });
    const { refresh_token } = (await signIn(server.origin, reader)).tokens;
    const email = "invited@example.org";
    expected(await operator.post(`/v1/tenants/${tenantId}/invitations`, { email, role: "reader" }), 201);
    const token = tokenIn((await mailbox.mailTo(email, 1)).text);
    const accepted = { token, name: "A. Person", password: PASSWORD };
    const { mfa_token, code } = await firstHalf(await newPerson(server, mailbox, { tenantId, role: "reader" }));
    let count = 0;
    // Nobody's: who has failed from here within the minute is only counted.
    const nobodys = (): string => `nobody-${(count += 1)}@example.org`;
    const login = { email: reader.email, tenant_id: tenantId };
    const form = {
      "content-type": "application/x-www-form-urlencoded",
      origin: "null",
      "sec-fetch-site": "same-origin",
    };
    const send = (fields: Readonly<Record<string, string>>) =>
      nobody.call("POST", signerPath, { raw: Buffer.from(String(new URLSearchParams(fields))), headers: form });
    return [
      { what: "a sign-in", run: () => nobody.post("/v1/auth/login", { ...login, password: PASSWORD }) },
      { what: "a second step", run: () => nobody.post("/v1/auth/login/totp", { mfa_token, code }) },
      { what: "a renewal", run: () => nobody.post("/v1/auth/refresh", { refresh_token }) },
      { what: "a question for a reset", run: () => nobody.post("/v1/auth/password-reset", { email: nobodys() }) },
      { what: "an acceptance", run: () => nobody.post("/v1/auth/invitations/accept", accepted) },
      { what: "a signature", run: () => send({ act: "sign", name: "Ada Lovelace", consent: "yes" }) },
      {
        what: "a wrong password",
        run: () => nobody.post("/v1/auth/login", { email: nobodys(), password: "not the password" }),
      },
    ];
  }

  async function firstHalf(person: Person): Promise<{ mfa_token: string; code: string }> {
    const client_ = await signIn(server.origin, person);
    const { secret } = expected(await client_.post("/v1/auth/totp", undefined), 201);
    const confirmed = await client_.post("/v1/auth/totp/confirm", { code: codeAt(String(secret), new Date()) });
    const { recovery_codes: codes } = expected(confirmed, 200);
    return { mfa_token: (await signIn(server.origin, person)).tokens.mfa_token, code: String(codes[0]) };
  }

  async function refused(t: TestContext): Promise<void> {
    const earlier = await stateOf(superUrl);
    for (const act of [...acts, ...people]) {
      for (const headers of [{}, { "idempotency-key": randomUUID() }]) {
        const startMs = performance.now();
        const answer = await act.run(headers);
        t.diagnostic(`${act.what}: ${Math.round(performance.now() - startMs)} ms`);
        expectedProblem(answer, 503, "audit_unavailable");
        assert.ok(Number(answer.headers.get("retry-after")) >= 1, act.what);
        for (const secret of secrets) assert.ok(!answer.bytes.includes(secret), `${act.what} gave a secret away`);
      }
    }
    assert.deepEqual(await stateOf(superUrl), earlier);
  }

  async function recovered(): Promise<void> {
    for (const act of acts.slice(0, -1)) {
      await eventually(`${act.what} works again`, async () => ((await act.run()).status < 300 ? true : null));
    }
  }

  test("A1 table locked by another session: 503 with Retry-After while it is locked, no change, no secret byte", async (t) => {
    // More than there are connections: those that wait must not make the others wait for ever.
    const many = Array.from({ length: 6 }, () => [...readings, ...acts]).flat();
    const slowestOf = async (run: readonly Act[], check: (answer: Answer, act: Act) => void): Promise<number> => {
      const times = run.map(async (act) => {
        const startMs = performance.now();
        const answer = await act.run();
        const ms = performance.now() - startMs;
        check(answer, act);
        return ms;
      });
      return Math.max(...(await Promise.all(times)));
    };
    // What this machine takes for as many answers when nothing is locked, whatever else it does.
    const usualMs = await slowestOf(
      Array.from({ length: many.length }, (_, at) => readings[at % readings.length] as Act),
      ({ status }) => assert.ok(status < 300),
    );
    const holder = new pg.Client({ connectionString: superUrl });
    await holder.connect();
    await holder.query("begin; lock table platform.audit_events in access exclusive mode");
    try {
      // Looked at by the holder itself: nobody else may read the table now.
      const count =
        "select (select count(*) from platform.audit_events) as rows, (select count(*) from secufile.documents) as documents";
      const earlier = (await holder.query(count)).rows;
      const slowestMs = await slowestOf(many, (answer, act) => {
        expectedProblem(answer, 503, "audit_unavailable");
        for (const secret of secrets) assert.ok(!answer.bytes.includes(secret), act.what);
      });
      // Where the log's waiters hold every connection, limits cannot be asked: that is 503, too.
      for (const { status, body } of await Promise.all([...people, ...people].map((act) => act.run()))) {
        assert.equal(status, 503);
        assert.match(body.code, /^(?:audit_)?unavailable$/);
      }
      t.diagnostic(`the slowest of ${many.length}: ${Math.round(slowestMs)} ms; unlocked ${Math.round(usualMs)} ms`);
      assert.ok(
        slowestMs - usualMs < 5_000,
        "the limit that is promised, beside what as many answers take here anyway",
      );
      assert.deepEqual((await holder.query(count)).rows, earlier);
    } finally {
      await holder.end();
    }
    await recovered();
  });

  test("A1 insert right revoked: 503 with Retry-After, no change, no secret byte", async (t) => {
    await look(superUrl, "revoke insert on platform.audit_events from tabellion_test_app");
    try {
      await refused(t);
    } finally {
      await look(superUrl, "grant insert on platform.audit_events to tabellion_test_app");
    }
    await recovered();
  });

  test("what people were refused meanwhile has not happened: each works now, once", async () => {
    const wrong = people.at(-1);
    for (const act of people.slice(0, -1)) {
      await eventually(`${act.what} works`, async () => ((await act.run()).status < 300 ? true : null));
    }
    assert.ok(wrong !== undefined);
    expectedProblem(await wrong.run(), 401, "login_failed");
  });

  test("a refusal that could not be recorded is counted for the operator", async () => {
    const operator = clientOf(server.origin, server.operatorToken);
    await eventually("the refusals are counted", async () => {
      const data: { reason: string }[] = expected(await operator.get("/v1/platform/refusals"), 200).data;
      return data.some((entry) => entry.reason === "audit_unavailable") ? true : null;
    });
  });
});

describe("A1 with a full disk", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let tiny: TinyTablespace | string;
  const clusterUrl = process.env["TEST_POSTGRES_URL"] ?? "";

  before(async () => {
    server = await startTestServer();
    tiny = await makeTinyTablespace(clusterUrl);
  });
  after(async () => {
    await server.remove();
    if (typeof tiny !== "string") await tiny.remove(clusterUrl);
  });

  test("A1 disk full: 503 with Retry-After, no change, no secret byte", async (t) => {
    if (typeof tiny === "string") {
      // A skipped test says why to few: the reporter of a whole run counts it at most.
      console.log(`A1 disk full is not tried here: ${tiny}`);
      t.skip(tiny);
      return;
    }
    const { superUrl } = server.database;
    const client = clientOf(server.origin, server.apiKey);
    const key = expected(await client.post("/kms/keys", { name: "k" }), 201);
    const data = expected(await client.post(`/kms/keys/${key.key_id}/data-key`, {}), 201);
    const { key_wrap, wrapped_key } = data;
    const id = await storedDocument(client, CONTENT, { key_wrap, wrapped_key });
    await look(superUrl, `alter table platform.audit_events set (autovacuum_enabled = false)`);
    await look(superUrl, `alter table platform.audit_events set tablespace ${tiny.name}`);
    await look(superUrl, `alter index platform.audit_events_pk set tablespace ${tiny.name}`);
    const filling = `insert into platform.audit_events
      select 'ten_filler', i::text, now(), 'a', 'system', 'a', null, null, null, 'success', repeat('x', 200), '', ''
        from generate_series(1, 100000) i`;
    await assert.rejects(look(superUrl, filling), { code: "53100" });
    const earlier = await stateOf(superUrl);
    const release = { recipient_public_key: RECIPIENT, reason: "a test" };
    const answers = [
      await client.post("/documents", { filename: "a.age", key_wrap: "vault://kms/key/1" }),
      await client.get(`/documents/${id}/content`),
      await client.post(`/documents/${id}/key-release`, release),
      await client.post(`/kms/keys/${key.key_id}/data-key`, {}),
    ];
    for (const answer of answers) {
      expectedProblem(answer, 503, "audit_unavailable");
      assert.ok(Number(answer.headers.get("retry-after")) >= 1);
      assert.ok(!answer.bytes.includes(Buffer.from(CONTENT.subarray(0, 32))));
    }
    assert.deepEqual(await stateOf(superUrl), earlier);
  });
});

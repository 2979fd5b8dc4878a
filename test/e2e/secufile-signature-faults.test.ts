import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { linkIn, openMailbox, type Mailbox } from "../support/mailbox.ts";
import { clientOf, eventually, expected, expectedProblem, look } from "../support/secufile-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { visitorOf } from "../support/sign-visitor.ts";

const SIGN = { act: "sign", name: "Ada Lovelace", consent: "yes" };
const MONTH_MS = 31 * 86_400_000;

describe("signature requests when things go wrong", () => {
  let mailbox: Mailbox;
  let database: TestDatabase;
  let dataDirectory: string;
  before(async () => {
    mailbox = await openMailbox();
    database = await createTestDatabase();
    dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-signing-"));
  });
  after(async () => {
    await mailbox.close();
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const start = (env: Readonly<Record<string, string>> = {}): Promise<TestServer> =>
    startServer({ dataDirectory, database, env: { ...mailbox.env, ...env } });

  async function opened(server: TestServer, email: string): Promise<{ id: string; path: string; documentId: string }> {
    const api = clientOf(server.origin, server.apiKey);
    const document = expected(await api.post("/documents", { filename: "a", key_wrap: "k" }), 201).document_id;
    expected(await api.call("PUT", `/documents/${document}/content`, { raw: "x" }), 200);
    const order = { signers: [{ email, role: "r" }] };
    const { signature_id: id } = expected(await api.post(`/documents/${document}/signatures`, order), 201);
    const path = linkIn(await mailbox.mailTo(email));
    await visitorOf(server.origin).send(path, { act: "open" });
    return { id, path, documentId: document };
  }

  test("SF-49 killed around the signature, it is there once when the form is sent again", async () => {
    const first = await start();
    const { id, path } = await opened(first, "killed@example.com");
    const lost = visitorOf(first.origin)
      .send(path, SIGN)
      .catch(() => null);
    await first.kill();
    await lost;
    const second = await start();
    assert.match((await visitorOf(second.origin).send(path, SIGN)).text, /You have signed/);
    const rows = await look(
      database.superUrl,
      `select count(*)::int as signed from platform.audit_events
        where action = 'secufile.signDocument' and resource_id = '${id}'`,
    );
    assert.equal(rows[0]?.["signed"], 1);
    await second.stop();
  });

  test("SF-49 when the time is over nobody signs, whether or not a job has said so", async () => {
    const first = await start();
    const { id, path } = await opened(first, "late@example.com");
    await first.stop();
    const second = await start({ TABELLION_TEST_CLOCK_OFFSET_MS: String(MONTH_MS) });
    const visitor = visitorOf(second.origin);
    const late = await visitor.send(path, SIGN);
    assert.equal(late.status, 410);
    assert.match(late.text, /time is over/);
    const api = clientOf(second.origin, second.apiKey);
    assert.equal(expected(await api.get(`/signatures/${id}`), 200).status, "expired");
    assert.ok(expected(await api.get("/signatures?status=expired"), 200).data.length > 0);
    expectedProblem(await api.post(`/signatures/${id}/cancel`), 409, "signature_ended");
    await second.stop();
  });

  /** The schedule goes by the time of day, which no test moves: the sweep of the next minute comes now. */
  const sweepNow = (): Promise<unknown> =>
    look(
      database.superUrl,
      "select graphile_worker.add_job('secufile.sweepDueSignatures', '{}'::json, max_attempts => 1)",
    );
  const actsOn = async (id: string): Promise<string[]> =>
    (await look(database.superUrl, "select action from platform.audit_events where resource_id = $1", [id])).map(
      (row) => row.action,
    );

  test("SF-49 reminders go out by themselves to who has not signed, with fresh links; the old ones end", async () => {
    const first = await start();
    const email = "reminded@example.com";
    const { path } = await opened(first, email);
    await first.stop();
    const second = await start({ TABELLION_TEST_CLOCK_OFFSET_MS: String(MONTH_MS / 8) });
    await sweepNow();
    const fresh = linkIn(await mailbox.mailTo(email, 2));
    const visitor = visitorOf(second.origin);
    assert.equal((await visitor.look(path)).status, 410);
    assert.match((await visitor.send(fresh, SIGN)).text, /You have signed/);
    await second.stop();
  });

  test("SF-49 the sweep ends a request whose time is over, once, and a delete changes no end", async () => {
    const first = await start();
    const { id, documentId } = await opened(first, "expired@example.com");
    await first.stop();
    const second = await start({ TABELLION_TEST_CLOCK_OFFSET_MS: String(MONTH_MS) });
    const late = clientOf(second.origin, second.apiKey);
    expected(await late.call("DELETE", `/documents/${documentId}`), 204);
    assert.equal(expected(await late.get(`/signatures/${id}`), 200).status, "expired", "it had ended before");
    await sweepNow();
    await eventually("the request is ended", async () =>
      (await actsOn(id)).includes("secufile.expireSignature") ? true : null,
    );
    const ends = (await actsOn(id)).filter((act) => /expireSignature|cancelSignature/.test(act));
    assert.deepEqual(ends, ["secufile.expireSignature"]);
    const told = await look(
      database.superUrl,
      "select count(*)::int as n from platform.events where type = 'signature.expired' and data::text like '%' || $1 || '%'",
      [id],
    );
    assert.equal(told[0].n, 1);
    await second.stop();
  });
});

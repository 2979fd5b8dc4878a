import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { APP_ROLE, allFolders } from "../../../../test/support/backup-place.ts";
import {
  createEmptyDatabase,
  createTestDatabase,
  openDatabase,
  testLog,
  type TestDatabase,
} from "../../../../test/support/database.ts";
import { fillOlderPlace, OLDER } from "../../../../test/support/older-place.ts";
import { look } from "../../../../test/support/secufile-client.ts";
import { heldClock, type Clock } from "../../../platform/clock/clock.ts";
import { migrate } from "../../../platform/db/migrate.ts";
import type { Database } from "../../../platform/db/tx.ts";
import { createEventHints } from "../../../platform/events/events.ts";
import { newId } from "../../../platform/ids/ids.ts";
import { installJobs } from "../../../platform/jobs/install.ts";
import { nextDueAt, type SignatureStatus } from "../signature.ts";
import { insertSignature, type SignatureRow } from "../store/signatures.ts";
import { expireSignature, sweepDueSignatures } from "./due-signatures.ts";

const MADE_AT = new Date("2026-05-01T12:00:00.123Z");
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const day = (days: number): Date => new Date(MADE_AT.getTime() + days * DAY_MS);

describe("what is due for signature requests", () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const sweep = (clock: Clock, on = db): Promise<void> =>
    sweepDueSignatures(
      { db: on, clock, eventHints: createEventHints() },
      { jobId: "1", attempt: 1, isLastAttempt: true, signal: new AbortController().signal, log: testLog },
    );

  /** A request of an organisation of its own, made at `MADE_AT` for ten days, with reminders after three and seven. */
  async function requested(status: SignatureStatus = "pending"): Promise<{ tenantId: string; id: string }> {
    const tenantId = newId("ten", MADE_AT);
    const id = newId("sig", MADE_AT);
    const row: SignatureRow = {
      ...{
        id,
        document_id: "doc_1",
        bucket: "default",
        filename: "a.pdf",
        plaintext_sha256: null,
        status,
        ended_at: null,
      },
      ...{ sealed_message: null, required_code: "none", is_delegable: false, locale: "fr", is_live: true },
      ...{ created_by: "tok_1", created_at: MADE_AT, expires_at: day(10), reminder_days: [3, 7, 10, 40] },
    };
    const signer = { id: newId("sgn", MADE_AT), email: "a@b.example", role: "r", name: null, phone: null };
    const also = { envelopeMac: Buffer.from(id), dueAt: nextDueAt(row, MADE_AT) };
    await db.tenant(tenantId, (tx) =>
      insertSignature(tx, tenantId, row, { ...also, signers: [{ ...signer, signing_order: null }] }),
    );
    return { tenantId, id };
  }

  /** All that has been done for a request: its reminders, events and acts, and when it is due next. */
  async function done(id: string, of = database): Promise<Record<string, unknown>> {
    const [row] = await look(
      of.superUrl,
      `select (select count(*)::int from graphile_worker._private_jobs
                where payload ->> 'signatureId' = $1 and payload ->> 'isReminder' = 'true') as reminders,
              (select coalesce(json_agg(type), '[]') from platform.events where data ->> 'signature_id' = $1) as events,
              (select coalesce(json_agg(action), '[]') from platform.audit_events where resource_id = $1) as acts,
              (select status from secufile.signatures where id = $1) as status,
              (select due_at from secufile.due_signatures where signature_id = $1) as due`,
      [id],
    );
    return { ...row };
  }

  const ENDED = {
    events: ["signature.expired"],
    acts: ["secufile.expireSignature"],
    status: "expired",
    due: null,
  } as const;

  test("SF-49 a request is reminded of on each of its days and ended at its time, each once, and not before", async () => {
    const { id } = await requested();
    const clock = heldClock(day(3));
    clock.advance(-1);
    await sweep(clock);
    const open = { events: [], acts: [], status: "pending" };
    assert.deepEqual(await done(id), { ...open, reminders: 0, due: day(3) });
    clock.advance(1);
    await sweep(clock);
    assert.deepEqual(await done(id), { ...open, reminders: 1, due: day(7) });
    await sweep(clock);
    assert.deepEqual(await done(id), { ...open, reminders: 1, due: day(7) });
    clock.advance(4 * DAY_MS + MINUTE_MS);
    await sweep(clock);
    assert.deepEqual(await done(id), { ...open, reminders: 2, due: day(10) }, "nobody is reminded at the end");
    clock.advance(3 * DAY_MS);
    await sweep(clock);
    await sweep(clock);
    assert.deepEqual(await done(id), { ...ENDED, reminders: 2 });
  });

  test("SF-49 where nothing ran for days one reminder goes for all that were missed, and none after the end", async () => {
    const first = await requested();
    await sweep(heldClock(day(8)));
    const { reminders, due } = await done(first.id);
    assert.deepEqual([reminders, due], [1, day(10)]);
    const second = await requested();
    await sweep(heldClock(day(11)));
    assert.deepEqual(await done(second.id), { ...ENDED, reminders: 0 });
  });

  test("SF-49 of eight sweeps at once one reminds, and one ends", async () => {
    const { id } = await requested();
    await Promise.all(Array.from({ length: 8 }, () => sweep(heldClock(day(3)))));
    assert.equal((await done(id))["reminders"], 1);
    await Promise.all(Array.from({ length: 8 }, () => sweep(heldClock(day(10)))));
    assert.deepEqual(await done(id), { ...ENDED, reminders: 1 });
  });

  test("a request that somebody has ended gets nothing more, and its due time goes", async () => {
    const { id } = await requested("declined");
    await sweep(heldClock(day(3)));
    assert.deepEqual(await done(id), { reminders: 0, events: [], acts: [], status: "declined", due: null });
  });

  test("one that fails keeps no other one back, and is met again", async () => {
    const bad = await requested();
    const good = await requested();
    await look(
      database.superUrl,
      `create function secufile.refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$`,
    );
    await look(
      database.superUrl,
      `create trigger refused before update on secufile.due_signatures
         for each row when (old.signature_id = '${bad.id}') execute function secufile.refuse()`,
    );
    await sweep(heldClock(day(3)));
    assert.equal((await done(bad.id))["reminders"], 0);
    assert.equal((await done(good.id))["reminders"], 1);
    await look(database.superUrl, "drop trigger refused on secufile.due_signatures");
    await sweep(heldClock(day(3)));
    assert.equal((await done(bad.id))["reminders"], 1);
  });

  test("more than one page is worked off in one run, and a run ends before the next one begins", async () => {
    await look(
      database.superUrl,
      `insert into secufile.due_signatures
       select 'ten_' || n % 3, 'sig_page_' || n, '2026-05-01T12:00:00Z'::timestamptz + make_interval(secs => n / 2)
         from generate_series(1, 230) n`,
    );
    const left = async (): Promise<unknown> =>
      (
        await look(
          database.superUrl,
          "select count(*)::int as n from secufile.due_signatures where signature_id like 'sig_page_%'",
        )
      )[0].n;
    let now = day(1).getTime();
    const hasty = { now: () => new Date((now += 10_000)) };
    await sweep(hasty);
    assert.ok(Number(await left()) > 220, "fifty seconds were over");
    await sweep(heldClock(day(1)));
    assert.equal(await left(), 0);
  });

  test("the job that earlier versions made for an end has the sweep see to it, and brings no second end", async () => {
    const { tenantId, id } = await requested();
    await look(database.superUrl, "delete from secufile.due_signatures where signature_id = $1", [id]);
    const services = { db, clock: heldClock(day(1)), eventHints: createEventHints() };
    await expireSignature(services, { tenantId, signatureId: id });
    await expireSignature(services, { tenantId, signatureId: id });
    assert.deepEqual((await done(id))["due"], day(10));
    await sweep(heldClock(day(10)));
    await expireSignature(services, { tenantId, signatureId: id });
    assert.deepEqual(await done(id), { ...ENDED, reminders: 0 });
  });

  test("SF-49 requests of before there were any are ended too when their time is over", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tabellion-due-"));
    const older = await createEmptyDatabase();
    await fillOlderPlace({ database: older, folder, links: {} });
    await migrate({ ownerUrl: older.ownerUrl, appRole: APP_ROLE, folders: allFolders, log: testLog });
    await installJobs({ ownerUrl: older.ownerUrl, appRole: APP_ROLE, log: testLog });
    const olderDb = openDatabase(older);
    const ids = [OLDER.stored, OLDER.pending].map((id) => `sig_${id.slice(4)}`);
    const now = Date.now();
    await sweep(heldClock(new Date(now + 29 * DAY_MS)), olderDb);
    for (const id of ids) assert.equal((await done(id, older))["status"], "pending");
    await sweep(heldClock(new Date(now + 31 * DAY_MS)), olderDb);
    for (const id of ids) assert.deepEqual(await done(id, older), { ...ENDED, reminders: 0 });
    await olderDb.close();
    await older.drop();
    await rm(folder, { recursive: true });
  });
});

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../../test/support/database.ts";
import { until } from "../../../../test/support/embedded-folder.ts";
import { look } from "../../../../test/support/secufile-client.ts";
import { systemClock } from "../../../platform/clock/clock.ts";
import type { Database } from "../../../platform/db/tx.ts";
import { insertTenant } from "../../../platform/tenants/store.ts";
import { deleteUsers } from "../store/users.ts";
import { deleteSession, insertSession, updateAuthenticated, updateTries } from "../store/sessions.ts";
import { aboutOf, isChallengeAwaited } from "./challenges.ts";
import { sweepSessions } from "./sweeping.ts";

const TENANT = "ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
const HOUR_MS = 3_600_000;

describe("the sweep of sessions", () => {
  let database: TestDatabase;
  let db: Database;
  const appId = randomUUID();
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    await db.directory((tx) => insertTenant(tx, { id: TENANT, name: "swept", isDemo: false, now: new Date() }));
    await look(
      database.superUrl,
      `insert into ssks.apps values ($1, $2, 'app', 'test', 1, 1, 1, false, 'hashed', '{}', now())`,
      [TENANT, appId],
    );
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const sweep = (): Promise<void> =>
    sweepSessions(
      { db, clock: systemClock },
      { jobId: "1", attempt: 1, isLastAttempt: true, signal: new AbortController().signal, log: testLog },
    );
  const session = (userId: string, expiresAt: Date): Parameters<typeof insertSession>[2] => ({
    ...{ appId, userId, factorType: "EM", factorMac: Buffer.alloc(32, userId), mayCreateUser: true },
    ...{ newUserRef: randomUUID(), isForced: false, isFake: true, sessionMac: randomBytes(32) },
    ...{ challengeMac: randomBytes(32), now: new Date(expiresAt.getTime() - 6 * HOUR_MS), expiresAt },
  });
  const isAwaited = async (userRef: string, openedAt: Date, now = new Date()): Promise<boolean> =>
    db.tenant(TENANT, (tx) =>
      isChallengeAwaited(tx, TENANT, { about: aboutOf({ id: appId }, userRef), enqueuedAt: openedAt, now }),
    );
  const left = async (): Promise<number> =>
    (await look(database.superUrl, "select count(*)::int as count from ssks.sessions"))[0].count;

  test("forgets what is over, and spares one that was replaced while it waited for it", async () => {
    const [ago, later] = [new Date(Date.now() - HOUR_MS), new Date(Date.now() + 6 * HOUR_MS)];
    await db.tenant(TENANT, (tx) => insertSession(tx, TENANT, session("over", ago)));
    await db.tenant(TENANT, (tx) => insertSession(tx, TENANT, session("replaced", ago)));
    const swept: Promise<void>[] = [];
    await db.tenant(TENANT, async (tx) => {
      await insertSession(tx, TENANT, session("replaced", later));
      swept.push(sweep());
      await until("the sweep waits for the row", async () => {
        const waiting =
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        return (await look(database.superUrl, waiting)).length > 0;
      });
    });
    await Promise.all(swept);
    assert.equal(await left(), 1);
    await sweep();
    assert.equal(await left(), 1);
  });

  test("forgets from where nobody got a slot back for 180 days", async () => {
    const slot = "insert into ssks.slots values ($1, $2, 'user', 'mac', 'id', 'k', 'd', now())";
    await look(database.superUrl, slot, [TENANT, appId]);
    const addresses = `insert into ssks.known_addresses
                       select $1, $2, 'user', 'mac', days::text::bytea, now() - make_interval(days => days)
                         from unnest(array[0, 179, 181, 400]) as days`;
    await look(database.superUrl, addresses, [TENANT, appId]);
    await sweep();
    const kept = "select convert_from(address_mac, 'utf8') as days from ssks.known_addresses order by seen_at desc";
    assert.deepEqual(await look(database.superUrl, kept), [{ days: "0" }, { days: "179" }]);
  });

  test("users that are deleted are told of one by one, those that nobody had locked as well", async () => {
    const [userId, at] = ["of two factors", new Date(Date.now() + 6 * HOUR_MS)];
    const refs: string[] = [];
    for (const factor of ["one", "two"]) {
      const row = { ...session(userId, at), factorMac: Buffer.alloc(32, factor) };
      const opened = await db.tenant(TENANT, (tx) => insertSession(tx, TENANT, row));
      refs.push(opened?.user_ref ?? "");
    }
    const gone = await db.tenant(TENANT, (tx) => deleteUsers(tx, TENANT, { appId, userId, factorMac: null }));
    const told = gone.toSorted((one, other) => one.id.localeCompare(other.id));
    assert.deepEqual(
      told,
      refs.toSorted((one, other) => one.localeCompare(other)).map((id) => ({ id, had_identity: false })),
    );
  });

  test("a challenge is waited for until its session was proved, replaced, ended, or is over", async () => {
    const later = new Date(Date.now() + 6 * HOUR_MS);
    const open = async (name: string, expiresAt = later): Promise<{ ref: string; at: Date }> => {
      const row = { ...session(name, expiresAt), isForced: true, isFake: false };
      const opened = await db.tenant(TENANT, (tx) => insertSession(tx, TENANT, row));
      return { ref: opened?.user_ref ?? "", at: row.now };
    };
    const first = await open("waits");
    await db.tenant(TENANT, (tx) => updateTries(tx, TENANT, first.ref, 1));
    assert.ok(await isAwaited(first.ref, first.at));
    assert.ok(!(await isAwaited(first.ref, first.at, later)), "over");
    const second = await open("waits", new Date(later.getTime() + 1));
    assert.deepEqual([await isAwaited(first.ref, first.at), await isAwaited(second.ref, second.at)], [false, true]);
    const to = { sessionMac: randomBytes(32), now: second.at, expiresAt: later };
    await db.tenant(TENANT, (tx) => updateAuthenticated(tx, TENANT, second.ref, to));
    assert.ok(!(await isAwaited(second.ref, second.at)), "proved");
    const third = await open("ends");
    await db.tenant(TENANT, (tx) => deleteSession(tx, TENANT, third.ref));
    assert.ok(!(await isAwaited(third.ref, third.at)), "ended");
  });
});

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../../test/support/database.ts";
import { until } from "../../../../test/support/embedded-folder.ts";
import { look } from "../../../../test/support/secufile-client.ts";
import { systemClock } from "../../../platform/clock/clock.ts";
import type { Database } from "../../../platform/db/tx.ts";
import { insertTenant } from "../../../platform/tenants/store.ts";
import { insertSession } from "../store/sessions.ts";
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
});

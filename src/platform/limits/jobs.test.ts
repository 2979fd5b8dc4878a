import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import type { Database } from "../db/tx.ts";
import { limitsJobs } from "./jobs.ts";
import { consume } from "./replay-store.ts";
import { hashWindowKey, takeFromWindow } from "./sliding-window.ts";
import { updateWindow } from "./store.ts";

describe("the sweeps of limits", () => {
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

  const countOf = async (table: "rate_windows" | "used_values"): Promise<number> => {
    const { rows } = await db.pool.query<{ count: string }>(`select count(*) from platform.${table}`);
    return Number(rows[0]?.count);
  };

  const runJob = async (name: string): Promise<void> => {
    const found = limitsJobs(db).find((job) => job.name === name);
    assert.ok(found);
    await found.handle(
      {},
      { jobId: "1", attempt: 1, isLastAttempt: false, signal: new AbortController().signal, log: testLog },
    );
  };

  test("windows that are over go, those in use stay and keep their count", async () => {
    const live = { key: "token:api:live", limit: 2, windowSeconds: 3_600 };
    await takeFromWindow(db, live);
    for (let index = 0; index < 30; index++) {
      const keyHash = hashWindowKey({ key: `token:api:${index}`, windowSeconds: 60 });
      await updateWindow(db, { keyHash, limit: 5, windowSeconds: 60, cost: 1, atUs: 1_000_000 });
    }
    await runJob("platform.sweepRateWindows");
    assert.equal(await countOf("rate_windows"), 1);
    assert.equal((await takeFromWindow(db, live)).remaining, 0);
  });

  test("one-time values go some time after their expiry, not before", async () => {
    const live = randomBytes(16);
    const expiresAt = new Date(Date.now() + 3_600_000);
    await db.directory((tx) => consume(tx, { space: "test.nonce", value: live, expiresAt }));
    await db.pool.query(`
      insert into platform.used_values
      select 'test.old', sha256(n::text::bytea), now() - interval '11 minutes' from generate_series(1, 12000) n`);
    await db.pool.query(
      `insert into platform.used_values values ('test.new', sha256('x'), now() - interval '9 minutes')`,
    );
    await runJob("platform.sweepUsedValues");
    assert.equal(await countOf("used_values"), 2);
    assert.equal(await db.directory((tx) => consume(tx, { space: "test.nonce", value: live, expiresAt })), false);
  });
});

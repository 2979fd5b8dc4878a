import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import type { Database } from "../db/tx.ts";
import { createRefusalLog, MAX_KEYS_A_MINUTE, OTHERS } from "./refusals.ts";
import { deleteRefusalsBefore, listRefusals } from "./store/refusals.ts";

const ALL = { from: null, to: null, limit: 10_000 };

describe("refusals of unknown callers", () => {
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

  test("a flood of 100,000 from as many networks leaves bounded few rows a minute, and every one is counted", async () => {
    const log = createRefusalLog({ db, log: testLog });
    const at = new Date("2026-11-22T09:30:10Z");
    for (let flood = 0; flood < 100_000; flood++) {
      log.note(`${(flood >> 16) + 1}.${(flood >> 8) & 255}.${flood & 255}.9`, "unauthorized", at);
      if (flood % 30_000 === 0) await log.flush();
    }
    await log.flush();
    const rows = await db.directory((tx) => listRefusals(tx, null, ALL));
    assert.equal(rows.length, MAX_KEYS_A_MINUTE + 1);
    assert.equal(
      rows.reduce((sum, row) => sum + Number(row.count), 0),
      100_000,
    );
    assert.equal(rows.filter((row) => row.source === OTHERS).length, 1);
    await log.stop();
  });

  test("counts of one minute, source and reason are added up, also by two processes", async () => {
    await db.directory((tx) => deleteRefusalsBefore(tx, new Date("2100-01-01")));
    const logs = [createRefusalLog({ db, log: testLog }), createRefusalLog({ db, log: testLog })];
    for (const [place, log] of logs.entries()) {
      log.note("203.0.113.7", "not_found", new Date(`2026-11-22T09:31:0${place}Z`));
      log.note("203.0.113.9", "not_found", new Date("2026-11-22T09:31:30Z"));
      log.note("203.0.113.9", "not_found", new Date("2026-11-22T09:32:00Z"));
    }
    await Promise.all(logs.map((log) => log.stop()));
    const rows = await db.directory((tx) => listRefusals(tx, null, ALL));
    assert.deepEqual(
      rows.map((row) => [row.minute.toISOString(), row.source, row.count, row.last_at.toISOString()]),
      [
        ["2026-11-22T09:32:00.000Z", "203.0.113.0/24", "2", "2026-11-22T09:32:00.000Z"],
        ["2026-11-22T09:31:00.000Z", "203.0.113.0/24", "4", "2026-11-22T09:31:30.000Z"],
      ],
    );
  });

  test("what cannot be written is kept for the next time", async () => {
    await db.directory((tx) => deleteRefusalsBefore(tx, new Date("2100-01-01")));
    let isAway = true;
    const flaky: Database = {
      ...db,
      directory: async (work, options) => {
        if (isAway) throw new Error("away");
        return db.directory(work, options);
      },
    };
    const log = createRefusalLog({ db: flaky, log: testLog });
    log.note("2001:db8:1:2::3", "unauthorized", new Date("2026-11-22T09:33:00Z"));
    await assert.rejects(log.flush());
    log.note("2001:db8:1::4", "unauthorized", new Date("2026-11-22T09:33:00Z"));
    isAway = false;
    await log.stop();
    const rows = await db.directory((tx) => listRefusals(tx, null, ALL));
    assert.deepEqual(
      rows.map((row) => [row.source, row.count]),
      [["2001:db8:1::/48", "2"]],
    );
  });
});

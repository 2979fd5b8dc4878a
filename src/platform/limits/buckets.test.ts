import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { createDatabase, type Database } from "../db/tx.ts";
import { createPool } from "../db/pool.ts";
import { takeFromBuckets, type BucketRequest } from "./buckets.ts";
import { limitsJobs } from "./jobs.ts";

const HOUR_SECONDS = 3_600;

describe("buckets that all processes share", () => {
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

  const bucket = (burst: number, everySeconds = HOUR_SECONDS): BucketRequest => ({
    key: randomBytes(8).toString("hex"),
    burst,
    everySeconds,
  });
  const letThrough = async (requests: readonly BucketRequest[], times: number): Promise<number> => {
    const outcomes = await Promise.all(Array.from({ length: times }, () => takeFromBuckets(db, requests)));
    return outcomes.filter(({ isAllowed }) => isAllowed).length;
  };
  /** A deadlock, which is otherwise repeated, is a failure. */
  const unrepeated = (given: Database): Database => ({
    ...given,
    lookup: async ({ text, values }) => (await given.pool.query({ text, values: [...values] })).rows[0] ?? null,
  });
  /** As if all keys had been left alone for so long. */
  const passed = (seconds: number): Promise<unknown> =>
    db.pool.query("update platform.rate_buckets set empty_at = empty_at - make_interval(secs => $1)", [seconds]);

  test("let a burst through however many ask at once, then one in every period", async () => {
    const one = bucket(7);
    assert.equal(await letThrough([one], 64), 7);
    const { retryAfterSeconds } = await takeFromBuckets(db, [one]);
    assert.ok(retryAfterSeconds > HOUR_SECONDS - 300 && retryAfterSeconds <= HOUR_SECONDS, `${retryAfterSeconds}`);
    await passed(HOUR_SECONDS);
    assert.equal(await letThrough([one], 8), 1);
    await passed(20 * HOUR_SECONDS);
    assert.equal(await letThrough([one], 20), 7, "no more than the burst is saved up");
  });

  test("are taken from together or not at all", async () => {
    const [narrow, wide] = [bucket(2), bucket(5)];
    assert.equal(await letThrough([wide, narrow], 10), 2);
    assert.equal(await letThrough([wide], 10), 3, "what the narrow one refused took nothing from the wide one");
  });

  test("a refusal makes no bucket of what else was asked for", async () => {
    const full = bucket(1);
    assert.equal(await letThrough([full], 1), 1);
    const count = async (): Promise<number> =>
      (await db.pool.query("select count(*)::int as count from platform.rate_buckets")).rows[0].count;
    const earlier = await count();
    assert.equal(await letThrough([full, bucket(5)], 3), 0);
    assert.equal(await count(), earlier);
  });

  test("what is free takes nothing, and is refused where there is no room, as others are", async () => {
    const one = bucket(2);
    const free = async (times: number): Promise<number> => {
      const asked = Array.from({ length: times }, () => takeFromBuckets(db, [one], { isFree: true }));
      return (await Promise.all(asked)).filter(({ isAllowed }) => isAllowed).length;
    };
    assert.equal(await free(8), 8);
    assert.equal(await letThrough([one], 1), 1);
    assert.equal(await free(8), 8);
    assert.equal(await letThrough([one], 3), 1);
    assert.equal(await free(2), 0);
  });

  test("in a transaction that is rolled back nothing was taken", async () => {
    const one = bucket(1);
    await assert.rejects(
      db.directory(async (tx) => {
        assert.ok((await takeFromBuckets(tx, [one])).isAllowed);
        throw new Error("no");
      }),
      /no/,
    );
    assert.equal(await letThrough([one], 2), 1);
  });

  test("taken in any order from two processes they never lock each other up", async () => {
    const other = createDatabase({
      pool: createPool({ url: database.url, connections: 10, applicationName: "other", log: testLog }),
      log: testLog,
    });
    const all = Array.from({ length: 4 }, () => bucket(10_000));
    for (let round = 0; round < 20; round++) {
      // What is there already lies, by its hash, between what is new.
      const some = [...all, bucket(1_000), bucket(1_000)];
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, turn) =>
          takeFromBuckets(unrepeated(turn % 2 === 0 ? db : other), turn % 3 === 0 ? some : some.toReversed()),
        ),
      );
      assert.ok(outcomes.every(({ isAllowed }) => isAllowed));
    }
    await other.close();
  });

  test("that are empty are swept away, the others stay", async () => {
    const [empty, full] = [bucket(1, 1), bucket(1)];
    await letThrough([empty], 1);
    await passed(2);
    await letThrough([full], 1);
    const sweep = limitsJobs(db).find(({ name }) => name === "platform.sweepRateBuckets");
    assert.ok(sweep);
    const run = { jobId: "1", attempt: 1, isLastAttempt: false, signal: new AbortController().signal, log: testLog };
    await sweep.handle({}, run);
    assert.equal(await letThrough([full], 1), 0);
  });
});

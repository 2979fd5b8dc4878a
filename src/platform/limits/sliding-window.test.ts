import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { array, assert as assertProperty, asyncProperty, constant, integer, oneof, record } from "fast-check";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { heldClock, shiftedClock, systemClock } from "../clock/clock.ts";
import { createPool } from "../db/pool.ts";
import { sql } from "../db/sql.ts";
import { createDatabase, type Database } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { createWindowLimiter, hashWindowKey, takeFromWindow } from "./sliding-window.ts";
import { updateWindow, type WindowTakeRow } from "./store.ts";

const SECOND_US = 1_000_000;
const HOUR_SECONDS = 3_600;

const freshKey = (): string => `token:api:${randomBytes(8).toString("hex")}`;

/** The most that was taken in any window that ends with one of the takes. */
function fullestWindow(takes: readonly { atUs: number; cost: number }[], windowSeconds: number): number {
  const sorted = takes.toSorted((left, right) => left.atUs - right.atUs);
  let first = 0;
  let sum = 0;
  let most = 0;
  for (const take of sorted) {
    sum += take.cost;
    for (
      let oldest = sorted[first];
      oldest !== undefined && oldest.atUs <= take.atUs - windowSeconds * SECOND_US;
      oldest = sorted[first]
    ) {
      sum -= oldest.cost;
      first++;
    }
    most = Math.max(most, sum);
  }
  return most;
}

describe("the sliding window", () => {
  let database: TestDatabase;
  /** As many processes would have them: pools of their own. */
  let pools: Database[];
  let db: Database;
  before(async () => {
    database = await createTestDatabase();
    pools = Array.from({ length: 4 }, () => openDatabase(database, 4));
    db = openDatabase(database);
  });
  after(async () => {
    await Promise.all([...pools, db].map((open) => open.close()));
    await database.drop();
  });

  test("never more than the limit is let through in any window, with bursts, costs and four pools at once", async () => {
    const justBeforeWholeSecond = integer({ min: 900_000, max: SECOND_US });
    const step = record({
      afterUs: oneof(
        constant(0),
        integer({ min: 1, max: 50_000 }),
        justBeforeWholeSecond,
        integer({ min: 1, max: 3 * SECOND_US }),
      ),
      burst: integer({ min: 1, max: 30 }),
      cost: oneof(constant(1), integer({ min: 1, max: 5 })),
    });
    const run = record({
      limit: oneof(integer({ min: 5, max: 40 }), integer({ min: 101, max: 350 })),
      windowSeconds: integer({ min: 1, max: 4 }),
      steps: array(step, { minLength: 5, maxLength: 25 }),
    });
    await assertProperty(
      asyncProperty(run, async ({ limit, windowSeconds, steps }) => {
        const keyHash = hashWindowKey({ key: freshKey(), windowSeconds });
        const accepted: { atUs: number; cost: number }[] = [];
        let nowUs = 1_000 * SECOND_US;
        for (const { afterUs, burst, cost } of steps) {
          nowUs += afterUs;
          const take = { keyHash, limit, windowSeconds, cost, atUs: nowUs };
          const takes: Promise<WindowTakeRow>[] = [];
          for (let index = 0; index < burst; index++) takes.push(updateWindow(pools[index % 4] ?? db, take));
          for (const row of await Promise.all(takes)) if (row.is_allowed) accepted.push({ atUs: row.at_us, cost });
        }
        assert.ok(fullestWindow(accepted, windowSeconds) <= limit);
      }),
      { numRuns: 25, seed: 20261121 },
    );
  });

  test("1,000 an hour: never above 1,000 and never below 990 in the hour before a refusal", async () => {
    const keyHash = hashWindowKey({ key: freshKey(), windowSeconds: HOUR_SECONDS });
    const accepted: { atUs: number; cost: number }[] = [];
    let fewest = Number.POSITIVE_INFINITY;
    let refusals = 0;
    let nowUs = 5_000 * SECOND_US;
    // More than the limit asks for, in a rhythm that repeats neither with the hour nor with the chunks.
    for (let index = 0; index < 3_000; index++) {
      nowUs += ((index * 7_919) % 6_400) * 1_000 + 137;
      const row = await updateWindow(db, { keyHash, limit: 1_000, windowSeconds: HOUR_SECONDS, cost: 1, atUs: nowUs });
      if (row.is_allowed) accepted.push({ atUs: row.at_us, cost: 1 });
      else {
        refusals++;
        const hourBeganUs = nowUs - HOUR_SECONDS * SECOND_US;
        const inside = accepted.filter(({ atUs }) => atUs > hourBeganUs).length;
        fewest = Math.min(fewest, inside);
      }
    }
    assert.ok(refusals > 100);
    assert.equal(fullestWindow(accepted, HOUR_SECONDS), 1_000);
    assert.ok(fewest >= 990, `${fewest} in the hour before a refusal`);
  });

  test("by the database’s own clock: a real second holds the limit under 64 takers from four pools", async () => {
    const keyHash = hashWindowKey({ key: freshKey(), windowSeconds: 1 });
    const accepted: { atUs: number; cost: number }[] = [];
    const taker = async (pool: Database): Promise<void> => {
      while (accepted.length < 120) {
        const row = await updateWindow(pool, { keyHash, limit: 50, windowSeconds: 1, cost: 1 });
        if (row.is_allowed) accepted.push({ atUs: row.at_us, cost: 1 });
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, index) => taker(pools[index % 4] ?? db)));
    assert.ok(fullestWindow(accepted, 1) <= 50, `${fullestWindow(accepted, 1)} in a second`);
  });

  test("twins of the last free place: exactly one of 64 gets it", async () => {
    const request = { key: freshKey(), limit: 10, windowSeconds: HOUR_SECONDS };
    await takeFromWindow(db, { ...request, cost: 9 });
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, (_, index) => takeFromWindow(pools[index % 4] ?? db, request)),
    );
    assert.equal(outcomes.filter(({ isAllowed }) => isAllowed).length, 1);
  });

  test("the named retry moment is the first one at which the same request fits", async () => {
    const keyHash = hashWindowKey({ key: freshKey(), windowSeconds: 60 });
    const take = (cost: number, atUs: number) =>
      updateWindow(db, { keyHash, limit: 10, windowSeconds: 60, cost, atUs });
    await take(4, 100 * SECOND_US);
    await take(6, 110 * SECOND_US);
    const refused = await take(5, 120 * SECOND_US);
    assert.deepEqual([refused.is_allowed, refused.remaining, refused.wait_us], [false, 0, 50 * SECOND_US]);
    assert.equal((await take(5, 170 * SECOND_US - 1)).is_allowed, false);
    const allowed = await take(5, 170 * SECOND_US);
    assert.deepEqual([allowed.is_allowed, allowed.remaining, allowed.wait_us], [true, 5, 60 * SECOND_US]);
  });

  test("a key stays small: one row with about 100 chunks whatever the limit", async () => {
    const keyHash = hashWindowKey({ key: freshKey(), windowSeconds: HOUR_SECONDS });
    for (let index = 1; index <= 2_500; index += 7) {
      await updateWindow(db, { keyHash, limit: 5_000, windowSeconds: HOUR_SECONDS, cost: 7, atUs: index * SECOND_US });
    }
    const { rows } = await db.pool.query<{ chunks: number; bytes: number }>(
      "select cardinality(ends) as chunks, pg_column_size(w) as bytes from platform.rate_windows w where key_hash = $1",
      [keyHash],
    );
    assert.ok((rows[0]?.chunks ?? 0) <= 101);
    assert.ok((rows[0]?.bytes ?? 0) < 2_000);
  });

  test("a database clock that was set back lets nothing through twice", async () => {
    const keyHash = hashWindowKey({ key: freshKey(), windowSeconds: 60 });
    const take = (atUs: number) => updateWindow(db, { keyHash, limit: 3, windowSeconds: 60, cost: 1, atUs });
    for (const atSeconds of [1_000, 1_001, 10]) assert.equal((await take(atSeconds * SECOND_US)).is_allowed, true);
    assert.equal((await take(11 * SECOND_US)).is_allowed, false);
    assert.equal((await take(1_059 * SECOND_US)).is_allowed, false);
    assert.equal((await take(1_060 * SECOND_US)).is_allowed, true);
    const chunked = {
      keyHash: hashWindowKey({ key: freshKey(), windowSeconds: 60 }),
      limit: 300,
      windowSeconds: 60,
      cost: 1,
    };
    for (const atSeconds of [1_000, 1_001, 10]) await updateWindow(db, { ...chunked, atUs: atSeconds * SECOND_US });
    assert.equal((await updateWindow(db, { ...chunked, atUs: 1_030 * SECOND_US })).remaining, 296);
  });

  test("in a transaction the take counts only if that commits", async () => {
    const request = { key: freshKey(), limit: 1, windowSeconds: HOUR_SECONDS };
    await assert.rejects(
      db.tenant("ten_a", async (tx) => {
        assert.equal((await takeFromWindow(tx, request)).isAllowed, true);
        throw new Error("no");
      }),
      /no/,
    );
    assert.equal((await db.tenant("ten_a", (tx) => takeFromWindow(tx, request))).isAllowed, true);
    const refused = await takeFromWindow(db, request);
    assert.equal(refused.isAllowed, false);
    assert.ok(refused.retryAfterSeconds > HOUR_SECONDS - 10 && refused.retryAfterSeconds <= HOUR_SECONDS);
    assert.equal(refused.resetSeconds, refused.retryAfterSeconds);
  });

  test("a take inside a transaction leaves that transaction’s durability alone", async () => {
    const request = { key: freshKey(), limit: 5, windowSeconds: 60 };
    const setting = await db.directory(async (tx) => {
      await takeFromWindow(tx, request);
      return tx.many(sql`show synchronous_commit`);
    });
    assert.deepEqual(setting, [{ synchronous_commit: "on" }]);
  });

  test("a cost that can never fit is refused as a defect of the caller", async () => {
    await assert.rejects(takeFromWindow(db, { key: "x", limit: 5, windowSeconds: 60, cost: 6 }), RangeError);
    await assert.rejects(takeFromWindow(db, { key: "x", limit: 0, windowSeconds: 60 }), RangeError);
    await assert.rejects(takeFromWindow(db, { key: "x", limit: 5, windowSeconds: 0.5 }), RangeError);
  });

  test("processes whose clocks differ by hours share one exact limit", async () => {
    const request = { key: freshKey(), limit: 20, windowSeconds: HOUR_SECONDS };
    const limiters = pools.map((pool, index) =>
      createWindowLimiter({ db: pool, clock: shiftedClock((index - 2) * 7_200_000), log: testLog }),
    );
    let allowed = 0;
    for (let round = 0; round < 10; round++) {
      for (const limiter of limiters) if ((await limiter.take(request, "closed")).isAllowed) allowed++;
    }
    assert.equal(allowed, 20);
  });

  test("a process that stood still for longer than the time limit still takes the answer that waits", async () => {
    const limiter = createWindowLimiter({ db, clock: systemClock, log: testLog, timeoutMs: 50 });
    const standStill = async (forMs: number): Promise<number> => {
      const request = { key: freshKey(), limit: 5, windowSeconds: 60 };
      await takeFromWindow(db, request);
      const waiting = limiter.take(request, "closed");
      // The statement goes out in the next turn; from then on nothing else runs.
      setImmediate(() => {
        const until = performance.now() + forMs;
        while (performance.now() < until);
      });
      return (await waiting).remaining;
    };
    // Longer, where the database needs longer.
    const remaining = await standStill(100)
      .catch(() => standStill(500))
      .catch(() => standStill(3_000));
    assert.equal(remaining, 3);
  });

  test("a flooded key costs no database work until its retry moment", async () => {
    const own = openDatabase(database, 2);
    const clock = heldClock(new Date("2026-01-01T00:00:00Z"));
    const limiter = createWindowLimiter({ db: own, clock, log: testLog });
    const request = { key: freshKey(), limit: 2, windowSeconds: 60 };
    for (let taken = 0; taken < 2; taken++) assert.equal((await limiter.take(request, "closed")).isAllowed, true);
    const first = await limiter.take(request, "closed");
    assert.equal(first.isAllowed, false);
    // With the pool closed, whatever asked the database would throw.
    await own.close();
    clock.advance(20_000);
    const later = await limiter.take(request, "closed");
    assert.equal(later.isAllowed, false);
    assert.equal(later.retryAfterSeconds, first.retryAfterSeconds - 20);
    clock.advance(40_000);
    await assert.rejects(limiter.take(request, "closed"), (error) => isAppError(error, "platform", "unavailable"));
  });
});

/** A database of which nothing but silence or refusal will come. */
const unreachable = (port: number): Database =>
  createDatabase({
    pool: createPool({
      url: `postgres://x:x@127.0.0.1:${port}/x`,
      connections: 8,
      applicationName: "test",
      log: testLog,
    }),
    log: testLog,
  });

describe("the sliding window without its database", () => {
  test("general limits go on below a ceiling of this process", async () => {
    const db = unreachable(1);
    const limiter = createWindowLimiter({ db, clock: heldClock(new Date()), log: testLog });
    let allowed = 0;
    for (let index = 0; index < 500; index++) {
      if ((await limiter.take({ key: "token:api:a", limit: 1_000, windowSeconds: HOUR_SECONDS }, "open")).isAllowed)
        allowed++;
    }
    assert.equal(allowed, 100);
    await db.close();
  });

  test("limits on authentication and money refuse, and say when to come back", async () => {
    const db = unreachable(1);
    const limiter = createWindowLimiter({ db, clock: systemClock, log: testLog });
    for (let index = 0; index < 2; index++) {
      await assert.rejects(
        limiter.take({ key: "address:login:192.0.2.1", limit: 10, windowSeconds: 60 }, "closed"),
        (error) => isAppError(error, "platform", "unavailable") && (error.retryAfterSeconds ?? 0) > 0,
      );
    }
    await db.close();
  });

  test("a database that never answers holds up one request of many, for the time limit only", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const db = unreachable(address.port);
    const limiter = createWindowLimiter({ db, clock: systemClock, log: testLog, timeoutMs: 60 });
    const request = { key: "token:api:b", limit: 1_000, windowSeconds: HOUR_SECONDS };
    assert.equal((await limiter.take(request, "open")).isAllowed, true);
    const [startedAt, tries] = [performance.now(), sockets.length];
    for (let index = 0; index < 50; index++) await limiter.take(request, "open");
    // After a pause of a second one of them tries again.
    assert.ok(sockets.length - tries <= (performance.now() - startedAt) / 1_000);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await db.close();
  });

  test("the shared limit holds again as soon as the database answers", async () => {
    const database = await createTestDatabase();
    const working = openDatabase(database, 2);
    const away = unreachable(1);
    let isAway = true;
    // The switch between two real databases is all that is put in here.
    const db: Database = { ...working, lookup: (statement) => (isAway ? away : working).lookup(statement) };
    const clock = heldClock(new Date("2026-01-01T00:00:00Z"));
    const limiter = createWindowLimiter({ db, clock, log: testLog, timeoutMs: 30_000 });
    const request = { key: "token:api:c", limit: 1, windowSeconds: HOUR_SECONDS };
    await takeFromWindow(working, request);
    assert.equal((await limiter.take(request, "open")).isAllowed, true);
    isAway = false;
    clock.advance(5_000);
    assert.equal((await limiter.take(request, "open")).isAllowed, false);
    await Promise.all([working.close(), away.close()]);
    await database.drop();
  });
});

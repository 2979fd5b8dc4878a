import { argv } from "node:process";
import { createTestDatabase, openDatabase, testLog, type TestDatabase, withCluster } from "../test/support/database.ts";
import { systemClock } from "../src/platform/clock/clock.ts";
import type { Database } from "../src/platform/db/tx.ts";
import { consume } from "../src/platform/limits/replay-store.ts";
import { createWindowLimiter, takeFromWindow } from "../src/platform/limits/sliding-window.ts";
import { createSmoother } from "../src/platform/limits/smoothing.ts";

/*
 * Checks per second of the limits, with a PostgreSQL of its own on this machine. Use: node bench/limits.ts [--short].
 */
const isShort = argv.includes("--short");
const KEYS = 10_000;
const SECONDS = isShort ? 2 : 10;
const SMOOTHING_CHECKS = isShort ? 1_000_000 : 10_000_000;
const HOURLY = { limit: 1_000, windowSeconds: 3_600 };

function row(name: string, count: number, seconds: number): void {
  console.log(`${name.padEnd(62)}${(count / seconds).toFixed(0).padStart(10)} /s`);
}

/** Runs `work` in `lanes` loops for the time of one measurement. */
async function measure(name: string, lanes: number, work: (index: number) => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  const until = startedAt + SECONDS * 1_000;
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) await work(count++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  row(name, count, (performance.now() - startedAt) / 1_000);
}

/** Keys in an order that jumps about, as those of many clients do. */
const keyOf = (index: number): string => `token:api:${(index * 7_919) % KEYS}`;

async function measureWindows(db: Database, connections: number): Promise<void> {
  await measure(`window checks, ${connections} connection(s), ${KEYS} keys`, connections, (index) =>
    takeFromWindow(db, { key: keyOf(index), ...HOURLY }),
  );
}

async function measureWith(
  database: TestDatabase,
  connections: number,
  work: (db: Database) => Promise<void>,
): Promise<void> {
  const db = openDatabase(database, connections);
  await work(db);
  await db.close();
}

async function measureDatabase(database: TestDatabase): Promise<void> {
  await measureWith(database, 16, async (db) => {
    // Each key has some history before anything is counted.
    await Promise.all(Array.from({ length: KEYS }, (_, index) => takeFromWindow(db, { key: keyOf(index), ...HOURLY })));
  });
  await measureWith(database, 1, (db) => measureWindows(db, 1));
  await measureWith(database, 16, (db) => measureWindows(db, 16));
  await measureWith(database, 16, async (db) => {
    await Promise.all(
      Array.from({ length: 990 }, (_, index) => takeFromWindow(db, { key: `full-${index % 10}`, ...HOURLY, cost: 10 })),
    );
    await measure("window checks, 16 connections, 10 keys with 99 chunks", 16, (index) =>
      takeFromWindow(db, { key: `full-${index % 10}`, limit: 1_000_000, windowSeconds: HOURLY.windowSeconds }),
    );
    const limiter = createWindowLimiter({ db, clock: systemClock, log: testLog });
    const flood = { key: "flood", limit: 10, windowSeconds: 3_600 };
    for (let index = 0; index < 11; index++) await limiter.take(flood, "closed");
    await measure("window checks of one flooded key", 1, () => limiter.take(flood, "closed"));
    const expiresAt = new Date(Date.now() + 300_000);
    await measure("one-time values used up, flushed, 16 connections", 16, (index) =>
      db.directory((tx) => consume(tx, { space: "bench.nonce", value: String(index), expiresAt })),
    );
  });
}

function measureSmoothing(): void {
  const smoother = createSmoother({ clock: systemClock });
  const keys = Array.from({ length: KEYS }, (_, index) => keyOf(index));
  const startedAt = performance.now();
  for (let index = 0; index < SMOOTHING_CHECKS; index++) {
    smoother.take(keys[index % KEYS] ?? "", { perSecond: 50, burst: 100 });
  }
  row(`smoothing checks, ${KEYS} keys`, SMOOTHING_CHECKS, (performance.now() - startedAt) / 1_000);
}

await withCluster(async () => {
  const database = await createTestDatabase();
  await measureDatabase(database);
  await database.drop();
  measureSmoothing();
});

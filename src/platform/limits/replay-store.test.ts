import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import {
  createTestDatabase,
  openDatabase,
  startTestCluster,
  testLog,
  type TestDatabase,
} from "../../../test/support/database.ts";
import { migrate } from "../db/migrate.ts";
import { createPool } from "../db/pool.ts";
import { createDatabase, type Database } from "../db/tx.ts";
import { consume } from "./replay-store.ts";

const inAnHour = (): Date => new Date(Date.now() + 3_600_000);

const use = (
  db: Database,
  value: string | Uint8Array,
  space = "test.nonce",
  expiresAt = inAnHour(),
): Promise<boolean> => db.directory((tx) => consume(tx, { space, value, expiresAt }));

async function prepare(superUrl: string): Promise<void> {
  const client = new Client({ connectionString: superUrl });
  await client.connect();
  await client.query("create role limits_test_app");
  await client.end();
  const folders = [{ area: "limits", folder: new URL("./migrations/", import.meta.url) }];
  await migrate({ ownerUrl: superUrl, appRole: "limits_test_app", folders, log: testLog });
}

/** The postmaster that this test started, by the process id that it keeps in its folder. */
async function killPostgres(folder: string): Promise<void> {
  const [pid] = (await readFile(join(folder, "cluster", "cluster", "postmaster.pid"), "utf8")).split("\n");
  process.kill(Number(pid), "SIGKILL");
}

describe("one-time values", () => {
  let database: TestDatabase;
  let pools: Database[];
  let db: Database;
  before(async () => {
    database = await createTestDatabase();
    pools = Array.from({ length: 4 }, () => openDatabase(database, 16));
    db = openDatabase(database);
  });
  after(async () => {
    await Promise.all([...pools, db].map((open) => open.close()));
    await database.drop();
  });

  test("of 64 twins in four pools exactly one is first, 20 times over", async () => {
    for (let round = 0; round < 20; round++) {
      const value = randomBytes(16);
      const twins: Promise<boolean>[] = [];
      for (let twin = 0; twin < 64; twin++) twins.push(use(pools[twin % 4] ?? db, value));
      const firsts = await Promise.all(twins);
      assert.equal(firsts.filter(Boolean).length, 1);
    }
  });

  test("a first use that is rolled back leaves the value to one of those that waited", async () => {
    const value = randomBytes(16);
    const once = { space: "test.nonce", value, expiresAt: inAnHour() };
    const waiting: Promise<boolean>[] = [];
    await assert.rejects(
      db.tenant("ten_a", async (tx) => {
        assert.equal(await consume(tx, once), true);
        waiting.push(...pools.map((pool) => use(pool, value)));
        throw new Error("the action failed");
      }),
      /the action failed/,
    );
    const outcomes = await Promise.all(waiting);
    assert.equal(outcomes.filter(Boolean).length, 1);
  });

  test("equal values of two spaces do not meet; text and its bytes are one value", async () => {
    const value = randomBytes(8).toString("hex");
    assert.equal(await use(db, value, "test.one"), true);
    assert.equal(await use(db, value, "test.two"), true);
    assert.equal(await use(db, Buffer.from(value), "test.one"), false);
  });

  test("a value that has expired by the database’s clock is never a first use", async () => {
    assert.equal(await use(db, randomBytes(16), "test.nonce", new Date(Date.now() - 1_000)), false);
  });

  test("the value itself is not in the database", async () => {
    const value = `secret-${randomBytes(16).toString("hex")}`;
    await use(db, value);
    const { rows } = await db.pool.query<{ text: string }>(
      "select used_values::text as text from platform.used_values",
    );
    assert.ok(rows.length > 0);
    assert.ok(rows.every(({ text }) => !text.includes(value) && !text.includes(Buffer.from(value).toString("hex"))));
  });
});

describe("one-time values and a crash", () => {
  test("what was acknowledged as first is never first again after kill -9 of PostgreSQL", async () => {
    const folder = await mkdtemp(join(tmpdir(), "limits-crash-"));
    const cluster = await startTestCluster(folder);
    const db = createDatabase({
      pool: createPool({ url: cluster.superUrl, connections: 16, applicationName: "test", log: testLog }),
      log: testLog,
    });
    try {
      await prepare(cluster.superUrl);
      const acknowledged: Buffer[] = [];
      let isKilled = false;
      const lane = async (): Promise<void> => {
        while (!isKilled) {
          const value = randomBytes(16);
          if (await use(db, value)) acknowledged.push(value);
          if (acknowledged.length === 200) {
            isKilled = true;
            await killPostgres(folder);
          }
        }
      };
      await Promise.allSettled(Array.from({ length: 16 }, lane));
      const deadline = performance.now() + 30_000;
      while (!(await db.isReachable(500)) && performance.now() < deadline) await delay(20);
      assert.ok(acknowledged.length >= 200);
      for (const value of acknowledged) assert.equal(await use(db, value), false);
      assert.equal(await use(db, randomBytes(16)), true);
    } finally {
      await db.close();
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

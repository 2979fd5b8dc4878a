import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import pg from "pg";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import {
  createKeyring,
  objectKeyring,
  TenantShreddedError,
  type Keyring,
  type MacPurpose,
  type Purpose,
} from "./keyring.ts";
import { RootKeyError, type RootGeneration } from "./root-key.ts";
import { SealError } from "./seal.ts";
import { insertTenantKey, listTenantKeys, type TenantKeyRow } from "./store.ts";

const generation = (number: number, byte = number): RootGeneration => ({
  generation: number,
  key: Buffer.alloc(32, byte),
});
const root = { newest: generation(1), previous: null };
const plain = Buffer.from("plain");
const PURPOSES: readonly Purpose[] = [
  ...(["blob-keys", "kms-keys", "webhook-secrets", "idempotency-answers", "document-links", "audit-signing"] as const),
];
/** Of each promise that holds within a second; the rest is for a machine that is busy. */
const SECOND_MS = 1_000;
const SLACK_MS = 400;

describe("the keyring", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  beforeEach(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    keyring = await createKeyring({ db, root });
    await create("ten_a");
    await create("ten_b");
  });
  afterEach(async () => {
    await db.close();
    await database.drop();
  });

  const create = (tenantId: string): Promise<void> => db.directory((tx) => keyring.createTenantKeys(tx, tenantId));
  const rotate = (tenantId: string): Promise<number> => db.directory((tx) => keyring.rotateTenantKeys(tx, tenantId));
  const rowsOf = (tenantId: string): Promise<TenantKeyRow[]> => db.directory((tx) => listTenantKeys(tx, tenantId));

  async function owner(text: string): Promise<void> {
    const client = new pg.Client({ connectionString: database.ownerUrl });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  /** Lets the time pass after which a new generation is used, without waiting for it. */
  async function settle(): Promise<void> {
    await owner("update platform.tenant_keys set created_at = created_at - interval '4 seconds'");
  }

  test("what an earlier version wrapped and sealed opens, and its hashes come out the same", async () => {
    const frozenRoot = { newest: { generation: 4, key: Buffer.alloc(32, 0x11) }, previous: null };
    await owner("delete from platform.tenant_keys");
    const row = (tenantId: string, hex: string): Promise<number> =>
      db.directory((tx) =>
        insertTenantKey(tx, {
          tenant_id: tenantId,
          generation: 1,
          root_generation: 4,
          wrapped_key: Buffer.from(hex, "hex"),
        }),
      );
    await row(
      "ten_frozen",
      "01000000040101010101010101010101016491a2feac21eeee232a8bfc8d93549fbd6401a194cdd8817a238fadd6fab4b7496f6b0e265b0914e9d37ac2cc1eaac9",
    );
    await row(
      "server",
      "010000000402020202020202020202020271033d1dd57204699cf87c2cf8bb74ca2b200d20d926af918f5e82390c0e34ce22cd1a875d8891b964e27ca1a802fc14",
    );
    const frozen = await createKeyring({ db, root: frozenRoot });
    const sealed = "0100000001030303030303030303030303b1484043f31b5d55a9fd7cddefed1e554c11ee5d8295";
    const keys = await frozen.of("ten_frozen");
    assert.equal(keys.open("kms-keys", Buffer.from(sealed, "hex"), "key_1").toString(), "frozen");
    const mac = "3af97b55b00158a8fa34b17cb522945c249de50dca3df96502d0a08153840ec0";
    assert.equal(frozen.mac("token-pepper", "token").toString("hex"), mac);
  });

  test("sealed bytes open for the same tenant, purpose and context only", async () => {
    const [a, b] = [await keyring.of("ten_a"), await keyring.of("ten_b")];
    for (const purpose of PURPOSES) {
      const sealed = a.seal(purpose, plain, "place");
      assert.deepEqual(a.open(purpose, sealed, "place"), plain);
      assert.throws(() => a.open(purpose, sealed, "place/2"), SealError);
      assert.throws(() => b.open(purpose, sealed, "place"), SealError);
      for (const other of PURPOSES.filter((each) => each !== purpose)) {
        assert.throws(() => a.open(other, sealed, "place"), SealError, `${purpose} as ${other}`);
      }
    }
  });

  test("no tenant key lies in the database as it is, and two tenants' keys differ", async () => {
    const sealed = (await keyring.of("ten_a")).seal("kms-keys", plain, "place");
    const [row] = await rowsOf("ten_a");
    assert.equal(row?.wrapped_key.length, 32 + 33);
    // The row of one tenant put in the place of another's is noticed.
    await owner(`update platform.tenant_keys set wrapped_key = (select wrapped_key from platform.tenant_keys
      where tenant_id = 'ten_a') where tenant_id = 'ten_b'`);
    const other = await createKeyring({ db, root });
    await assert.rejects(other.of("ten_b"), RootKeyError);
    assert.deepEqual((await other.of("ten_a")).open("kms-keys", sealed, "place"), plain);
  });

  test("hashes of one purpose say nothing of another, and outlive the process and the root key", async () => {
    const purposes: readonly MacPurpose[] = ["token-pepper", "operator-token", "link-tokens", "address-hashes"];
    const macs = purposes.map((purpose) => keyring.mac(purpose, "value").toString("hex"));
    assert.equal(new Set(macs).size, purposes.length);
    const both = { newest: generation(2), previous: root.newest };
    const later = await createKeyring({ db, root: both });
    await later.rewrapAll();
    const last = await createKeyring({ db, root: { newest: generation(2), previous: null } });
    for (const each of [later, last]) {
      assert.deepEqual(
        purposes.map((purpose) => each.mac(purpose, Buffer.from("value")).toString("hex")),
        macs,
      );
    }
  });

  test("after a rotation old seals open, new seals use the new key once every process can know it", async () => {
    const before = (await keyring.of("ten_a")).seal("kms-keys", plain, "place");
    await settle();
    assert.equal(await rotate("ten_a"), 2);
    const other = await createKeyring({ db, root });
    const fresh = await other.of("ten_a");
    const meanwhile = fresh.seal("kms-keys", plain, "place");
    assert.equal(meanwhile.readUInt32BE(1), 1);
    // A process that has just read the keys opens what a faster one seals with the new one.
    await settle();
    const settled = await (await createKeyring({ db, root })).of("ten_a");
    const after = settled.seal("kms-keys", plain, "place");
    assert.equal(after.readUInt32BE(1), 2);
    for (const sealed of [before, meanwhile, after]) {
      assert.deepEqual(fresh.open("kms-keys", sealed, "place"), plain);
      assert.deepEqual(settled.open("kms-keys", sealed, "place"), plain);
    }
    const relabelled = Buffer.from(before);
    relabelled.writeUInt32BE(2, 1);
    assert.throws(() => settled.open("kms-keys", relabelled, "place"), SealError);
    relabelled.writeUInt32BE(3, 1);
    assert.throws(() => settled.open("kms-keys", relabelled, "place"), SealError);
  });

  test("two rotations at once make no generation twice, and what either sealed opens", async () => {
    await Promise.allSettled([rotate("ten_a"), rotate("ten_a")]);
    const generations = (await rowsOf("ten_a")).map((row) => row.generation);
    assert.deepEqual(
      generations,
      generations.toSorted((a, b) => b - a),
    );
    assert.equal(new Set(generations).size, generations.length);
    await settle();
    const keys = await (await createKeyring({ db, root })).of("ten_a");
    assert.deepEqual(keys.open("kms-keys", keys.seal("kms-keys", plain, "p"), "p"), plain);
  });

  test("a rotation that is rolled back changes nothing", async () => {
    await assert.rejects(
      db.directory(async (tx) => {
        await keyring.rotateTenantKeys(tx, "ten_a");
        throw new Error("no");
      }),
      /no/,
    );
    assert.deepEqual(
      (await rowsOf("ten_a")).map((row) => row.generation),
      [1],
    );
  });

  test("a shredded tenant is gone here at once, and in every other process within a second", async () => {
    const elsewhere = await createKeyring({ db, root });
    await elsewhere.of("ten_a");
    await db.directory((tx) => keyring.shredTenantKeys(tx, "ten_a"));
    const shreddedAt = performance.now();
    await assert.rejects(keyring.of("ten_a"), TenantShreddedError);
    for (;;) {
      const askedAt = performance.now();
      const isThere = await elsewhere.of("ten_a").then(
        () => true,
        () => false,
      );
      if (!isThere) break;
      assert.ok(askedAt - shreddedAt < SECOND_MS + SLACK_MS, "still there");
      await delay(20);
    }
    await assert.rejects(elsewhere.of("ten_a"), TenantShreddedError);
    await elsewhere.of("ten_b");
    assert.deepEqual(await rowsOf("ten_a"), []);
  });

  test("a tenant that never was has no keys, cannot rotate any, and gets none by asking", async () => {
    await assert.rejects(keyring.of("ten_none"), TenantShreddedError);
    await assert.rejects(rotate("ten_none"), TenantShreddedError);
    assert.deepEqual(await rowsOf("ten_none"), []);
  });

  test("a wrong root key is refused at the start, with words that say what is wrong", async () => {
    const wrongBytes = { newest: generation(1, 99), previous: null };
    await assert.rejects(createKeyring({ db, root: wrongBytes }), {
      name: "RootKeyError",
      message: "root key generation 1 does not open the keys of this database",
    });
    const wrongGeneration = { newest: generation(7), previous: null };
    await assert.rejects(createKeyring({ db, root: wrongGeneration }), {
      name: "RootKeyError",
      message: "a key is wrapped by root key generation 1, which this server was not given",
    });
    await createKeyring({ db, root });
  });

  test("a new root key takes over every tenant's keys, and the old one opens nothing more", async () => {
    const sealed = (await keyring.of("ten_a")).seal("kms-keys", plain, "place");
    const both = await createKeyring({ db, root: { newest: generation(2), previous: root.newest } });
    assert.equal(await both.rewrapAll(), 3);
    assert.equal(await both.rewrapAll(), 0);
    const alone = await createKeyring({ db, root: { newest: generation(2), previous: null } });
    assert.deepEqual((await alone.of("ten_a")).open("kms-keys", sealed, "place"), plain);
    await assert.rejects(createKeyring({ db, root }), RootKeyError);
  });

  test("a change of the root key that breaks off half-way is finished by the next one, and loses nothing", async () => {
    const tenantIds = Array.from({ length: 600 }, (_, at) => `ten_many_${String(at).padStart(4, "0")}`);
    await db.directory(async (tx) => {
      for (const tenantId of tenantIds) await keyring.createTenantKeys(tx, tenantId);
    });
    const sealed = await Promise.all(
      tenantIds.map(async (tenantId) => (await keyring.of(tenantId)).seal("kms-keys", plain, "place")),
    );
    await owner(`
      create function platform.break_off() returns trigger language plpgsql as $$
      begin raise exception 'broken off'; end $$;
      create trigger break_off before update on platform.tenant_keys
        for each row when (old.tenant_id = 'ten_many_0590') execute function platform.break_off()`);
    const both = { newest: generation(2), previous: root.newest };
    await assert.rejects((await createKeyring({ db, root: both })).rewrapAll(), /broken off/);
    const moved = await db.directory((tx) =>
      tx.one(sql<{ count: string }>`select count(*) from platform.tenant_keys where root_generation = 2`),
    );
    assert.equal(moved?.count, "500");
    await owner("drop trigger break_off on platform.tenant_keys");
    const next = await createKeyring({ db, root: both });
    for (const at of [0, 499, 500, 599]) await next.of(tenantIds[at] ?? "");
    assert.equal(await next.rewrapAll(), 603 - 500);
    const alone = await createKeyring({ db, root: { newest: generation(2), previous: null } });
    for (const [at, tenantId] of tenantIds.entries()) {
      assert.deepEqual((await alone.of(tenantId)).open("kms-keys", sealed[at] ?? Buffer.alloc(0), "place"), plain);
    }
  });

  test("object keys are wrapped under their tenant's key, for one object each", async () => {
    const objects = objectKeyring(keyring);
    const wrapped = await objects.wrap("ten_a", Buffer.alloc(32, 9), "blob/1");
    assert.deepEqual(await objects.unwrap("ten_a", wrapped, "blob/1"), Buffer.alloc(32, 9));
    await assert.rejects(objects.unwrap("ten_a", wrapped, "blob/2"), SealError);
    await assert.rejects(objects.unwrap("ten_b", wrapped, "blob/1"), SealError);
  });
});

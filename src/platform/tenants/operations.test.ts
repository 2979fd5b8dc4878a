import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { createKeyring, SERVER_TENANT, TenantShreddedError, type Keyring } from "../keys/keyring.ts";
import { createTenant, deleteTenant, everyTenantId, nameOfTenant } from "./operations.ts";
import { countTenants, findTenant, listTenantIds, listTenantIdsEver, listTenants } from "./store.ts";

const NOW = new Date("2026-11-22T09:30:00.000Z");

describe("organisations", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  const root = { newest: { generation: 1, key: randomBytes(32) }, previous: null };
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    keyring = await createKeyring({ db, root });
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const make = async (name: string): Promise<string> =>
    (await db.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, { name, isDemo: false, now: NOW }))).id;
  const shred = (id: string): Promise<void> =>
    db.tenant(SERVER_TENANT, (tx) => deleteTenant(tx, keyring, id, { now: NOW }));
  const actionsOf = async (wall: string, id: string): Promise<string[]> => {
    const rows = await db.tenant(wall, (tx) =>
      tx.many(sql<{ action: string }>`
        select action from platform.audit_events where tenant_id = ${wall} and resource_id = ${id} order by id`),
    );
    return rows.map((row) => row.action);
  };

  test("a new one has keys of its own, and the server's audit log tells of it", async () => {
    const [one, other] = [await make("one"), await make("other")];
    const sealed = (await keyring.of(one)).seal("kms-keys", Buffer.from("secret"), "x");
    assert.equal((await keyring.of(one)).open("kms-keys", sealed, "x").toString(), "secret");
    const keysOfOther = await keyring.of(other);
    assert.throws(() => keysOfOther.open("kms-keys", sealed, "x"));
    assert.deepEqual(await actionsOf(SERVER_TENANT, one), ["platform.createTenant"]);
  });

  test("one whose transaction is rolled back leaves neither row nor keys", async () => {
    const countBefore = await db.directory(countTenants);
    let id = "";
    await assert.rejects(
      db.tenant(SERVER_TENANT, async (tx) => {
        id = (await createTenant(tx, keyring, { name: "undone", isDemo: false, now: NOW })).id;
        throw new Error("undone");
      }),
    );
    assert.equal(await db.directory(countTenants), countBefore);
    await assert.rejects(keyring.of(id), TenantShreddedError);
  });

  test("a shredded one is found nowhere, nothing sealed for it opens, the server's audit log tells of it; again it is not found", async () => {
    const id = await make("shredded");
    const keys = await keyring.of(id);
    const sealed = keys.seal("kms-keys", Buffer.from("secret"), "x");
    await shred(id);
    await assert.rejects(keyring.of(id), TenantShreddedError);
    // A process that starts afterwards has nothing to open it with either.
    const later = await createKeyring({ db, root });
    await assert.rejects(later.of(id), TenantShreddedError);
    const stranger = await keyring.of(await make("stranger"));
    assert.throws(() => stranger.open("kms-keys", sealed, "x"));
    assert.equal(await db.directory((tx) => findTenant(tx, id)), null);
    assert.equal(await db.directory((tx) => nameOfTenant(tx, id)), id);
    const page = { afterId: null, offset: 0, limit: 100 };
    assert.equal(
      (await db.directory((tx) => listTenants(tx, page))).some((row) => row.id === id),
      false,
    );
    assert.equal((await db.directory((tx) => listTenantIds(tx, "", 100))).includes(id), false);
    assert.ok((await db.directory((tx) => listTenantIdsEver(tx, "", 100))).includes(id));
    assert.deepEqual(await actionsOf(id, id), []);
    assert.deepEqual(await actionsOf(SERVER_TENANT, id), ["platform.createTenant", "platform.deleteTenant"]);
    await assert.rejects(shred(id), (error) => isAppError(error, "tenants", "tenant_not_found"));
  });

  test("another process cannot open what was sealed for a shredded one after a second", async () => {
    const otherDb = openDatabase(database, 2);
    const other = await createKeyring({ db: otherDb, root });
    const id = await make("elsewhere");
    await other.of(id);
    await shred(id);
    const shreddedAtMs = performance.now();
    for (;;) {
      const askedAtMs = performance.now();
      const isGone = await other.of(id).then(
        () => false,
        (error: unknown) => error instanceof TenantShreddedError,
      );
      if (isGone) break;
      assert.ok(askedAtMs - shreddedAtMs < 1_050, "still there after a second");
    }
    await otherDb.close();
  });

  test("ids of living ones come in pages, each once", async () => {
    for (let number = 0; number < 5; number++) await make(`page ${number}`);
    const all = await db.directory((tx) => listTenantIds(tx, "", 1_000));
    const seen: string[] = [];
    for (let from: string | undefined = ""; from !== undefined; from = seen.at(-1)) {
      const last: string = from;
      const page = await db.directory((tx) => listTenantIds(tx, last, 2));
      if (page.length === 0) break;
      seen.push(...page);
    }
    assert.deepEqual(seen, all);
    assert.deepEqual(await Array.fromAsync(everyTenantId(db)), all);
  });
});

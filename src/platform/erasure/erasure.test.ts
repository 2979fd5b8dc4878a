import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { fillTenant, shredTenant, workingPlace, type WorkingPlace } from "../../../test/support/backup-place.ts";
import { testLog } from "../../../test/support/database.ts";
import { objectionsToNote } from "../../../test/support/log-soundness.ts";
import { seenLogOf, type Query } from "../../../test/support/log-rows.ts";
import { eventually, look } from "../../../test/support/secufile-client.ts";
import { rowsOfTenant, tablesLeft } from "../../../test/support/tenant-rows.ts";
import { hashOfLeaf, readKey, rootReader } from "../../../test/support/tlog-verifier.ts";
import { everyVerifier, openLogKeys, originOf } from "../audit/log-key.ts";
import { startSequencer } from "../audit/sequencer.ts";
import { countQueued } from "../audit/store/queue.ts";
import { verifyLog } from "../audit/verify-log.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import { lockBackup } from "../backup/store/locks.ts";
import { shiftedClock, systemClock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import { sqlState } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { eraseTenant, eraseTenants, type ErasureContext } from "./erasure.ts";
import { deleteTenantRows, findIsShredded, listErasableTables } from "./store.ts";

const HOUR_MS = 3_600_000;
const never = new AbortController().signal;
/** What is no organisation's, or stays of it. */
const KEPT = ["audit_leaves", "audit_queue", "log_heads", "log_checkpoints", "top_queue", "tenants", "refusals"];

describe("erasing what a shredded organisation left", () => {
  let place: WorkingPlace;
  let context: ErasureContext;
  before(async () => {
    place = await workingPlace();
    context = { ...place, clock: systemClock };
  });
  after(() => place.dispose());

  const query: Query = (text, values) => look(place.database.superUrl, text, values);
  const rowsOf = (tenantId: string): Promise<Record<string, number>> => rowsOfTenant(query, tenantId);
  const isShredded = (id: string): Promise<boolean> => place.db.directory((tx) => findIsShredded(tx, id));
  const objectsOf = (tenantId: string): Promise<unknown[]> => Array.fromAsync(place.blobs.list(tenantId));
  const isWaiting = async (tenantId: string): Promise<boolean> => {
    const [row] = await query(
      "select run_at > now() + interval '30 seconds' as waits from graphile_worker._private_jobs where key = $1",
      [`platform.eraseTenant/${tenantId}`],
    );
    return row?.waits === true;
  };
  const erasedAtOf = async (tenantId: string): Promise<unknown> =>
    (await query("select erased_at from platform.tenants where id = $1", [tenantId]))[0]?.erased_at;
  const codeOf = (work: Promise<unknown>): Promise<string | null> =>
    work.then(
      () => null,
      (error: unknown) => sqlState(error) ?? null,
    );

  test("SF-51 every row goes but the hashes of the log, which is as sound as before; others lose nothing", async () => {
    const [{ tenantId }, other] = [await fillTenant(place, 1_000), await fillTenant(place, 1_000)];
    const sequencing = { ...place, clock: systemClock, originHost: "log.test", log: testLog, isAlone: true };
    const sequencer = await startSequencer(sequencing);
    await eventually("every event has its index", async () => {
      const isDone = (await place.db.directory(countQueued)) === 0;
      return isDone ? true : null;
    });
    await sequencer.stop();
    const [rowsBefore, beforeOfOther] = [await rowsOf(tenantId), await rowsOf(other.tenantId)];
    assert.ok(
      Object.keys(rowsBefore).length >= 30,
      `only ${Object.keys(rowsBefore).length} tables had something to erase`,
    );
    await shredTenant(place, tenantId);
    await eraseTenant(context, tenantId, never);
    assert.deepEqual(await tablesLeft(query, tenantId), []);
    const left = Object.keys(await rowsOf(tenantId));
    assert.ok(left.includes("platform.audit_leaves") && left.includes("platform.log_checkpoints"));
    assert.deepEqual(await objectsOf(tenantId), []);
    assert.deepEqual(await rowsOf(other.tenantId), beforeOfOther);
    assert.equal((await objectsOf(other.tenantId)).length, 1);

    const keys = { ...place, clock: systemClock, originHost: "log.test" };
    const checked = await verifyLog(
      place.db,
      { tenantId, log: "audit" },
      { verifiers: (origin) => everyVerifier(keys, origin), isShredded },
    );
    assert.deepEqual(checked.findings, []);
    // And by a verifier of the tests' own, which does not look at events.
    const log = await seenLogOf(query, tenantId);
    const [key] = await openLogKeys(keys);
    const verifier = readKey(key?.verifierKey(await originOf(keys, tenantId, "audit")) ?? "");
    const rootAt = rootReader(log.leaves.map((leaf) => hashOfLeaf(leaf.entry)));
    assert.ok(log.leaves.length > 0 && log.leaves.every((leaf) => leaf.event === null));
    for (const { note } of log.checkpoints) assert.deepEqual(objectionsToNote(note, verifier, rootAt), []);
    const told = await query(
      `select event from platform.audit_events where tenant_id = 'server' and action = 'platform.eraseTenant' and resource_id = $1`,
      [tenantId],
    );
    assert.equal(told.length, 1);
    assert.match(String(told[0]?.event), /"objects":1,"rows":\{[^}]*"secufile\.documents":1/);
  });

  test("of a living organisation nothing is erased, and of a shredded one no hash", async () => {
    const { tenantId } = await fillTenant(place, 1_000);
    const rowsBefore = await rowsOf(tenantId);
    assert.deepEqual(
      await Promise.all([tenantId, SERVER_TENANT, "ten_unknown"].map(isShredded)),
      [false, false, false],
      "events may be gone of none of these",
    );
    for (const table of await place.db.directory(listErasableTables)) {
      const refused = place.db.tenant(tenantId, (tx) => deleteTenantRows(tx, table, 10));
      assert.equal(await codeOf(refused), "42501", table);
    }
    assert.deepEqual(await rowsOf(tenantId), rowsBefore);
    await shredTenant(place, tenantId);
    for (const table of KEPT.map((name) => `platform.${name}`)) {
      const refused = place.db.tenant(tenantId, (tx) => deleteTenantRows(tx, table, 10));
      assert.equal(await codeOf(refused), "42501", table);
    }
    // The other way round: behind the wall of a shredded one another's rows are out of sight.
    const other = await fillTenant(place, 1_000);
    const direct = place.db.tenant(tenantId, (tx) =>
      tx.run(sql`delete from platform.audit_events where tenant_id = ${other.tenantId}`),
    );
    assert.equal(await codeOf(direct), "42501");
  });

  test("the application's role cannot shred for a moment, erase, and bring the organisation back; nor erase what is the server's", async () => {
    const { tenantId } = await fillTenant(place, 1_000);
    const rowsBefore = await rowsOf(tenantId);
    const mark = (id: string) => sql`update platform.tenants set deleted_at = now() where id = ${id}`;
    const dropKeys = (id: string) => sql`delete from platform.tenant_keys where tenant_id = ${id}`;
    const revive = sql`update platform.tenants set deleted_at = null where id = ${tenantId}`;
    const [key] = await query(
      "select generation, root_generation, wrapped_key from platform.tenant_keys where tenant_id = $1",
      [tenantId],
    );
    const putBack = sql`insert into platform.tenant_keys (tenant_id, generation, root_generation, wrapped_key)
      values (${tenantId}, ${Number(key?.generation)}, ${Number(key?.root_generation)}, ${key?.wrapped_key})`;
    const asOrganisation = sql`insert into platform.tenants (id, name, created_at, deleted_at) values ('server', 'x', now(), now())`;
    const erase = sql`select platform.erase_rows('platform.audit_events', 10)`;
    const attempts = [
      { wall: tenantId, steps: [mark(tenantId), dropKeys(tenantId), erase], last: putBack },
      { wall: tenantId, steps: [mark(tenantId), dropKeys(tenantId), erase], last: revive },
      { wall: SERVER_TENANT, steps: [asOrganisation, dropKeys(SERVER_TENANT)], last: erase },
      { wall: tenantId, steps: [mark(tenantId)], last: erase },
      { wall: tenantId, steps: [dropKeys(tenantId)], last: erase },
    ];
    for (const [at, { wall, steps, last }] of attempts.entries()) {
      let stepped = 0;
      const attempt = place.db.tenant(wall, async (tx) => {
        for (const step of steps) stepped += Math.sign(await tx.run(step));
        await tx.run(last);
      });
      assert.deepEqual([await codeOf(attempt), stepped], ["42501", steps.length], String(at));
    }
    assert.deepEqual(await rowsOf(tenantId), rowsBefore);
    const remove = place.db.directory((tx) => tx.run(sql`delete from platform.tenants where id = ${tenantId}`));
    assert.equal(await codeOf(remove), "42501");
  });

  test("a key that is made while its organisation is shredded is gone with it, whoever is first", async () => {
    for (let round = 0; round < 8; round++) {
      const { tenantId } = await fillTenant(place, 100);
      const rotated = place.db
        .tenant(tenantId, (tx) => place.keyring.rotateTenantKeys(tx, tenantId))
        .then(
          () => "done",
          () => "refused",
        );
      await Promise.all([rotated, shredTenant(place, tenantId)]);
      assert.equal((await rowsOf(tenantId))["platform.tenant_keys"], undefined, await rotated);
    }
  });

  test("its owner cannot change a row of the log either, but for deleting what is shredded", async () => {
    const { tenantId } = await fillTenant(place, 1_000);
    const client = new pg.Client({ connectionString: place.database.ownerUrl });
    await client.connect();
    try {
      await client.query("select set_config('tabellion.tenant_id', $1, false)", [tenantId]);
      const remove = (): Promise<unknown> =>
        client.query("delete from platform.audit_events where tenant_id = $1", [tenantId]);
      const change = (): Promise<unknown> =>
        client.query("update platform.audit_events set action = 'x.y' where tenant_id = $1", [tenantId]);
      assert.deepEqual([await codeOf(remove()), await codeOf(change())], ["42501", "42501"]);
      await shredTenant(place, tenantId);
      assert.equal(await codeOf(change()), "42501");
      assert.equal(await codeOf(remove()), null);
      await place.db.tenant(tenantId, (tx) =>
        tx.run(sql`insert into platform.audit_leaves (tenant_id, index, event_id, entry)
          values (${tenantId}, 0, 'aud_1', ${Buffer.alloc(32)})`),
      );
      const leaves = client.query("delete from platform.audit_leaves where tenant_id = $1", [tenantId]);
      assert.equal(await codeOf(leaves), "42501");
    } finally {
      await client.end();
    }
  });

  test("cut short at any table it is whole after another run", async () => {
    const { tenantId } = await fillTenant(place, 1_000);
    await shredTenant(place, tenantId);
    for (let runs = 0; ; runs++) {
      const stop = new AbortController();
      let transactions = 0;
      const db = {
        ...place.db,
        tenant: (...call: Parameters<typeof place.db.tenant>) => {
          if (++transactions > runs * 7) stop.abort();
          return place.db.tenant(...call);
        },
      } as typeof place.db;
      const isDone = await eraseTenant({ ...context, db }, tenantId, stop.signal).then(
        () => true,
        () => false,
      );
      if (isDone) break;
    }
    assert.deepEqual(await tablesLeft(query, tenantId), []);
  });

  test("while a backup runs its objects stay; rows go, and the rest is done afterwards", async () => {
    const { tenantId } = await fillTenant(place, 1_000);
    await shredTenant(place, tenantId);
    const backup = new pg.Client({ connectionString: place.database.ownerUrl });
    await backup.connect();
    try {
      await lockBackup(backup);
      // The nightly run puts it off by no more than the job does.
      await eraseTenants(context, never);
      assert.equal((await objectsOf(tenantId)).length, 1);
      assert.ok(await isWaiting(tenantId));
      assert.equal((await rowsOf(tenantId))["secufile.documents"], undefined);
    } finally {
      await backup.end();
    }
    await eraseTenant(context, tenantId, never);
    assert.deepEqual(await objectsOf(tenantId), []);
  });

  test("an object that cannot be deleted holds up no other organisation", async () => {
    const [stuck, other] = [await fillTenant(place, 100), await fillTenant(place, 100)];
    for (const { tenantId } of [stuck, other]) await shredTenant(place, tenantId);
    const blobs: BlobStore = Object.assign(Object.create(place.blobs), {
      list: (tenantId: string) => place.blobs.list(tenantId),
      async delete(tenantId: string, ref: string) {
        if (ref === stuck.ref) throw new Error("the disk refuses");
        return place.blobs.delete(tenantId, ref);
      },
    });
    await assert.rejects(eraseTenants({ ...context, blobs }, never), /1 organisations are not wholly erased/);
    assert.deepEqual([(await objectsOf(stuck.tenantId)).length, (await objectsOf(other.tenantId)).length], [1, 0]);
    await eraseTenants(context, never);
    assert.equal((await objectsOf(stuck.tenantId)).length, 0);
  });

  test("what appears afterwards goes in the night; a day after the shredding it is looked at for the last time", async () => {
    const { tenantId } = await fillTenant(place, 1_000);
    await shredTenant(place, tenantId);
    await eraseTenants(context, never);
    assert.equal((await rowsOf(tenantId))["secufile.documents"], undefined);
    await place.db.tenant(tenantId, (tx) =>
      tx.run(sql`insert into platform.kms_keys (tenant_id, id, generation, name, sealed_key)
        values (${tenantId}, 'kms_late', 1, 'late', ${Buffer.alloc(8)})`),
    );
    await eraseTenants({ ...context, clock: shiftedClock(23 * HOUR_MS) }, never);
    assert.equal((await rowsOf(tenantId))["platform.kms_keys"], undefined);
    assert.equal(await erasedAtOf(tenantId), null);
    await eraseTenants({ ...context, clock: shiftedClock(25 * HOUR_MS) }, never);
    assert.ok((await erasedAtOf(tenantId)) instanceof Date);
    assert.equal(await erasedAtOf(SERVER_TENANT), undefined);
  });
});

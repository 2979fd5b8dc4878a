import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { systemClock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { isConsistent, isIncluded } from "../tlog/merkle.ts";
import { parseVerifierKey } from "../tlog/note.ts";
import { loadSigningKey } from "../tlog/signing-key.ts";
import { updateLease } from "../tlog/store.ts";
import { recordAudit, saltedHash } from "./audit.ts";
import {
  consistencyProof,
  proveCheckpoint,
  proveEvent,
  readCheckpoint,
  readEntryBundle,
  readTile,
  verifierKey,
} from "./proofs.ts";
import { sequenceRound, sequenceTenant, startSequencer, SupersededError, type SequencerHolder } from "./sequencer.ts";

const entry = {
  action: "x.y",
  at: new Date("2026-11-25T08:00:00Z"),
  actor: { type: "system", id: "test" },
  outcome: "success",
} as const;

describe("the sequencer", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  let holder: SequencerHolder;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database, 70);
    const root = { newest: { generation: 1, key: randomBytes(32) }, previous: null };
    keyring = await createKeyring({ db, root });
    const key = await loadSigningKey({ db, keyring, now: new Date() });
    holder = { db, clock: systemClock, log: testLog, originHost: "log.example", key, fence: 1 };
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const record = (tenantId: string): Promise<string> => db.tenant(tenantId, (tx) => recordAudit(tx, tenantId, entry));
  async function checkpointOf(tenantId: string, log: "audit" | "top", size: number | null = null) {
    const key = parseVerifierKey((await verifierKey(db, tenantId, log)) ?? "");
    assert.ok(key !== null);
    const checkpoint = openCheckpoint((await readCheckpoint(db, tenantId, log, size)) ?? "", key);
    assert.ok(checkpoint !== null);
    return checkpoint;
  }
  async function asSuperuser(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: database.superUrl });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  test("an event is proved by its index, its path and a signed checkpoint, and its checkpoint by the top log", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => record("ten_proof")));
    const [id = ""] = ids;
    assert.equal(await proveEvent(db, "ten_proof", id), null);
    assert.equal(await sequenceRound(holder), true);
    const proof = await proveEvent(db, "ten_proof", id);
    assert.ok(proof !== null);
    const { index, leafHash, path } = proof;
    const { size, root, origin } = await checkpointOf("ten_proof", "audit");
    assert.deepEqual([size, origin], [5, "log.example/audit/ten_proof"]);
    assert.deepEqual(saltedHash(proof.salt, proof.event), proof.entry);
    assert.equal(isIncluded({ index, size, leafHash, path, root }), true);
    assert.ok(proof.proofText.endsWith(proof.checkpoint));
    const inTop = await proveCheckpoint(db, "ten_proof", 5);
    assert.ok(inTop !== null);
    const top = await checkpointOf(SERVER_TENANT, "top");
    const topEntry = createHash("sha256").update(proof.checkpoint).digest();
    const topLeaf = createHash("sha256").update(Buffer.of(0)).update(topEntry).digest();
    assert.equal(isIncluded({ ...top, ...inTop, leafHash: topLeaf }), true);
    assert.equal(await sequenceRound(holder), false);
  });

  test("a statement sent ahead of the commit queues its event as well", async () => {
    const ahead = { isCommitAhead: true };
    const id = await db.tenant("ten_ahead", (tx) => recordAudit(tx, "ten_ahead", entry), ahead);
    await sequenceTenant(holder, "ten_ahead");
    assert.equal((await proveEvent(db, "ten_ahead", id))?.index, 0);
  });

  test("a later checkpoint is proved to continue every earlier one; tiles and bundles reach as far as signed", async () => {
    for (let round = 0; round < 4; round++) {
      await db.tenant("ten_grow", async (tx) => {
        for (let n = 0; n < 90; n++) await recordAudit(tx, "ten_grow", entry);
      });
      assert.equal(await sequenceTenant(holder, "ten_grow"), 90);
    }
    const to = await checkpointOf("ten_grow", "audit");
    for (const size of [90, 180, 270]) {
      const from = await checkpointOf("ten_grow", "audit", size);
      const path = await consistencyProof(db, "ten_grow", "audit", { from: size, to: 360 });
      const roots = { fromRoot: from.root, toRoot: to.root };
      assert.equal(isConsistent({ from: size, to: 360, ...roots, path: path ?? [] }), true);
    }
    const place = { tenantId: "ten_grow", log: "audit", level: 0, index: 1 } as const;
    assert.equal((await readTile(db, { ...place, width: 104 }))?.length, 104 * 32);
    assert.equal(await readTile(db, { ...place, width: 105 }), null);
    assert.equal((await readEntryBundle(db, { ...place, index: 0 }))?.length, 256 * 34);
    assert.equal(await consistencyProof(db, "ten_grow", "audit", { from: 1, to: 361 }), null);
  });

  test("A3 64 writers that commit late: a tailing reader sees each event once, in index order, without a gap", async () => {
    let isWriting = true;
    const written: string[] = [];
    const writers = Promise.all(
      Array.from({ length: 64 }, async () => {
        for (let n = 0; n < 5; n++) {
          const id = await db.tenant("ten_tail", async (tx) => {
            const made = await recordAudit(tx, "ten_tail", entry);
            await delay(Math.random() * 20);
            return made;
          });
          written.push(id);
        }
      }),
    ).finally(() => {
      isWriting = false;
    });
    const seen: { index: string; event_id: string }[] = [];
    while (isWriting || seen.length < written.length) {
      await sequenceTenant(holder, "ten_tail");
      const rows = await db.tenant("ten_tail", (tx) =>
        tx.many(sql<{ index: string; event_id: string }>`
          select index, event_id from platform.audit_leaves
           where tenant_id = 'ten_tail' and index > ${Number(seen.at(-1)?.index ?? -1)} order by index limit 100`),
      );
      seen.push(...rows);
    }
    await writers;
    assert.deepEqual(
      seen.map((row) => Number(row.index)),
      Array.from({ length: 320 }, (_, index) => index),
    );
    assert.deepEqual(seen.map((row) => row.event_id).toSorted(), written.toSorted());
  });

  test("a sequencer that wakes up after another took over writes nothing", async () => {
    const lease = (name: string, isForced: boolean) =>
      db.directory((tx) => updateLease(tx, { name: "zombie", holder: name, seconds: 60, isForced }));
    const first = await lease("a", false);
    assert.equal(await lease("b", false), null);
    const second = await lease("b", true);
    assert.deepEqual([first, second, await lease("a", false)], [1, 2, null]);
    await record("ten_zombie");
    await sequenceTenant({ ...holder, fence: 2 }, "ten_zombie");
    const id = await record("ten_zombie");
    await assert.rejects(sequenceTenant(holder, "ten_zombie"), SupersededError);
    assert.equal(await proveEvent(db, "ten_zombie", id), null);
    assert.equal((await checkpointOf("ten_zombie", "audit")).size, 1);
    assert.equal(await sequenceTenant({ ...holder, fence: 2 }, "ten_zombie"), 1);
  });

  test("two starters that race for the signing key get the same one", async () => {
    const fresh = await createTestDatabase();
    const both = openDatabase(fresh);
    const rooted = await createKeyring({
      db: both,
      root: { newest: { generation: 1, key: randomBytes(32) }, previous: null },
    });
    const load = () => loadSigningKey({ db: both, keyring: rooted, now: new Date() });
    const [one, two, three] = await Promise.all([load(), load(), load()]);
    assert.deepEqual([two.id, three.id, two.publicKey], [one.id, one.id, one.publicKey]);
    await both.close();
    await fresh.drop();
  });

  test("events of a tenant without keys are given their indexes as well", async () => {
    await db.directory((tx) => keyring.createTenantKeys(tx, "ten_shred"));
    const id = await record("ten_shred");
    await db.directory((tx) => keyring.shredTenantKeys(tx, "ten_shred"));
    await sequenceTenant(holder, "ten_shred");
    assert.equal((await proveEvent(db, "ten_shred", id))?.index, 0);
  });

  test("with salt and event erased the log stays what was signed", async () => {
    const ids = [await record("ten_erase"), await record("ten_erase")];
    await sequenceTenant(holder, "ten_erase");
    await asSuperuser(
      "alter table platform.audit_events disable trigger audit_append_only",
      `delete from platform.audit_events where id = '${ids[0]}'`,
      "alter table platform.audit_events enable trigger audit_append_only",
    );
    assert.equal(await proveEvent(db, "ten_erase", ids[0] ?? ""), null);
    const proof = await proveEvent(db, "ten_erase", ids[1] ?? "");
    assert.ok(proof !== null);
    assert.equal(isIncluded({ ...(await checkpointOf("ten_erase", "audit")), ...proof }), true);
    const bundle = await readEntryBundle(db, { tenantId: "ten_erase", log: "audit", index: 0, width: 2 });
    assert.equal(bundle?.length, 68);
  });

  test("a running one signs what is new, and gives its lease back when it stops", async () => {
    const id = await record("ten_run");
    const start = () => startSequencer({ ...holder, keyring, isAlone: true });
    const running = start();
    while ((await proveEvent(db, "ten_run", id)) === null) await delay(20);
    await running.stop();
    const lease = { name: "sequencer", holder: "next", seconds: 1, isForced: false };
    assert.notEqual(await db.directory((tx) => updateLease(tx, lease)), null);
  });
});

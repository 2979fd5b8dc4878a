import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { killSequencers, objectionsAfterKills } from "../../../test/support/sequencer-kills.ts";
import { auditWorld, readLog, type AuditWorld } from "../../../test/support/audit-world.ts";
import { openDatabase } from "../../../test/support/database.ts";
import { assertSound, assertTopSound } from "../../../test/support/log-soundness.ts";
import { eventually, look } from "../../../test/support/secufile-client.ts";
import { checkProof, hashOfLeaf, readCheckpoint, rootOfTiles } from "../../../test/support/tlog-verifier.ts";
import { heldClock, systemClock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import { recordAudit } from "./audit.ts";
import { FencedOut, placeEvents } from "./place-events.ts";
import { proveCheckpoint, proveEvent } from "./proofs.ts";
import { noteSigner, type NoteSigner } from "../tlog/note.ts";
import { listQueued } from "./store/queue.ts";

describe("the sequencer", () => {
  let world: AuditWorld;
  before(async () => {
    world = await auditWorld();
  });
  after(() => world.close());

  test("events get dense indexes and a signed checkpoint; each is proved to an independent verifier", async () => {
    const sequencer = await world.sequencer();
    const ids: string[] = [];
    for (let round = 0; round < 4; round++) {
      for (let count = 0; count < 80; count++) ids.push(await world.record("ten_proved", `${round}/${count}`));
      await world.settled();
    }
    await sequencer.stop();
    const log = await assertSound(world, "ten_proved");
    assert.deepEqual(log.leaves.map((leaf) => leaf.event_id).toSorted(), ids.toSorted());
    const verifier = await world.verifier("ten_proved");
    for (const id of ids.slice(0, 50)) {
      const proof = await proveEvent(world.db, "ten_proved", id);
      assert.ok(proof !== null);
      const entry = createHash("sha256").update(proof.salt).update(proof.event).digest();
      assert.equal(checkProof(proof.proofText, entry, verifier).index, proof.index);
      assert.equal(JSON.parse(proof.event).id, id);
    }
    assert.equal(await proveEvent(world.db, "ten_proved", "aud_none"), null);
    assert.equal(await proveEvent(world.db, "ten_other", ids[0] ?? ""), null);
  });

  test("an event waits for one pause of a quarter of a second, and is signed, above too, in the round after it", async () => {
    const pauses: number[] = [];
    let wake = (): void => undefined;
    const untilWoken = (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        pauses.push(ms);
        wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    const sequencer = await world.sequencer({ pause: untilWoken });
    for (let round = 1; round <= 4; round++) {
      await eventually("it pauses", async () => (pauses.length === round ? true : null));
      const id = await world.record("ten_soon", String(round));
      assert.equal(await proveEvent(world.db, "ten_soon", id), null, "nothing happens in a pause");
      wake();
      await eventually("it pauses again", async () => (pauses.length === round + 1 ? true : null));
      const proof = await proveEvent(world.db, "ten_soon", id);
      assert.equal(proof?.index, round - 1);
      const { size } = readCheckpoint(proof.checkpoint, await world.verifier("ten_soon"));
      assert.equal(size, round);
      assert.ok((await proveCheckpoint(world.db, "ten_soon", size)) !== null);
    }
    await sequencer.stop();
    // However slow the machine is: what is promised as a second has three quarters of it for the round itself.
    assert.deepEqual(pauses, [250, 250, 250, 250, 250]);
  });

  test("the log above holds every tenant's checkpoints, each provable", async () => {
    const sequencer = await world.sequencer();
    for (const tenantId of ["ten_a", "ten_b", "ten_c"]) await world.record(tenantId, "x");
    await world.settled();
    await sequencer.stop();
    await assertTopSound(world);
    const [checkpoint] = (await readLog(world, "ten_b")).checkpoints;
    assert.ok(checkpoint !== undefined);
    const proof = await proveCheckpoint(world.db, "ten_b", Number(checkpoint.size));
    assert.ok(proof !== null);
    const entry = createHash("sha256").update(checkpoint.note).digest();
    checkProof(proof.proofText, entry, await world.verifier("server", "top"));
    assert.equal(await proveCheckpoint(world.db, "ten_b", 999), null);
  });

  test("64 writers that commit late and in any order: a reader of indexes sees each event once, in order, without gap", async () => {
    const sequencer = await world.sequencer();
    const tenantId = "ten_busy";
    const db = openDatabase(world.database, 64);
    const written: string[] = [];
    const writing = { isOver: false };
    const writers = Array.from({ length: 64 }, async (_, writer) => {
      for (let count = 0; count < 6; count++) {
        const id = await db.tenant(tenantId, async (tx) => {
          const made = await recordAudit(tx, tenantId, {
            action: "test.late",
            at: new Date(),
            actor: { type: "system", id: String(writer) },
            outcome: "success",
          });
          // What is looked for shows only when transactions that began first commit last.
          await pause((writer * 7 + count * 13) % 60);
          return made;
        });
        written.push(id);
      }
    });
    const seen: { index: number; id: string }[] = [];
    const reading = (async () => {
      while (!writing.isOver || seen.length < written.length) {
        const last = seen.at(-1)?.index ?? -1;
        const rows = await world.db.tenant(tenantId, (tx) =>
          tx.many(sql<{ index: string; event_id: string }>`
            select index, event_id from platform.audit_leaves
             where tenant_id = ${tenantId} and index > ${last} order by index limit 50`),
        );
        for (const row of rows) seen.push({ index: Number(row.index), id: row.event_id });
        await pause(5);
      }
    })();
    await Promise.all(writers);
    writing.isOver = true;
    await reading;
    await sequencer.stop();
    await db.close();
    assert.deepEqual(
      seen.map((row) => row.index),
      seen.map((_, index) => index),
    );
    assert.deepEqual(seen.map((row) => row.id).toSorted(), written.toSorted());
    await assertSound(world, tenantId);
  });

  test("of two processes one gives out indexes; when it stops the other goes on", async () => {
    const otherDb = openDatabase(world.database, 4);
    const first = await world.sequencer();
    await eventually("it holds the lease", async () => (first.state.isHolder ? true : null));
    const second = await world.sequencer({ isAlone: false, db: otherDb });
    await world.record("ten_two", "one");
    await world.settled();
    assert.deepEqual([first.state.isHolder, second.state.isHolder], [true, false]);
    const { fence } = first.state;
    await first.stop();
    await eventually("the other has it", async () => (second.state.isHolder ? true : null));
    assert.equal(second.state.fence, fence + 1);
    await world.record("ten_two", "two");
    await world.settled();
    await second.stop();
    await otherDb.close();
    assert.equal((await assertSound(world, "ten_two")).leaves.length, 2);
  });

  test("a former holder that wakes up writes nothing, neither with its old fence nor for events that are placed", async () => {
    await world.record("ten_zombie", "one");
    const queued = await world.db.directory((tx) => listQueued(tx, "ten_zombi", 10));
    assert.equal(queued.length, 1);
    const old = {
      db: world.db,
      clock: systemClock,
      fence: 1,
      newOrigin: () => "log.test/zombie",
      signers: (origin: string): [NoteSigner] => [noteSigner(origin, Buffer.alloc(32, 7))],
    };
    await assert.rejects(placeEvents(old, "ten_zombie", queued), FencedOut);
    assert.deepEqual((await readLog(world, "ten_zombie")).checkpoints, []);
    const sequencer = await world.sequencer();
    await world.settled();
    const { fence } = sequencer.state;
    await assert.rejects(placeEvents({ ...old, fence }, "ten_zombie", queued), FencedOut);
    await sequencer.stop();
    await assertSound(world, "ten_zombie");
  });

  test("events of many tenants are placed by half of the connections at most, several at once", async () => {
    const tenants = Array.from({ length: 100 }, (_, number) => `ten_many_${String(number).padStart(3, "0")}`);
    for (const tenantId of tenants) await world.record(tenantId, "x");
    const real = openDatabase(world.database, 6);
    let [atOnce, most] = [0, 0];
    const db: Database = {
      ...real,
      async tenant(tenantId, work, options) {
        most = Math.max(most, (atOnce += 1));
        return real.tenant(tenantId, work, options).finally(() => (atOnce -= 1));
      },
    };
    const sequencer = await world.sequencer({ db });
    await world.settled();
    await sequencer.stop();
    await real.close();
    assert.equal(most, 3);
    for (const tenantId of tenants.slice(-3)) assert.equal((await assertSound(world, tenantId)).leaves.length, 1);
    await assertTopSound(world);
  });

  test("a checkpoint says when it was signed, however long before that its round began", async () => {
    const sequencer = await world.sequencer();
    await eventually("it holds the lease", async () => (sequencer.state.isHolder ? true : null));
    const { fence } = sequencer.state;
    await sequencer.stop();
    await world.record("ten_slow", "one");
    const clock = heldClock(new Date("2026-01-01T00:00:00Z"));
    const placing = {
      db: world.db,
      clock,
      fence,
      newOrigin: () => "log.test/slow",
      signers(origin: string): [NoteSigner] {
        clock.advance(5_000);
        return [noteSigner(origin, Buffer.alloc(32, 7))];
      },
    };
    const queued = await world.db.directory((tx) => listQueued(tx, "ten_slov", 10));
    await placeEvents(placing, "ten_slow", queued);
    const [row] = await look(
      world.database.superUrl,
      "select signed_at from platform.log_checkpoints where tenant_id = 'ten_slow'",
    );
    assert.deepEqual(row.signed_at, new Date("2026-01-01T00:00:05Z"));
  });

  test("a tenant whose tiles are damaged does not hold up the others", async () => {
    const sequencer = await world.sequencer();
    await world.record("ten_held_a", "one");
    await world.settled();
    const client = new pg.Client({ connectionString: world.database.superUrl });
    await client.connect();
    await client.query("update platform.log_tiles set hashes = '' where tenant_id = 'ten_held_a'");
    await world.record("ten_held_a", "two");
    const id = await world.record("ten_held_b", "one");
    await eventually("the other is placed", () => proveEvent(world.db, "ten_held_b", id));
    const [waiting] = await look(
      world.database.superUrl,
      "select count(*)::int as count from platform.audit_queue where tenant_id = 'ten_held_a'",
    );
    assert.equal(waiting.count, 1);
    await client.query(
      `update platform.log_tiles t set hashes = (select sha256('\\x00'::bytea || entry) from platform.audit_leaves
         where tenant_id = t.tenant_id) where tenant_id = 'ten_held_a'`,
    );
    await client.end();
    await world.settled();
    await sequencer.stop();
    await assertSound(world, "ten_held_a");
  });

  test("what has its place cannot be changed, removed or placed anew, by whomever", async () => {
    await world.record("ten_fixed", "x");
    const sequencer = await world.sequencer();
    await world.settled();
    await sequencer.stop();
    const client = new pg.Client({ connectionString: world.database.superUrl });
    await client.connect();
    for (const table of ["audit_leaves", "log_checkpoints", "top_leaves"]) {
      for (const statement of [`update platform.${table} set tenant_id = 'x'`, `delete from platform.${table}`]) {
        await assert.rejects(client.query(statement), /append-only/);
      }
      await assert.rejects(client.query(`truncate platform.${table}`), /append-only/);
    }
    await client.end();
    for (const statement of [
      sql`delete from platform.log_tiles where tenant_id = 'ten_fixed'`,
      sql`delete from platform.log_heads where tenant_id = 'ten_fixed'`,
      sql`update platform.audit_queue set event_id = 'x'`,
    ]) {
      await assert.rejects(
        world.db.tenant("ten_fixed", (tx) => tx.run(statement)),
        { code: "42501" },
      );
    }
  });

  test("when events and their salts are erased, the tree still verifies and says nothing of them", async () => {
    const tenantId = "ten_erased";
    for (let count = 0; count < 5; count++) await world.record(tenantId, String(count));
    const sequencer = await world.sequencer();
    await world.settled();
    const client = new pg.Client({ connectionString: world.database.superUrl });
    await client.connect();
    await client.query("set session_replication_role = replica");
    await client.query("delete from platform.audit_events where tenant_id = $1", [tenantId]);
    await client.end();
    await world.record(tenantId, "after");
    await world.settled();
    await sequencer.stop();
    const log = await readLog(world, tenantId);
    const hashes = log.leaves.map((leaf) => hashOfLeaf(leaf.entry));
    const last = readCheckpoint(log.checkpoints.at(-1)?.note ?? "", await world.verifier(tenantId));
    assert.equal(last.size, 6);
    assert.deepEqual(last.root, rootOfTiles(6, log.tileOf, hashes));
  });

  test("killed again and again amid writing and signing: nothing committed is missing, no checkpoint is contradicted", async () => {
    const tenants = ["ten_kill_a", "ten_kill_b", "ten_kill_c"];
    // Killed by count, not by time: whatever the machine's pace, at another point of its rounds each time.
    const told = await killSequencers({ world, tenants, kills: 8, processes: 1, linesUntil: (kill) => 60 + kill * 37 });
    assert.ok(told.length > 8 * 60);
    assert.deepEqual(await objectionsAfterKills({ world, tenants, told }), []);
  });
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { auditWorld, readLog, type AuditWorld } from "../../../test/support/audit-world.ts";
import { testLog } from "../../../test/support/database.ts";
import type { SeenLog } from "../../../test/support/log-rows.ts";
import {
  checkProof,
  hashOfLeaf,
  readCheckpoint,
  rootOfLeaves,
  rootOfTiles,
  type Verifier,
} from "../../../test/support/tlog-verifier.ts";
import { systemClock } from "../clock/clock.ts";
import { signCheckpoint } from "../tlog/note.ts";
import { TileWriter } from "../tlog/tile-writer.ts";
import { saltedHash } from "./audit.ts";
import { everyVerifier, openLogKeys } from "./log-key.ts";
import { proveEvent } from "./proofs.ts";
import { verifyLog, type CheckedLog } from "./verify-log.ts";
import { auditJobs } from "./jobs.ts";

const TENANT = "ten_tampered";
const EVENTS = 700;
const CHANGES_OF_EACH_KIND = 2_500;
const SEED = 20_261_125;
/** What is put back after a change; the server's own log is not changed, and grows by what the nightly check finds. */
const KEPT: Readonly<Record<string, string>> = {
  audit_events: `tenant_id = '${TENANT}'`,
  audit_leaves: `tenant_id = '${TENANT}'`,
  top_leaves: "true",
  log_heads: `tenant_id = '${TENANT}'`,
  log_tiles: "true",
  log_checkpoints: "true",
};

/** Numbers below a bound, the same in every run (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return changed;
}

/** Bytes that are no text are no JSON and no note: found out by whoever reads them. */
function textOf(bytes: Buffer): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function isCaught(check: () => void): boolean {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}

describe("a changed bit anywhere in an audit log", () => {
  let world: AuditWorld;
  let log: SeenLog;
  let verifier: Verifier;
  let hashes: Buffer[];
  let proofs: { text: string; entry: Buffer }[];
  const random = generator(SEED);

  before(async () => {
    world = await auditWorld();
    const sequencer = await world.sequencer();
    const ids: string[] = [];
    for (let count = 0; count < EVENTS; count++) ids.push(await world.record(TENANT, `é ${count}`));
    await world.settled();
    await sequencer.stop();
    log = await readLog(world, TENANT);
    verifier = await world.verifier(TENANT);
    hashes = log.leaves.map((leaf) => hashOfLeaf(leaf.entry));
    proofs = [];
    for (const id of ids.slice(0, 40)) {
      const proof = await proveEvent(world.db, TENANT, id);
      assert.ok(proof !== null);
      proofs.push({ text: proof.proofText, entry: proof.entry });
    }
  });
  after(() => world.close());

  const checkRow = (row: { event: Buffer; salt: Buffer; leafHash: Buffer }, index: number): void => {
    const entry = createHash("sha256").update(row.salt).update(textOf(row.event)).digest();
    assert.ok(entry.equals(log.leaves[index]?.entry ?? Buffer.alloc(0)));
    assert.ok(hashOfLeaf(entry).equals(row.leafHash));
  };
  const checkTiles = (level: number, index: number, bytes: Buffer): void => {
    const tileOf: SeenLog["tileOf"] = (l, i, width) =>
      l === level && i === index ? bytes.subarray(0, width * 32) : log.tileOf(l, i, width);
    const root = rootOfTiles(hashes.length, tileOf, hashes);
    assert.ok(root.equals(readCheckpoint(log.checkpoints.at(-1)?.note ?? "", verifier).root));
  };
  const checkCheckpoint = (note: string): void => {
    const seen = readCheckpoint(note, verifier);
    assert.ok(seen.root.equals(rootOfLeaves(hashes.slice(0, seen.size))));
  };

  test("nothing objects to what is as it was signed", () => {
    for (const [index, leaf] of log.leaves.entries()) {
      checkRow({ event: Buffer.from(leaf.event), salt: leaf.salt, leafHash: leaf.leaf_hash }, index);
    }
    checkTiles(0, 0, log.tiles.get("0/0") ?? Buffer.alloc(0));
    for (const checkpoint of log.checkpoints) checkCheckpoint(checkpoint.note);
    for (const proof of proofs) checkProof(proof.text, proof.entry, verifier);
  });

  test(`each of ${CHANGES_OF_EACH_KIND} changes of a row is caught (seed ${SEED})`, () => {
    for (let change = 0; change < CHANGES_OF_EACH_KIND; change++) {
      const index = random(log.leaves.length);
      const leaf = log.leaves[index];
      assert.ok(leaf !== undefined);
      const row = { event: Buffer.from(leaf.event), salt: leaf.salt, leafHash: leaf.leaf_hash };
      const part = (["event", "salt", "leafHash"] as const)[random(3)] ?? "event";
      const bit = random(row[part].length * 8);
      assert.ok(
        isCaught(() => checkRow({ ...row, [part]: flipped(row[part], bit) }, index)),
        `${part} ${index}/${bit}`,
      );
    }
  });

  test(`each of ${CHANGES_OF_EACH_KIND} changes of a tile is caught`, () => {
    const names = [...log.tiles.keys()];
    assert.ok(names.includes("1/0"));
    for (let change = 0; change < CHANGES_OF_EACH_KIND; change++) {
      const name = names[random(names.length)] ?? "";
      const [level = 0, index = 0] = name.split("/").map(Number);
      const bytes = log.tiles.get(name) ?? Buffer.alloc(0);
      const bit = random(bytes.length * 8);
      assert.ok(
        isCaught(() => checkTiles(level, index, flipped(bytes, bit))),
        `${name} ${bit}`,
      );
    }
  });

  test(`each of ${CHANGES_OF_EACH_KIND} changes of a checkpoint is caught`, () => {
    for (let change = 0; change < CHANGES_OF_EACH_KIND; change++) {
      const note = Buffer.from(log.checkpoints[random(log.checkpoints.length)]?.note ?? "");
      const bit = random(note.length * 8);
      assert.ok(
        isCaught(() => checkCheckpoint(textOf(flipped(note, bit)))),
        `${bit}`,
      );
    }
  });

  test(`each of ${CHANGES_OF_EACH_KIND} changes of a proof is caught`, () => {
    for (let change = 0; change < CHANGES_OF_EACH_KIND; change++) {
      const proof = proofs[random(proofs.length)];
      assert.ok(proof !== undefined);
      const text = Buffer.from(proof.text);
      const bit = random(text.length * 8);
      assert.ok(
        isCaught(() => checkProof(textOf(flipped(text, bit)), proof.entry, verifier)),
        `${bit}`,
      );
    }
  });

  const context = () => ({ db: world.db, keyring: world.keyring, clock: systemClock });
  const findingsIn = async (of: CheckedLog) =>
    (
      await verifyLog(world.db, of, {
        verifiers: (origin) => everyVerifier(context(), origin),
        isShredded: async () => false,
      })
    ).findings;
  const findings = () => findingsIn({ tenantId: TENANT, log: "audit" });
  const topFindings = () => findingsIn({ tenantId: "server", log: "top" });

  type Tampering = string | ((client: pg.Client) => Promise<void>);

  /** As a superuser who has put the triggers aside, and puts all back afterwards. */
  async function tampered<T>(tampering: Tampering, work: () => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: world.database.superUrl });
    await client.connect();
    try {
      await client.query("set session_replication_role = replica");
      for (const [table, rows] of Object.entries(KEPT))
        await client.query(`create temp table kept_${table} as select * from platform.${table} where ${rows}`);
      if (typeof tampering === "string") await client.query(tampering);
      else await tampering(client);
      return await work();
    } finally {
      for (const [table, rows] of Object.entries(KEPT)) {
        await client.query(`delete from platform.${table} where ${rows}`);
        await client.query(`insert into platform.${table} select * from kept_${table}`);
      }
      await client.end();
    }
  }

  /** What somebody does who has the database and the log's key: another event, and all that follows from it made anew. */
  async function rewriteLog(client: pg.Client): Promise<void> {
    const [key] = await openLogKeys(context());
    const leaf = log.leaves[300];
    assert.ok(key !== undefined && leaf !== undefined);
    const event = leaf.event.replace("é", "è");
    const entry = saltedHash(leaf.salt, event);
    const tree = new TileWriter(0, []);
    for (const { size } of log.checkpoints) {
      const entries = log.leaves.slice(tree.size, Number(size)).map((each) => (each === leaf ? entry : each.entry));
      tree.append(entries.map(hashOfLeaf));
      const note = signCheckpoint([key.signer(verifier.name)], { size: Number(size), root: tree.root() });
      const values = [TENANT, size, tree.root(), note];
      await client.query(
        "update platform.log_checkpoints set root = $3, note = $4 where tenant_id = $1 and size = $2",
        values,
      );
    }
    for (const { level, index, hashes: tile } of tree.changedTiles())
      await client.query(
        "update platform.log_tiles set hashes = $4 where tenant_id = $1 and level = $2 and tile_index = $3",
        [TENANT, level, index, tile],
      );
    await client.query("update platform.audit_leaves set entry = $3 where tenant_id = $1 and index = $2", [
      ...[TENANT, leaf.index, entry],
    ]);
    await client.query("update platform.audit_events set event = $3, leaf_hash = $4 where tenant_id = $1 and id = $2", [
      ...[TENANT, leaf.event_id, event, hashOfLeaf(entry)],
    ]);
  }

  const tamperings: Readonly<Record<string, string>> = {
    "an event that says something else": `update platform.audit_events set event = replace(event, 'é 5"', 'é 6"') where event like '%é 5"%'`,
    "an event and its leaf hash, made anew together": `update platform.audit_events set event = '{}',
       leaf_hash = sha256('\\x00'::bytea || sha256(salt || convert_to('{}', 'UTF8'))) where event like '%é 5"%'`,
    ...Object.fromEntries(
      [
        ...["action", "actor_type", "actor_id", "bucket", "resource_type", "resource_id", "outcome"].map((column) => {
          const changed =
            column === "outcome" ? "case outcome when 'denied' then 'failed' else 'denied' end" : "'visitor'";
          return [column, `${column} = ${changed}`];
        }),
        ["at", "at = at + interval '1 second'"],
      ].map(([column, change]) => [
        `a column "${column}" by which a record would no longer be found`,
        `update platform.audit_events set ${change} where tenant_id = '${TENANT}' and event like '%é 5"%'`,
      ]),
    ),
    "an event that was taken out": `delete from platform.audit_events where event like '%é 5"%'`,
    "a leaf that was taken out": "delete from platform.audit_leaves where index = 300",
    "a leaf that was replaced": "update platform.audit_leaves set entry = sha256('x'::bytea) where index = 300",
    "leaves and checkpoints cut off together": `delete from platform.audit_leaves where index >= 600;
       delete from platform.log_checkpoints where size > 600 and log = 'audit'`,
    "two leaves that changed places": `update platform.audit_leaves set entry = (select entry from platform.audit_leaves o
       where o.tenant_id = audit_leaves.tenant_id and o.index = 601 - audit_leaves.index) where index in (300, 301)`,
    "a tile that lost its end":
      "update platform.log_tiles set hashes = substr(hashes, 1, 64) where level = 0 and tile_index = 1",
    "a tile of another level":
      "update platform.log_tiles set hashes = sha256('x'::bytea) || substr(hashes, 33) where level = 1",
    "a checkpoint of another root": "update platform.log_checkpoints set root = sha256('x'::bytea) where log = 'audit'",
    "a checkpoint signed by nobody": "update platform.log_checkpoints set note = replace(note, 'log.test', 'log.text')",
    "the newest checkpoint taken away": `delete from platform.log_checkpoints where size = ${EVENTS} and log = 'audit'`,
    "a log that is gone without a trace of its own": ["audit_events", "audit_leaves", ...Object.keys(KEPT).slice(3)]
      .map((table) => `delete from platform.${table} where tenant_id = '${TENANT}'`)
      .join("; "),
    "another hash in the log above": `update platform.top_leaves set entry = sha256('x'::bytea) where log_size = ${EVENTS}`,
    "a place above of another size": `update platform.top_leaves set log_size = 1000000 where log_size = ${EVENTS}`,
    "a place above of another tenant": `update platform.top_leaves set log_tenant_id = 'x' where log_size = ${EVENTS}`,
  };
  for (const [what, statement] of Object.entries(tamperings)) {
    test(`the nightly check finds ${what}`, async () => {
      assert.deepEqual(await findings(), []);
      assert.notDeepEqual(await tampered(statement, findings), []);
      assert.deepEqual(await findings(), []);
    });
  }

  test("the nightly check finds a log that was written anew from an event on and signed with its own key", async () => {
    const [seen, above] = await tampered(rewriteLog, async () => [await findings(), await topFindings()] as const);
    assert.deepEqual(above, [], "the log above is as it was, and holds the checkpoints of before");
    // Nothing else gives it away: all of the log fits together.
    assert.ok(seen.length > 0);
    for (const { what, index } of seen) {
      assert.match(what, /^a checkpoint neither stands in the log above/);
      assert.ok(index > 300);
    }
    assert.deepEqual(await findings(), []);
  });

  const tamperingsAbove: Readonly<Record<string, string>> = {
    "a leaf that was replaced": "update platform.top_leaves set entry = sha256('x'::bytea) where index = 0",
    "a leaf that was taken out": "delete from platform.top_leaves where index = 0",
    "a tile": "update platform.log_tiles set hashes = sha256('x'::bytea) || substr(hashes, 33) where log = 'top'",
    "a checkpoint of another root": "update platform.log_checkpoints set root = sha256('x'::bytea) where log = 'top'",
  };
  for (const [what, statement] of Object.entries(tamperingsAbove)) {
    test(`the nightly check finds ${what} in the log over all tenants`, async () => {
      assert.deepEqual(await topFindings(), []);
      assert.notDeepEqual(await tampered(statement, topFindings), []);
      assert.deepEqual([await topFindings(), await findings()], [[], []]);
    });
  }

  test("the nightly check takes nothing that is under way for a finding", async () => {
    const growing = { tenantId: "ten_growing", log: "audit" } as const;
    const sequencer = await world.sequencer();
    const writing = { isOver: false };
    const writer = (async () => {
      for (let count = 0; count < 150; count++) await world.record(growing.tenantId, String(count));
      await world.settled();
      writing.isOver = true;
    })();
    while (!writing.isOver) assert.deepEqual(await findingsIn(growing), []);
    await writer;
    await sequencer.stop();
    assert.deepEqual([await findingsIn(growing), await topFindings()], [[], []]);
  });

  test("what the nightly check finds is on record in the server's own log", async () => {
    const jobs = auditJobs({
      ...context(),
      log: testLog,
      isShredded: async () => false,
      listTenants: async (lastSeen) => (lastSeen === "" ? [TENANT] : []),
    });
    const [verifying] = jobs;
    assert.ok(verifying !== undefined);
    const run = { jobId: "1", attempt: 1, isLastAttempt: false, signal: new AbortController().signal, log: testLog };
    await verifying.handle({}, run);
    const told = async (): Promise<string[]> => {
      const client = new pg.Client({ connectionString: world.database.superUrl });
      await client.connect();
      const { rows } = await client.query<{ log: string }>(
        `select resource_id || '/' || (event::json -> 'details' ->> 'log') as log from platform.audit_events
          where tenant_id = 'server' and action = 'platform.verifyAuditLogs' and outcome = 'failed' order by id`,
      );
      await client.end();
      return rows.map((row) => row.log);
    };
    assert.deepEqual(await told(), []);
    await tampered(tamperings["a leaf that was replaced"] ?? "", () => verifying.handle({}, run));
    assert.deepEqual(await told(), [`${TENANT}/audit`]);
    await tampered(tamperingsAbove["a leaf that was replaced"] ?? "", () => verifying.handle({}, run));
    // The one that the leaf was of does not find its checkpoint above any more.
    assert.deepEqual(await told(), [`${TENANT}/audit`, `${TENANT}/audit`, "server/top"]);
  });
});

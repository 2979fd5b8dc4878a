/**
 * The audit log: events that are recorded by concurrent writers and given their index and signed checkpoint at the same
 * time, how long after its commit an event stands under a checkpoint, the same with many organisations of one event each,
 * what a row adds to a write, and proofs from a tree of a million leaves. Use: node bench/audit.ts [--short].
 */
import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { recordAudit } from "../src/platform/audit/audit.ts";
import { countQueued } from "../src/platform/audit/store/queue.ts";
import { sql } from "../src/platform/db/sql.ts";
import type { Tx } from "../src/platform/db/tx.ts";
import { leafHashOf, rootByInclusion } from "../src/platform/tlog/merkle.ts";
import { noteSigner, proofText, signCheckpoint } from "../src/platform/tlog/note.ts";
import { openTilesOf, TileWriter, type StoredTile } from "../src/platform/tlog/tile-writer.ts";
import { TreeReader } from "../src/platform/tlog/tree-reader.ts";
import { auditWorld, type AuditWorld } from "../test/support/audit-world.ts";
import { withCluster } from "../test/support/database.ts";
import { figuresOf, sampleOf, tell } from "./support/measuring.ts";

const isShort = process.argv.includes("--short");
const SECONDS = isShort ? 3 : 15;
const WRITERS = 16;
/** Events of one transaction: a request that writes one row each, and a batch. */
const BATCH = 10;
/** Organisations with one event each. */
const ORGANISATIONS = isShort ? 200 : 1_000;
const LEAVES = 1_000_000;
const GOAL_EVENTS_A_SECOND = 2_000;
const GOAL_CHECKPOINT_MS = 2_000;

await withCluster(async () => {
  console.log(`${cpus().length} cores: writers, sequencer and PostgreSQL share them`);
  const world = await auditWorld();
  await measureThroughput(world, 1);
  await measureThroughput(world, BATCH);
  await measureOrganisations(world);
  await measureCost(world);
  await world.close();
  await measureProofs();
});

async function record(tx: Tx, tenantId: string): Promise<void> {
  await recordAudit(tx, tenantId, {
    action: "bench.event",
    at: new Date(),
    actor: { type: "token", id: "tok_bench", ip: "192.0.2.1" },
    bucket: "default",
    resource: { type: "document", id: "doc_bench" },
    outcome: "success",
    details: { number: 1 },
  });
}

/** From the first commit until the last event stands under a signed checkpoint; and each event's own way there. */
async function measureThroughput(world: AuditWorld, eventsInOne: number): Promise<void> {
  const tenantId = `ten_bench_${eventsInOne}`;
  const sequencer = await world.sequencer();
  const committed: { readonly count: number; readonly atMs: number }[] = [];
  let count = 0;
  const watching = watchCheckpoints(world, tenantId);
  const startedAtMs = performance.now();
  await sampleOf(WRITERS, SECONDS, async () => {
    await world.db.tenant(tenantId, (tx) =>
      Promise.all(Array.from({ length: eventsInOne }, () => record(tx, tenantId))),
    );
    count += eventsInOne;
    committed.push({ count, atMs: performance.now() });
  });
  const seen = await watching.until(count);
  const seconds = ((seen.at(-1)?.atMs ?? 0) - startedAtMs) / 1000;
  await sequencer.stop();
  // The nth commit is under the first checkpoint of at least n events: never too early, as counts only grow.
  const waits = committed.map((commit) => {
    const sealed = seen.find((each) => each.size >= commit.count);
    return (sealed?.atMs ?? Infinity) - commit.atMs;
  });
  const figures = figuresOf([{ latencies: waits, seconds }]);
  const name = eventsInOne === 1 ? "one event a transaction" : `${eventsInOne} events a transaction`;
  tell(`${name}: recorded, indexed and signed`, "/s", count / seconds, [GOAL_EVENTS_A_SECOND, "/s wanted"]);
  tell("  from commit to signed checkpoint, p99", "ms", figures.p99, [GOAL_CHECKPOINT_MS, "ms allowed"]);
}

function watchCheckpoints(
  world: AuditWorld,
  tenantId: string,
): { until(size: number): Promise<readonly { size: number; atMs: number }[]> } {
  const seen: { size: number; atMs: number }[] = [];
  let wanted = Infinity;
  const looking = (async () => {
    while ((seen.at(-1)?.size ?? 0) < wanted) {
      const row = await world.db.tenant(tenantId, (tx) =>
        tx.one(sql<{ size: string | null }>`
          select max(size) as size from platform.log_checkpoints where tenant_id = ${tenantId} and log = 'audit'`),
      );
      const size = Number(row?.size ?? 0);
      if (size > (seen.at(-1)?.size ?? 0)) seen.push({ size, atMs: performance.now() });
      // Looked for often enough to tell tens of milliseconds, seldom enough to cost little.
      await pause(20);
    }
  })();
  return {
    async until(size) {
      wanted = size;
      await looking;
      return seen;
    },
  };
}

/**
 * One event of each organisation, all waiting when the sequencer looks: until the last has its signed checkpoint. Once with
 * logs that begin, once with logs that are there.
 */
async function measureOrganisations(world: AuditWorld): Promise<void> {
  for (const what of ["first", "next"]) {
    const waiting = Array.from({ length: ORGANISATIONS }, (_, number) => `ten_one_of_many_${number}`);
    const recordAll = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await world.record(next, what);
    };
    await Promise.all(Array.from({ length: WRITERS }, recordAll));
    const startedAtMs = performance.now();
    const sequencer = await world.sequencer();
    while ((await world.db.directory(countQueued)) > 0) await pause(10);
    const ms = performance.now() - startedAtMs;
    await sequencer.stop();
    const allowed: [number, string] = [GOAL_CHECKPOINT_MS, "ms allowed"];
    tell(`the ${what} event of each of ${ORGANISATIONS} organisations, until all are signed`, "ms", ms, allowed);
  }
}

/** The same durable transaction with and without its audit row, in turn. */
async function measureCost(world: AuditWorld): Promise<void> {
  const write = (tx: Tx, tenantId: string): Promise<number> =>
    tx.run(sql`insert into platform.kms_keys (tenant_id, id, generation, name, sealed_key)
               values (${tenantId}, ${randomBytes(12).toString("hex")}, 1, 'bench', ${randomBytes(64)})`);
  const plain = (): Promise<unknown> => world.db.tenant("ten_cost", (tx) => write(tx, "ten_cost"));
  const audited = (): Promise<unknown> =>
    world.db.tenant("ten_cost", (tx) => Promise.all([write(tx, "ten_cost"), record(tx, "ten_cost")]));
  const [without, withRow] = [[], []] as [
    Awaited<ReturnType<typeof sampleOf>>[],
    Awaited<ReturnType<typeof sampleOf>>[],
  ];
  for (let round = 0; round < (isShort ? 3 : 6); round++) {
    without.push(await sampleOf(1, 0.7, plain));
    withRow.push(await sampleOf(1, 0.7, audited));
  }
  const [bare, ours] = [figuresOf(without), figuresOf(withRow)];
  tell("a durable write with its audit row, median", "ms", ours.median, [bare.median, "ms without"]);
  tell("  p99", "ms", ours.p99, [bare.p99, "ms without"]);
}

/** Tiles in memory, made by the code that makes those of the database. */
async function measureProofs(): Promise<void> {
  const tiles = new Map<string, StoredTile>();
  let size = 0;
  const startedAtMs = performance.now();
  while (size < LEAVES) {
    const open = openTilesOf(size).flatMap((place) => tiles.get(`${place.level}/${place.index}`) ?? []);
    const writer = new TileWriter(size, open);
    writer.append(Array.from({ length: 10_000 }, (_, at) => leafHashOf(Buffer.from(String(size + at)))));
    for (const tile of writer.changedTiles()) tiles.set(`${tile.level}/${tile.index}`, tile);
    size = writer.size;
  }
  const buildSeconds = (performance.now() - startedAtMs) / 1000;
  const bareStartedAtMs = performance.now();
  for (let leaf = 0; leaf < LEAVES / 10; leaf++) leafHashOf(Buffer.from(String(leaf)));
  const barePerSecond = LEAVES / 10 / ((performance.now() - bareStartedAtMs) / 1000);
  tell("leaves put into a tree of 10^6, one core", "/s", LEAVES / buildSeconds, [barePerSecond, "leaf hashes/s alone"]);
  const open = openTilesOf(size).flatMap((place) => tiles.get(`${place.level}/${place.index}`) ?? []);
  const root = new TileWriter(size, open).root();
  const signer = noteSigner("log.bench/audit/ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F", randomBytes(32));
  const checkpoint = signCheckpoint([signer], { size, root });
  const reader = (): TreeReader =>
    new TreeReader(async (level, index) => tiles.get(`${level}/${index}`)?.hashes ?? Buffer.alloc(0));
  let bytes = 0;
  const proving = await sampleOf(1, 1, async () => {
    const index = Math.floor(Math.random() * size);
    const path = await reader().inclusionPath(index, size);
    bytes = Math.max(bytes, Buffer.byteLength(proofText({ index, path, checkpoint })));
    const found = rootByInclusion(leafHashOf(Buffer.from(String(index))), { index, size }, path);
    if (found?.equals(root) !== true) throw new Error(`the proof of ${index} does not hold`);
  });
  const figures = figuresOf([proving]);
  tell("a proof in a tree of 10^6, C2SP tlog-proof", "bytes", bytes, [3_000, "bytes allowed"]);
  tell("  made from cold tiles and verified, median", "ms", figures.median, [
    (1_000 / barePerSecond) * 3 * 255,
    "ms of the hashes of three tiles",
  ]);
}

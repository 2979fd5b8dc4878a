import { createHash } from "node:crypto";
import type { Database, Tx } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { leafHashOf } from "../tlog/merkle.ts";
import { signCheckpoint, type NoteSigner } from "../tlog/note.ts";
import { openTilesOf, TileWriter } from "../tlog/tile-writer.ts";
import { findFence, updateIdleLimit } from "./store/lease.ts";
import {
  deleteQueued,
  deleteTopQueued,
  insertLeaves,
  insertTopLeaves,
  insertTopQueued,
  type QueuedRow,
  type TopRow,
} from "./store/queue.ts";
import {
  insertCheckpoint,
  insertHead,
  insertTiles,
  listTiles,
  lockHead,
  updateHead,
  type LogName,
} from "./store/tree.ts";

/** A session that stands still this long is ended by the database; then another process can go on. */
const IDLE_LIMIT_MS = 10_000;

/** Somebody else gives out the indexes now; nothing was written. */
export class FencedOut extends Error {
  override readonly name = "FencedOut";
}

/** What a holder of the lease writes with. */
export type Placing = {
  readonly db: Database;
  readonly now: Date;
  readonly fence: number;
  /** The name of a log that has no checkpoint yet. */
  newOrigin(tenantId: string, log: LogName): string;
  /** All that sign now. */
  signers(origin: string): readonly [NoteSigner, ...NoteSigner[]];
};

/**
 * Gives queued events of one tenant their indexes, and signs the tree that they make: one transaction, so that whatever
 * happens there is no index without its checkpoint, and no checkpoint that the next one does not continue. Throws
 * `FencedOut` when another process has taken over.
 */
export async function placeEvents(placing: Placing, tenantId: string, rows: readonly QueuedRow[]): Promise<void> {
  await placing.db.tenant(tenantId, async (tx) => {
    // Before the first lock: whoever stands still with it must not hold up the next holder of the lease for ever.
    await updateIdleLimit(tx, IDLE_LIMIT_MS);
    const wall = { tenantId, log: "audit" } as const;
    const taken = await deleteQueued(
      tx,
      tenantId,
      rows.map((row) => row.event_id),
    );
    if (taken !== rows.length) throw new FencedOut("events of the queue have their places already");
    const { from, note, to } = await grow(placing, tx, { ...wall, entries: rows.map((row) => row.entry) });
    await insertLeaves(tx, tenantId, from, rows);
    // In the log above, the checkpoint stands by its hash: it says nothing of the tenant to others.
    await insertTopQueued(tx, tenantId, { size: to, entry: entryOfCheckpoint(note) });
  });
}

/** The same for the log above all logs. */
export async function placeCheckpoints(placing: Placing, rows: readonly TopRow[]): Promise<void> {
  await placing.db.tenant(SERVER_TENANT, async (tx) => {
    await updateIdleLimit(tx, IDLE_LIMIT_MS);
    if ((await deleteTopQueued(tx, rows)) !== rows.length) throw new FencedOut("checkpoints have their places already");
    const { from } = await grow(placing, tx, {
      tenantId: SERVER_TENANT,
      log: "top",
      entries: rows.map((row) => row.entry),
    });
    await insertTopLeaves(tx, SERVER_TENANT, from, rows);
  });
}

type Growth = { readonly from: number; readonly to: number; readonly note: string };

/** Adds entries to a log: tiles, head and the signed checkpoint. */
async function grow(
  placing: Placing,
  tx: Tx,
  log: { tenantId: string; log: LogName; entries: readonly Buffer[] },
): Promise<Growth> {
  const { tenantId } = log;
  let head = await lockHead(tx, tenantId, log.log);
  if (head === null) {
    const origin = placing.newOrigin(tenantId, log.log);
    await insertHead(tx, tenantId, { log: log.log, origin, fence: placing.fence });
    head = await lockHead(tx, tenantId, log.log);
  }
  // After the lock: a former holder that stood still before it sees here that it is one.
  if (head === null || (await findFence(tx)) !== placing.fence) throw new FencedOut("another process holds the lease");
  const from = Number(head.size);
  const writer = new TileWriter(from, await listTiles(tx, tenantId, log.log, openTilesOf(from)));
  writer.append(log.entries.map(leafHashOf));
  const [to, root] = [writer.size, writer.root()];
  const note = signCheckpoint(placing.signers(head.origin), { size: to, root });
  if ((await updateHead(tx, tenantId, { log: log.log, from, to, fence: placing.fence })) !== 1) {
    throw new FencedOut("a later holder of the lease has written to this log");
  }
  await insertTiles(tx, tenantId, log.log, writer.changedTiles());
  await insertCheckpoint(tx, tenantId, { log: log.log, size: to, root, note, now: placing.now });
  return { from, to, note };
}

/** What the log above holds of a signed checkpoint. */
export function entryOfCheckpoint(note: string): Buffer {
  return createHash("sha256").update(note, "utf8").digest();
}

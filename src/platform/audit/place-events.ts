import { createHash } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
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
  type QueuedRow,
  type TopRow,
} from "./store/queue.ts";
import { insertGrowth, insertHead, listTiles, lockHead, type HeadRow, type LogName } from "./store/tree.ts";

/** A session that stands still this long is ended by the database; then another process can go on. */
const IDLE_LIMIT_MS = 10_000;

/** Somebody else gives out the indexes now; nothing was written. */
export class FencedOut extends Error {
  override readonly name = "FencedOut";
}

/** What a holder of the lease writes with. */
export type Placing = {
  readonly db: Database;
  /** By which a checkpoint is signed. */
  readonly clock: Clock;
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
  const eventIds = rows.map((row) => row.event_id);
  await grow(placing, {
    log: { tenantId, name: "audit" },
    entries: rows.map((row) => row.entry),
    take: (tx) => deleteQueued(tx, tenantId, eventIds),
    // In the log above, the checkpoint stands by its hash: it says nothing of the tenant to others.
    place: (tx, { from, to, note }) =>
      insertLeaves(tx, tenantId, { from, rows, checkpoint: { size: to, entry: entryOfCheckpoint(note) } }),
  });
}

/** The same for the log above all logs. */
export async function placeCheckpoints(placing: Placing, rows: readonly TopRow[]): Promise<void> {
  await grow(placing, {
    log: { tenantId: SERVER_TENANT, name: "top" },
    entries: rows.map((row) => row.entry),
    take: (tx) => deleteTopQueued(tx, rows),
    place: (tx, { from }) => insertTopLeaves(tx, SERVER_TENANT, from, rows),
  });
}

type WalledLog = { readonly tenantId: string; readonly name: LogName };
type Growth = { readonly from: number; readonly to: number; readonly note: string };
type Growing = {
  readonly log: WalledLog;
  readonly entries: readonly Buffer[];
  /** Takes the entries out of their queue; answers how many were still there. */
  take(tx: Tx): Promise<number>;
  /** Gives them their places. */
  place(tx: Tx, growth: Growth): Promise<number>;
};

/**
 * Moves entries from their queue into a log: tiles, head, the signed checkpoint and the leaves, in four round trips. What is
 * sent together is carried out in its order, and the first failure fails all that follows it.
 */
async function grow(placing: Placing, { log, entries, take, place }: Growing): Promise<void> {
  await placing.db.tenant(log.tenantId, async (tx) => {
    // Before the first lock: whoever stands still with it must not hold up the next holder of the lease for ever.
    const limited = updateIdleLimit(tx, IDLE_LIMIT_MS);
    const [, taken, found] = await Promise.all([limited, take(tx), lockedHead(tx, log)]);
    if (taken !== entries.length) throw new FencedOut("what was taken from the queue has its place already");
    const { head, fence } = found.head === null ? await newHead(placing, tx, log) : found;
    if (head === null || fence !== placing.fence) throw new FencedOut("another process holds the lease");
    const from = Number(head.size);
    const open = from === 0 ? [] : await listTiles(tx, log.tenantId, log.name, openTilesOf(from));
    const writer = new TileWriter(from, open);
    writer.append(entries.map(leafHashOf));
    const [to, root, tiles] = [writer.size, writer.root(), writer.changedTiles()];
    const note = signCheckpoint(placing.signers(head.origin), { size: to, root });
    const row = { log: log.name, from, to, fence: placing.fence, tiles, root, note, signedAt: placing.clock.now() };
    const [moved] = await Promise.all([insertGrowth(tx, log.tenantId, row), place(tx, { from, to, note })]);
    if (moved !== 1) throw new FencedOut("a later holder of the lease has written to this log");
  });
}

type LockedHead = { readonly head: HeadRow | null; readonly fence: number | null };

/** The fence is read after the lock: a former holder that stood still before it sees here that it is one. */
async function lockedHead(tx: Tx, { tenantId, name }: WalledLog): Promise<LockedHead> {
  const [head, fence] = await Promise.all([lockHead(tx, tenantId, name), findFence(tx)]);
  return { head, fence };
}

async function newHead(placing: Placing, tx: Tx, log: WalledLog): Promise<LockedHead> {
  const row = { log: log.name, origin: placing.newOrigin(log.tenantId, log.name), fence: placing.fence };
  const [, locked] = await Promise.all([insertHead(tx, log.tenantId, row), lockedHead(tx, log)]);
  return locked;
}

/** What the log above holds of a signed checkpoint. */
export function entryOfCheckpoint(note: string): Buffer {
  return createHash("sha256").update(note, "utf8").digest();
}

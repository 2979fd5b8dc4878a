import type { Database, Tx } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { proofText } from "../tlog/note.ts";
import { TreeReader } from "../tlog/tree-reader.ts";
import { findTopLeaf } from "./store/queue.ts";
import { findCheckpoint, findLeaf, findTile, type CheckpointRow, type LogName } from "./store/tree.ts";

/** All that is needed to check one event alone, with nothing but the log's verifier key. */
export type AuditProof = {
  readonly index: number;
  readonly leafHash: Buffer;
  /** SHA-256 of salt and event; the leaf hash is SHA-256 of 0x00 and this. */
  readonly entry: Buffer;
  readonly salt: Buffer;
  /** Canonical JSON (RFC 8785), the very text that was hashed. */
  readonly event: string;
  readonly path: readonly Buffer[];
  /** A signed note (C2SP tlog-checkpoint). */
  readonly checkpoint: string;
  /** The same as C2SP tlog-proof. */
  readonly proofText: string;
};

/** The proof against the newest checkpoint; null until the event has its index there, within a second of its commit. */
export async function proveEvent(db: Database, tenantId: string, eventId: string): Promise<AuditProof | null> {
  const { proofs } = await proveEvents(db, tenantId, [eventId]);
  return proofs[0] ?? null;
}

/**
 * Proofs of several events, in their order, all against one checkpoint, the newest, so that one key verifies them all; null
 * for an event that has no index there yet, and for the checkpoint before a log's first.
 */
export async function proveEvents(
  db: Database,
  tenantId: string,
  eventIds: readonly string[],
): Promise<{ readonly checkpoint: string | null; readonly proofs: readonly (AuditProof | null)[] }> {
  return db.tenant(tenantId, async (tx) => {
    const checkpoint = await findCheckpoint(tx, tenantId, "audit");
    if (checkpoint === null) return { checkpoint, proofs: eventIds.map(() => null) };
    const proofs: (AuditProof | null)[] = [];
    for (const eventId of eventIds) proofs.push(await proveEventIn(tx, tenantId, eventId, checkpoint));
    return { checkpoint: checkpoint.note, proofs };
  });
}

/** That this checkpoint of the log covers an event, within the caller's transaction; null where it does not. */
export async function proveEventIn(
  tx: Tx,
  tenantId: string,
  eventId: string,
  checkpoint: CheckpointRow,
): Promise<AuditProof | null> {
  const leaf = await findLeaf(tx, tenantId, eventId);
  if (leaf === null || leaf.event === null || leaf.salt === null || leaf.leaf_hash === null) return null;
  const { note } = checkpoint;
  const index = Number(leaf.index);
  if (index >= Number(checkpoint.size)) return null;
  const path = await treeOf(tx, tenantId, "audit").inclusionPath(index, Number(checkpoint.size));
  const text = proofText({ index, path, checkpoint: note });
  const { entry, salt, event, leaf_hash: leafHash } = leaf;
  return { index, leafHash, entry, salt, event, path, checkpoint: note, proofText: text };
}

/** That the log above holds a tenant's checkpoint: index, path and the signed root of the log above, or null. */
export async function proveCheckpoint(
  db: Database,
  tenantId: string,
  size: number,
): Promise<{ index: number; entry: Buffer; path: Buffer[]; checkpoint: string; proofText: string } | null> {
  return db.tenant(SERVER_TENANT, async (tx) => {
    const leaf = await findTopLeaf(tx, SERVER_TENANT, { tenantId, size });
    const top: CheckpointRow | null = await findCheckpoint(tx, SERVER_TENANT, "top");
    if (leaf === null || top === null || Number(leaf.index) >= Number(top.size)) return null;
    const index = Number(leaf.index);
    const path = await treeOf(tx, SERVER_TENANT, "top").inclusionPath(index, Number(top.size));
    const text = proofText({ index, path, checkpoint: top.note });
    return { index, entry: leaf.entry, path, checkpoint: top.note, proofText: text };
  });
}

/** Reads the tree of a log within a transaction. */
export function treeOf(tx: Tx, tenantId: string, log: LogName): TreeReader {
  return new TreeReader((level, index) => tileOf(tx, tenantId, { log, level, index }));
}

/** A tile that a signed tree needs is there. */
export async function tileOf(
  tx: Tx,
  tenantId: string,
  tile: { log: LogName; level: number; index: number },
): Promise<Buffer> {
  const hashes = await findTile(tx, tenantId, tile);
  if (hashes === null) throw new Error(`tile ${tile.level}/${tile.index} of the log ${tile.log} is missing`);
  return hashes;
}

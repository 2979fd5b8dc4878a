import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

/** `audit`: what happened to a tenant. `top`: over the checkpoints of all tenants, behind the server's own wall. */
export type LogName = "audit" | "top";

export type CheckpointRow = { readonly size: string; readonly root: Buffer; readonly note: string };

/** The newest signed checkpoint, or null before the first. */
export async function findCheckpoint(tx: Tx, tenantId: string, log: LogName): Promise<CheckpointRow | null> {
  return tx.one(sql<CheckpointRow>`
    select size, root, note from platform.log_checkpoints
     where tenant_id = ${tenantId} and log = ${log}
     order by size desc
     limit 1`);
}

/** The hashes of a tile as far as it is full, or null. */
export async function findTile(
  tx: Tx,
  tenantId: string,
  tile: { log: LogName; level: number; index: number },
): Promise<Buffer | null> {
  const row = await tx.one(sql<{ hashes: Buffer }>`
    select hashes from platform.log_tiles
     where tenant_id = ${tenantId} and log = ${tile.log} and level = ${tile.level} and tile_index = ${tile.index}`);
  return row?.hashes ?? null;
}

/** Entries of the audit log, one index after the other; fewer where the log ends. */
export async function listEntries(
  tx: Tx,
  tenantId: string,
  range: { from: number; count: number },
): Promise<{ entry: Buffer }[]> {
  return tx.many(sql<{ entry: Buffer }>`
    select entry from platform.audit_leaves
     where tenant_id = ${tenantId} and index >= ${range.from} and index < ${range.from + range.count}
     order by index`);
}

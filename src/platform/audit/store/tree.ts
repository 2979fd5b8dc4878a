import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

/** `audit`: what happened to a tenant. `top`: over the checkpoints of all tenants, behind the server's own wall. */
export type LogName = "audit" | "top";

export type TilePlace = { readonly level: number; readonly index: number };

/** A tile's hashes as far as it is full. */
export type StoredTile = TilePlace & { readonly hashes: Buffer };

export type HeadRow = { readonly origin: string; readonly size: string; readonly fence: string };

export async function findHead(tx: Tx, tenantId: string, log: LogName): Promise<HeadRow | null> {
  return tx.one(sql<HeadRow>`
    select origin, size, fence from platform.log_heads where tenant_id = ${tenantId} and log = ${log}`);
}

/** Zero rows: there is one. */
export async function insertHead(
  tx: Tx,
  tenantId: string,
  head: { log: LogName; origin: string; fence: number },
): Promise<number> {
  return tx.run(sql`
    insert into platform.log_heads (tenant_id, log, origin, size, fence)
    values (${tenantId}, ${head.log}, ${head.origin}, 0, ${head.fence})
    on conflict (tenant_id, log) do nothing`);
}

/** Nobody else gives out indexes of this log until the transaction ends. */
export async function lockHead(tx: Tx, tenantId: string, log: LogName): Promise<HeadRow | null> {
  return tx.one(sql<HeadRow>`
    select origin, size, fence from platform.log_heads where tenant_id = ${tenantId} and log = ${log} for update`);
}

export type CheckpointRow = { readonly size: string; readonly root: Buffer; readonly note: string };

/** The newest signed checkpoint, or null before the first. */
export async function findCheckpoint(tx: Tx, tenantId: string, log: LogName): Promise<CheckpointRow | null> {
  return tx.one(sql<CheckpointRow>`
    select size, root, note from platform.log_checkpoints
     where tenant_id = ${tenantId} and log = ${log}
     order by size desc
     limit 1`);
}

/** The signed checkpoint of exactly this size, or null when none was signed there. */
export async function findCheckpointOfSize(
  tx: Tx,
  tenantId: string,
  log: LogName,
  size: number,
): Promise<CheckpointRow | null> {
  return tx.one(sql<CheckpointRow>`
    select size, root, note from platform.log_checkpoints
     where tenant_id = ${tenantId} and log = ${log} and size = ${size}`);
}

/** Checkpoints larger than `after`, the smallest first. */
export async function listCheckpoints(
  tx: Tx,
  tenantId: string,
  log: LogName,
  page: { after: number; limit: number },
): Promise<CheckpointRow[]> {
  return tx.many(sql<CheckpointRow>`
    select size, root, note from platform.log_checkpoints
     where tenant_id = ${tenantId} and log = ${log} and size > ${page.after}
     order by size
     limit ${page.limit}`);
}

/** The signed checkpoints of these sizes, in no order; none where none was signed. */
export async function listCheckpointsOfSizes(
  tx: Tx,
  tenantId: string,
  log: LogName,
  sizes: readonly number[],
): Promise<CheckpointRow[]> {
  return tx.many(sql<CheckpointRow>`
    select size, root, note from platform.log_checkpoints
     where tenant_id = ${tenantId} and log = ${log} and size = any(${[...sizes]}::bigint[])`);
}

/** What a log gets when leaves are added: from the size that was found on, under this fence. */
export type GrowthRow = {
  readonly log: LogName;
  readonly from: number;
  readonly to: number;
  readonly fence: number;
  /** Those that are there already are replaced by what they have grown to. */
  readonly tiles: readonly StoredTile[];
  readonly root: Buffer;
  readonly note: string;
  readonly signedAt: Date;
};

/**
 * Head, tiles and signed checkpoint in one round trip. Zero rows: the log has grown meanwhile, or a later holder of the lease
 * has written to it; the transaction must end without a commit.
 */
export async function insertGrowth(tx: Tx, tenantId: string, row: GrowthRow): Promise<number> {
  const { log, tiles } = row;
  return tx.run(sql`
    with moved as (
      update platform.log_heads set size = ${row.to}, fence = ${row.fence}
       where tenant_id = ${tenantId} and log = ${log} and size = ${row.from} and fence <= ${row.fence}
      returning size
    ), grown as (
      insert into platform.log_tiles (tenant_id, log, level, tile_index, hashes)
      select ${tenantId}, ${log}, t.level, t.tile_index, t.hashes
        from unnest(${tiles.map((tile) => tile.level)}::int[], ${tiles.map((tile) => tile.index)}::bigint[],
                    ${tiles.map((tile) => tile.hashes)}::bytea[]) as t (level, tile_index, hashes)
      on conflict (tenant_id, log, level, tile_index) do update set hashes = excluded.hashes
    )
    insert into platform.log_checkpoints (tenant_id, log, size, root, note, signed_at)
    select ${tenantId}, ${log}, moved.size, ${row.root}, ${row.note}, ${row.signedAt} from moved`);
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

export async function listTiles(
  tx: Tx,
  tenantId: string,
  log: LogName,
  places: readonly TilePlace[],
): Promise<StoredTile[]> {
  const rows = await tx.many(sql<{ level: number; tile_index: string; hashes: Buffer }>`
    select t.level, t.tile_index, t.hashes
      from platform.log_tiles t
      join unnest(${places.map((place) => place.level)}::int[], ${places.map((place) => place.index)}::bigint[])
           as wanted (level, tile_index) on wanted.level = t.level and wanted.tile_index = t.tile_index
     where t.tenant_id = ${tenantId} and t.log = ${log}`);
  return rows.map((row) => ({ level: row.level, index: Number(row.tile_index), hashes: row.hashes }));
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

export type LeafRow = {
  readonly index: string;
  readonly entry: Buffer;
  /** Null when the event was erased. */
  readonly event: string | null;
  readonly salt: Buffer | null;
  readonly leaf_hash: Buffer | null;
};

/** A leaf with the columns that repeat what its event says, for those who look for records by them. */
export type LeafWithColumns = LeafRow & {
  readonly at: Date | null;
  readonly action: string | null;
  readonly actor_type: string | null;
  readonly actor_id: string | null;
  readonly bucket: string | null;
  readonly resource_type: string | null;
  readonly resource_id: string | null;
  readonly outcome: string | null;
};

/** Leaves with their events, in the order of their indexes. */
export async function listLeaves(
  tx: Tx,
  tenantId: string,
  range: { from: number; count: number },
): Promise<LeafWithColumns[]> {
  return tx.many(sql<LeafWithColumns>`
    select l.index, l.entry, e.event, e.salt, e.leaf_hash, e.at, e.action, e.actor_type, e.actor_id, e.bucket,
           e.resource_type, e.resource_id, e.outcome
      from platform.audit_leaves l
      left join platform.audit_events e on e.tenant_id = l.tenant_id and e.id = l.event_id
     where l.tenant_id = ${tenantId} and l.index >= ${range.from} and l.index < ${range.from + range.count}
     order by l.index`);
}

export async function findLeaf(tx: Tx, tenantId: string, eventId: string): Promise<LeafRow | null> {
  return tx.one(sql<LeafRow>`
    select l.index, l.entry, e.event, e.salt, e.leaf_hash
      from platform.audit_leaves l
      join platform.audit_events e on e.tenant_id = l.tenant_id and e.id = l.event_id
     where l.tenant_id = ${tenantId} and l.event_id = ${eventId}`);
}

/** Events that have neither a place in the log nor one in the queue: nobody ever gives them one. */
export async function countLostEvents(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`
    select count(*) as count
      from platform.audit_events e
     where e.tenant_id = ${tenantId}
       and not exists (select 1 from platform.audit_leaves l where l.tenant_id = e.tenant_id and l.event_id = e.id)
       and not exists (select 1 from platform.audit_queue q where q.tenant_id = e.tenant_id and q.event_id = e.id)`);
  return Number(row?.count);
}

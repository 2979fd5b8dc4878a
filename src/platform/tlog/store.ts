import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { Tile, TilePlace } from "./tiles.ts";

/** A log of a tenant: its own audit log, or the server's log over all checkpoints. */
export type LogName = "audit" | "top";

export type HeadRow = { origin: string; size: string };

/** Zero rows: the log is there already. */
export async function insertHead(
  tx: Tx,
  tenantId: string,
  head: { log: LogName; origin: string; fence: number },
): Promise<number> {
  return tx.run(sql`
    insert into platform.log_heads (tenant_id, log, origin, size, fence)
    values (${tenantId}, ${head.log}, ${head.origin}, 0, ${head.fence})
    on conflict do nothing`);
}

/**
 * Takes the head for a holder of the lease until the transaction ends. Null: there is no such log, or somebody with a
 * higher fence was here.
 */
export async function updateHeadFence(
  tx: Tx,
  tenantId: string,
  head: { log: LogName; fence: number },
): Promise<HeadRow | null> {
  return tx.one(sql<HeadRow>`
    update platform.log_heads set fence = ${head.fence}
     where tenant_id = ${tenantId} and log = ${head.log} and fence <= ${head.fence}
    returning origin, size`);
}

/** Moves a head from one size to the next. Zero rows: it is not where the caller believes. */
export async function updateHeadSize(
  tx: Tx,
  tenantId: string,
  head: { log: LogName; fence: number; from: number; to: number },
): Promise<number> {
  return tx.run(sql`
    update platform.log_heads set size = ${head.to}
     where tenant_id = ${tenantId} and log = ${head.log} and size = ${head.from} and fence = ${head.fence}`);
}

type TileRow = { level: number; tile_index: string; hashes: Buffer };

/** Those of `places` that exist. */
export async function listTiles(tx: Tx, tenantId: string, log: LogName, places: readonly TilePlace[]): Promise<Tile[]> {
  const rows = await tx.many(sql<TileRow>`
    select tile.level, tile.tile_index, tile.hashes
      from unnest(${places.map((place) => place.level)}::integer[], ${places.map((place) => place.index)}::bigint[])
           as wanted (level, tile_index)
      join platform.log_tiles as tile
        on tile.tenant_id = ${tenantId} and tile.log = ${log}
       and tile.level = wanted.level and tile.tile_index = wanted.tile_index`);
  return rows.map((row) => ({ level: row.level, index: Number(row.tile_index), hashes: row.hashes }));
}

/** Adds tiles, or widens those that are there. */
export async function updateTiles(tx: Tx, tenantId: string, log: LogName, tiles: readonly Tile[]): Promise<number> {
  return tx.run(sql`
    insert into platform.log_tiles (tenant_id, log, level, tile_index, hashes)
    select ${tenantId}, ${log}, tile.level, tile.tile_index, tile.hashes
      from unnest(${tiles.map((tile) => tile.level)}::integer[], ${tiles.map((tile) => tile.index)}::bigint[],
                  ${tiles.map((tile) => tile.hashes)}::bytea[]) as tile (level, tile_index, hashes)
    on conflict (tenant_id, log, level, tile_index) do update set hashes = excluded.hashes`);
}

export type CheckpointRow = { size: string; root: Buffer; note: string; key_id: string };

export async function insertCheckpoint(
  tx: Tx,
  tenantId: string,
  row: { log: LogName; size: number; root: Buffer; note: string; keyId: string; at: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.log_checkpoints (tenant_id, log, size, root, note, key_id, signed_at)
    values (${tenantId}, ${row.log}, ${row.size}, ${row.root}, ${row.note}, ${row.keyId}, ${row.at})`);
}

/** The checkpoint of that size, or the newest. */
export async function findCheckpoint(
  tx: Tx,
  tenantId: string,
  log: LogName,
  size: number | null,
): Promise<CheckpointRow | null> {
  return tx.one(sql<CheckpointRow>`
    select size, root, note, key_id
      from platform.log_checkpoints
     where tenant_id = ${tenantId} and log = ${log} and (${size}::bigint is null or size = ${size}::bigint)
     order by size desc limit 1`);
}

export async function findOrigin(tx: Tx, tenantId: string, log: LogName): Promise<string | null> {
  const row = await tx.one(sql<{ origin: string }>`
    select origin from platform.log_heads where tenant_id = ${tenantId} and log = ${log}`);
  return row?.origin ?? null;
}

/**
 * Takes or prolongs the lease, by the database's clock. `isForced` takes it from whoever has it. Null: somebody else
 * has it. The fence grows with each change of hands.
 */
export async function updateLease(
  tx: Tx,
  lease: { name: string; holder: string; seconds: number; isForced: boolean },
): Promise<number | null> {
  const row = await tx.one(sql<{ fence: string }>`
    insert into platform.log_lease as lease (name, holder, fence, ends_at)
    values (${lease.name}, ${lease.holder}, 1, clock_timestamp() + make_interval(secs => ${lease.seconds}))
    on conflict (name) do update
       set holder = excluded.holder, ends_at = excluded.ends_at,
           fence = lease.fence + (case when lease.holder = excluded.holder then 0 else 1 end)
     where lease.holder = excluded.holder or lease.ends_at < clock_timestamp() or ${lease.isForced}
    returning fence`);
  return row === null ? null : Number(row.fence);
}

/** Ends a lease at once. Zero rows: somebody else has it. */
export async function updateLeaseEnd(tx: Tx, lease: { name: string; holder: string }): Promise<number> {
  return tx.run(sql`
    update platform.log_lease set ends_at = clock_timestamp() - interval '1 second'
     where name = ${lease.name} and holder = ${lease.holder}`);
}

export async function findFence(tx: Tx, name: string): Promise<number> {
  const row = await tx.one(sql<{ fence: string }>`select fence from platform.log_lease where name = ${name}`);
  return Number(row?.fence ?? 0);
}

export type KeyRow = { generation: number; id: string; public_key: Buffer; sealed_private_key: Buffer };

/** Zero rows: another process made this generation first. */
export async function insertKey(
  tx: Tx,
  serverTenant: string,
  row: { generation: number; id: string; publicKey: Buffer; sealedPrivateKey: Buffer; at: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.log_keys (tenant_id, generation, id, public_key, sealed_private_key, created_at)
    values (${serverTenant}, ${row.generation}, ${row.id}, ${row.publicKey}, ${row.sealedPrivateKey}, ${row.at})
    on conflict (tenant_id, generation) do nothing`);
}

/** The newest first. */
export async function listKeys(tx: Tx, serverTenant: string): Promise<KeyRow[]> {
  return tx.many(sql<KeyRow>`
    select generation, id, public_key, sealed_private_key
      from platform.log_keys where tenant_id = ${serverTenant} order by generation desc`);
}

import type { Json } from "./secufile-client.ts";
import type { TileOf } from "./tlog-verifier.ts";

/** Asks a database, behind whatever wall the rows stand. */
export type Query = (text: string, values: readonly unknown[]) => Promise<Json[]>;

export type SeenLog = {
  readonly leaves: readonly {
    index: string;
    event_id: string;
    entry: Buffer;
    event: string;
    salt: Buffer;
    leaf_hash: Buffer;
  }[];
  readonly tiles: ReadonlyMap<string, Buffer>;
  readonly checkpoints: readonly { size: string; root: Buffer; note: string }[];
  readonly tileOf: TileOf;
};

/** All that is kept of a tenant's log, as a monitor would read it. */
export async function seenLogOf(query: Query, tenantId: string): Promise<SeenLog> {
  const leaves = await query(
    `select l.index, l.event_id, l.entry, e.event, e.salt, e.leaf_hash
       from platform.audit_leaves l
       left join platform.audit_events e on e.tenant_id = l.tenant_id and e.id = l.event_id
      where l.tenant_id = $1 order by l.index`,
    [tenantId],
  );
  const rows: { level: number; tile_index: string; hashes: Buffer }[] = await query(
    "select level, tile_index, hashes from platform.log_tiles where tenant_id = $1 and log = 'audit'",
    [tenantId],
  );
  const checkpoints = await query(
    "select size, root, note from platform.log_checkpoints where tenant_id = $1 and log = 'audit' order by size",
    [tenantId],
  );
  const tiles = new Map(rows.map((row) => [`${row.level}/${row.tile_index}`, row.hashes]));
  const tileOf: TileOf = (level, index, width) =>
    (tiles.get(`${level}/${index}`) ?? Buffer.alloc(0)).subarray(0, width * 32);
  return { leaves, tiles, checkpoints, tileOf };
}

export type SeenTopLog = {
  readonly leaves: readonly { index: string; log_tenant_id: string; log_size: string; entry: Buffer }[];
  /** Every checkpoint of a tenant's log. */
  readonly below: readonly { tenant_id: string; size: string; note: string }[];
  /** The signed checkpoints of the log itself. */
  readonly notes: readonly string[];
};

/** All that is kept of the log above all tenants' logs, and what should stand in it; `queryAll` sees all tenants. */
export async function seenTopLogOf(query: Query, queryAll: Query): Promise<SeenTopLog> {
  const leaves = await query(
    "select index, log_tenant_id, log_size, entry from platform.top_leaves order by index",
    [],
  );
  const below = await queryAll("select tenant_id, size, note from platform.log_checkpoints where log = 'audit'", []);
  const tops: { note: string }[] = await query(
    "select note from platform.log_checkpoints where log = 'top' order by size",
    [],
  );
  return { leaves, below, notes: tops.map((row) => row.note) };
}

import { sql, type Statement } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type QueuedRow = { readonly tenant_id: string; readonly event_id: string; readonly entry: Buffer };

/** Events without an index, of tenants after `after` in the order of their ids. */
export async function listQueued(tx: Tx, after: string, limit: number): Promise<QueuedRow[]> {
  return tx.many(sql<QueuedRow>`
    select tenant_id, event_id, entry from platform.audit_queue
     where tenant_id > ${after}
     order by tenant_id, event_id
     limit ${limit}`);
}

/** Fewer rows than ids: another one has given some of them their index. */
export async function deleteQueued(tx: Tx, tenantId: string, eventIds: readonly string[]): Promise<number> {
  return tx.run(sql`
    delete from platform.audit_queue where tenant_id = ${tenantId} and event_id = any(${[...eventIds]}::text[])`);
}

/** Whether events or checkpoints wait for a place, in one statement: it is asked four times a second. */
export function findWaiting(): Statement<{ is_waiting: boolean }> {
  return sql<{ is_waiting: boolean }>`
    select exists (select from platform.audit_queue) or exists (select from platform.top_queue) as is_waiting`;
}

export async function countQueued(tx: Tx): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`select count(*) as count from platform.audit_queue`);
  return Number(row?.count);
}

/**
 * Indexes from `from` on, in the order given; and the checkpoint over them gets its place in the queue of the log above. One
 * round trip.
 */
export async function insertLeaves(
  tx: Tx,
  tenantId: string,
  leaves: { from: number; rows: readonly QueuedRow[]; checkpoint: { size: number; entry: Buffer } },
): Promise<number> {
  const { from, rows, checkpoint } = leaves;
  return tx.run(sql`
    with queued as (
      insert into platform.top_queue (tenant_id, size, entry) values (${tenantId}, ${checkpoint.size}, ${checkpoint.entry})
    )
    insert into platform.audit_leaves (tenant_id, index, event_id, entry)
    select ${tenantId}, ${from}::bigint + q.place - 1, q.event_id, q.entry
      from rows from (unnest(${rows.map((row) => row.event_id)}::text[]), unnest(${rows.map((row) => row.entry)}::bytea[]))
           with ordinality as q (event_id, entry, place)`);
}

export type TopRow = { readonly tenant_id: string; readonly size: string; readonly entry: Buffer };

export async function listTopQueued(tx: Tx, limit: number): Promise<TopRow[]> {
  return tx.many(sql<TopRow>`
    select tenant_id, size, entry from platform.top_queue order by tenant_id, size limit ${limit}`);
}

/** Fewer rows than given: another one has given some of them their index. */
export async function deleteTopQueued(tx: Tx, rows: readonly TopRow[]): Promise<number> {
  return tx.run(sql`
    delete from platform.top_queue q
     using unnest(${rows.map((row) => row.tenant_id)}::text[], ${rows.map((row) => row.size)}::bigint[])
           as d (tenant_id, size)
     where q.tenant_id = d.tenant_id and q.size = d.size`);
}

/** `serverTenantId` is the wall that the log above stands behind. */
export async function insertTopLeaves(
  tx: Tx,
  serverTenantId: string,
  from: number,
  rows: readonly TopRow[],
): Promise<number> {
  return tx.run(sql`
    insert into platform.top_leaves (tenant_id, index, log_tenant_id, log_size, entry)
    select ${serverTenantId}, ${from}::bigint + q.place - 1, q.log_tenant_id, q.log_size, q.entry
      from rows from (unnest(${rows.map((row) => row.tenant_id)}::text[]), unnest(${rows.map((row) => row.size)}::bigint[]),
                      unnest(${rows.map((row) => row.entry)}::bytea[]))
           with ordinality as q (log_tenant_id, log_size, entry, place)`);
}

/** Leaves of the log above, one index after the other; fewer where it ends. */
export async function listTopEntries(
  tx: Tx,
  serverTenantId: string,
  range: { from: number; count: number },
): Promise<{ index: string; entry: Buffer }[]> {
  return tx.many(sql<{ index: string; entry: Buffer }>`
    select index, entry from platform.top_leaves
     where tenant_id = ${serverTenantId} and index >= ${range.from} and index < ${range.from + range.count}
     order by index`);
}

/** Where a tenant's checkpoint stands in the log above, or null while it has no place there. */
export async function findTopLeaf(
  tx: Tx,
  serverTenantId: string,
  log: { tenantId: string; size: number },
): Promise<{ index: string; entry: Buffer } | null> {
  return tx.one(sql<{ index: string; entry: Buffer }>`
    select index, entry from platform.top_leaves
     where tenant_id = ${serverTenantId} and log_tenant_id = ${log.tenantId} and log_size = ${log.size}`);
}

/** A checkpoint of a tenant as the log above has it, or is to have it. */
export type PlacedCheckpoint = { readonly size: string; readonly entry: Buffer };

/** Places of a tenant's checkpoints larger than `after`, the smallest first. */
export async function listTopLeavesOf(
  tx: Tx,
  serverTenantId: string,
  logTenantId: string,
  page: { after: number; limit: number },
): Promise<PlacedCheckpoint[]> {
  return tx.many(sql<PlacedCheckpoint>`
    select log_size as size, entry from platform.top_leaves
     where tenant_id = ${serverTenantId} and log_tenant_id = ${logTenantId} and log_size > ${page.after}
     order by log_size
     limit ${page.limit}`);
}

/** Those that wait for their place, larger than `after`, the smallest first. */
export async function listTopQueuedOf(
  tx: Tx,
  tenantId: string,
  page: { after: number; limit: number },
): Promise<PlacedCheckpoint[]> {
  return tx.many(sql<PlacedCheckpoint>`
    select size, entry from platform.top_queue
     where tenant_id = ${tenantId} and size > ${page.after}
     order by size
     limit ${page.limit}`);
}

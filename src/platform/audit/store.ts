import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { AuditEntry } from "./audit.ts";

/** The event and its place in the queue, in one statement and so in one round trip. */
export async function insertAuditEvent(
  tx: Tx,
  tenantId: string,
  row: { id: string; entry: AuditEntry; event: string; salt: Buffer; salted: Buffer; leafHash: Buffer },
): Promise<number> {
  const { entry } = row;
  return tx.run(sql`
    with added as (
      insert into platform.audit_events
        (tenant_id, id, at, action, actor_type, actor_id, bucket, resource_type, resource_id, outcome, event, salt, leaf_hash)
      values (${tenantId}, ${row.id}, ${entry.at}, ${entry.action}, ${entry.actor.type}, ${entry.actor.id},
              ${entry.bucket ?? null}, ${entry.resource?.type ?? null}, ${entry.resource?.id ?? null}, ${entry.outcome},
              ${row.event}, ${row.salt}, ${row.leafHash})
      returning tenant_id, id
    )
    insert into platform.audit_queue (tenant_id, event_id, entry) select tenant_id, id, ${row.salted}::bytea from added`);
}

/** Tenants with events in the queue, in the order of their ids. One index probe a tenant. */
export async function listTenantsWithQueuedAudit(
  tx: Tx,
  options: { afterTenantId: string; limit: number },
): Promise<string[]> {
  const rows = await tx.many(sql<{ tenant_id: string }>`
    with recursive waiting as (
      (select tenant_id from platform.audit_queue
        where tenant_id > ${options.afterTenantId} order by tenant_id limit 1)
      union all
      select (select queue.tenant_id from platform.audit_queue as queue
               where queue.tenant_id > waiting.tenant_id order by queue.tenant_id limit 1)
        from waiting
       where waiting.tenant_id is not null
    )
    select tenant_id from waiting where tenant_id is not null limit ${options.limit}`);
  return rows.map((row) => row.tenant_id);
}

export type QueuedEntryRow = { event_id: string; entry: Buffer };

/** Takes events out of the queue by their presence: one that commits late is found later, whatever its id. */
export async function deleteQueuedAudit(tx: Tx, tenantId: string, limit: number): Promise<QueuedEntryRow[]> {
  return tx.many(sql<QueuedEntryRow>`
    with taken as (
      delete from platform.audit_queue
       where tenant_id = ${tenantId}
         and event_id in (select event_id from platform.audit_queue
                           where tenant_id = ${tenantId} order by event_id limit ${limit})
      returning event_id, entry
    )
    select event_id, entry from taken order by event_id`);
}

export async function insertAuditLeaves(
  tx: Tx,
  tenantId: string,
  leaves: { start: number; eventIds: readonly string[]; entries: readonly Buffer[] },
): Promise<number> {
  return tx.run(sql`
    insert into platform.audit_leaves (tenant_id, index, event_id, entry)
    select ${tenantId}, ${leaves.start}::bigint + leaf.place - 1, leaf.event_id, leaf.entry
      from unnest(${[...leaves.eventIds]}::text[], ${[...leaves.entries]}::bytea[])
           with ordinality as leaf (event_id, entry, place)`);
}

export type ProvedEventRow = { index: string; entry: Buffer; salt: Buffer; event: string };

/** An event with its index; null while it has none, and when salt and event were erased. */
export async function findProvedEvent(tx: Tx, tenantId: string, eventId: string): Promise<ProvedEventRow | null> {
  return tx.one(sql<ProvedEventRow>`
    select leaf.index, leaf.entry, event.salt, event.event
      from platform.audit_leaves as leaf
      join platform.audit_events as event on event.tenant_id = leaf.tenant_id and event.id = leaf.event_id
     where leaf.tenant_id = ${tenantId} and leaf.event_id = ${eventId}`);
}

/** Entries of an audit log from `start` on, in the order of their indexes. */
export async function listAuditEntries(
  tx: Tx,
  tenantId: string,
  range: { start: number; limit: number },
): Promise<Buffer[]> {
  const rows = await tx.many(sql<{ entry: Buffer }>`
    select entry from platform.audit_leaves
     where tenant_id = ${tenantId} and index >= ${range.start}
     order by index limit ${range.limit}`);
  return rows.map((row) => row.entry);
}

export async function countQueuedAudit(tx: Tx): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`select count(*) as count from platform.audit_queue`);
  return Number(row?.count);
}

export async function insertTopQueue(tx: Tx, tenantId: string, row: { size: number; entry: Buffer }): Promise<number> {
  return tx.run(sql`
    insert into platform.log_top_queue (tenant_id, size, entry) values (${tenantId}, ${row.size}, ${row.entry})`);
}

export type QueuedCheckpointRow = { tenant_id: string; size: string; entry: Buffer };

/** Takes checkpoints out of the top log's queue by their presence. */
export async function deleteTopQueue(tx: Tx, limit: number): Promise<QueuedCheckpointRow[]> {
  return tx.many(sql<QueuedCheckpointRow>`
    with taken as (
      delete from platform.log_top_queue
       where (tenant_id, size) in (select tenant_id, size from platform.log_top_queue
                                    order by tenant_id, size limit ${limit})
      returning tenant_id, size, entry
    )
    select tenant_id, size, entry from taken order by tenant_id, size`);
}

export async function countTopQueue(tx: Tx): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`select count(*) as count from platform.log_top_queue`);
  return Number(row?.count);
}

export async function insertTopLeaves(
  tx: Tx,
  serverTenant: string,
  leaves: { start: number; tenantIds: readonly string[]; sizes: readonly string[]; entries: readonly Buffer[] },
): Promise<number> {
  return tx.run(sql`
    insert into platform.log_top_leaves (tenant_id, index, logged_tenant_id, logged_size, entry)
    select ${serverTenant}, ${leaves.start}::bigint + leaf.place - 1, leaf.logged_tenant_id, leaf.logged_size, leaf.entry
      from unnest(${[...leaves.tenantIds]}::text[], ${[...leaves.sizes]}::bigint[], ${[...leaves.entries]}::bytea[])
           with ordinality as leaf (logged_tenant_id, logged_size, entry, place)`);
}

/** The index in the top log of a tenant's checkpoint, or null while it has none. */
export async function findTopLeaf(
  tx: Tx,
  serverTenant: string,
  checkpoint: { tenantId: string; size: number },
): Promise<{ index: string; entry: Buffer } | null> {
  return tx.one(sql<{ index: string; entry: Buffer }>`
    select index, entry from platform.log_top_leaves
     where tenant_id = ${serverTenant} and logged_tenant_id = ${checkpoint.tenantId} and logged_size = ${checkpoint.size}`);
}

/** Entries of the top log from `start` on, in the order of their indexes. */
export async function listTopEntries(
  tx: Tx,
  serverTenant: string,
  range: { start: number; limit: number },
): Promise<Buffer[]> {
  const rows = await tx.many(sql<{ entry: Buffer }>`
    select entry from platform.log_top_leaves
     where tenant_id = ${serverTenant} and index >= ${range.start}
     order by index limit ${range.limit}`);
  return rows.map((row) => row.entry);
}

import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { NewEvent } from "./events.ts";

export type EventRow = {
  id: string;
  product: string;
  type: string;
  is_live: boolean;
  data: Record<string, unknown>;
  created_at: Date;
};

export async function insertEvent(tx: Tx, tenantId: string, row: { id: string; event: NewEvent }): Promise<number> {
  const { event } = row;
  return tx.run(sql`
    insert into platform.events (tenant_id, id, product, type, is_live, data, created_at)
    values (${tenantId}, ${row.id}, ${event.product}, ${event.type}, ${event.isLive}, ${JSON.stringify(event.data)}::json,
            ${event.at})`);
}

/** An event and its place in the queue, in one round trip. */
export async function insertQueuedEvent(
  tx: Tx,
  tenantId: string,
  row: { id: string; event: NewEvent },
): Promise<number> {
  const { event } = row;
  return tx.run(sql`
    with queued as (
      insert into platform.event_queue (tenant_id, event_id, created_at) values (${tenantId}, ${row.id}, ${event.at})
    )
    insert into platform.events (tenant_id, id, product, type, is_live, data, created_at)
    values (${tenantId}, ${row.id}, ${event.product}, ${event.type}, ${event.isLive}, ${JSON.stringify(event.data)}::json,
            ${event.at})`);
}

export async function findEvent(tx: Tx, tenantId: string, eventId: string): Promise<EventRow | null> {
  return tx.one(sql<EventRow>`
    select id, product, type, is_live, data, created_at
      from platform.events
     where tenant_id = ${tenantId} and id = ${eventId}`);
}

/** Tenants that have events in the queue, from `afterTenantId` on in the order of their ids. One index probe a tenant. */
export async function listTenantsWithQueuedEvents(
  tx: Tx,
  options: { afterTenantId: string; limit: number },
): Promise<string[]> {
  const rows = await tx.many(sql<{ tenant_id: string }>`
    with recursive waiting as (
      (select tenant_id from platform.event_queue
        where tenant_id > ${options.afterTenantId} order by tenant_id limit 1)
      union all
      select (select queue.tenant_id from platform.event_queue as queue
               where queue.tenant_id > waiting.tenant_id order by queue.tenant_id limit 1)
        from waiting
       where waiting.tenant_id is not null
    )
    select tenant_id from waiting where tenant_id is not null limit ${options.limit}`);
  return rows.map((row) => row.tenant_id);
}

/** Locks the oldest queued events of a tenant that no other transaction holds, and takes them out of the queue. */
export async function deleteQueuedEvents(tx: Tx, tenantId: string, limit: number): Promise<string[]> {
  const rows = await tx.many(sql<{ event_id: string }>`
    delete from platform.event_queue
     where tenant_id = ${tenantId}
       and event_id in (select event_id from platform.event_queue
                         where tenant_id = ${tenantId}
                         order by event_id
                         limit ${limit}
                           for update skip locked)
    returning event_id`);
  return rows.map((row) => row.event_id);
}

/** As `EventRow`, but `data` as the very text that was written: receivers sign for bytes. */
export type EventTextRow = Omit<EventRow, "data"> & { data: string };

export async function listEvents(tx: Tx, tenantId: string, eventIds: readonly string[]): Promise<EventTextRow[]> {
  return tx.many(sql<EventTextRow>`
    select id, product, type, is_live, data::text as data, created_at
      from platform.events
     where tenant_id = ${tenantId} and id = any(${[...eventIds]}::text[])
     order by id`);
}

/** Deletes at most `limit` events whose id sorts before `beforeId`. Zero rows: none is that old. */
export async function deleteEventsBefore(
  tx: Tx,
  tenantId: string,
  options: { beforeId: string; limit: number },
): Promise<number> {
  return tx.run(sql`
    delete from platform.events
     where tenant_id = ${tenantId}
       and id in (select id from platform.events
                   where tenant_id = ${tenantId} and id < ${options.beforeId}
                   order by id
                   limit ${options.limit})`);
}

/** How many events wait to be handed to their receivers. */
export async function countQueuedEvents(tx: Tx): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`select count(*) as count from platform.event_queue`);
  return Number(row?.count);
}

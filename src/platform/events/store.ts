import { sql } from '../db/sql.ts'
import type { Tx } from '../db/tx.ts'
import type { NewEvent } from './events.ts'

export type EventRow = {
  id: string
  product: string
  type: string
  is_live: boolean
  data: Record<string, unknown>
  created_at: Date
}

export async function insertEvent(tx: Tx, tenantId: string, row: { id: string; event: NewEvent }): Promise<number> {
  const { event } = row
  return tx.run(sql`
    insert into platform.events (tenant_id, id, product, type, is_live, data, created_at)
    values (${tenantId}, ${row.id}, ${event.product}, ${event.type}, ${event.isLive}, ${JSON.stringify(event.data)}::json,
            ${event.at})`)
}

export async function insertEventQueue(tx: Tx, tenantId: string, eventId: string, at: Date): Promise<number> {
  return tx.run(sql`
    insert into platform.event_queue (tenant_id, event_id, created_at) values (${tenantId}, ${eventId}, ${at})`)
}

export async function findEvent(tx: Tx, tenantId: string, eventId: string): Promise<EventRow | null> {
  return tx.one(sql<EventRow>`
    select id, product, type, is_live, data, created_at
      from platform.events
     where tenant_id = ${tenantId} and id = ${eventId}`)
}

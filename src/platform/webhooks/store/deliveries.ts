import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";
import type { Position } from "../../db/paging.ts";

export type DeliveryState = "pending" | "delivered" | "failed";

export type DeliveryRow = {
  id: string;
  endpoint_id: string;
  event_id: string;
  seq: string;
  type: string;
  state: DeliveryState;
  attempts: number;
  retries_left: number;
  next_attempt_at: Date | null;
  created_at: Date;
  finished_at: Date | null;
};

export type NewDelivery = {
  readonly id: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly seq: number;
  readonly type: string;
  readonly body: string;
};

export async function insertDeliveries(
  tx: Tx,
  tenantId: string,
  added: { deliveries: readonly NewDelivery[]; retries: number; at: Date },
): Promise<number> {
  const { deliveries, at } = added;
  return tx.run(sql`
    insert into platform.webhook_deliveries
      (tenant_id, id, endpoint_id, event_id, seq, type, body, state, retries_left, next_attempt_at, created_at)
    select ${tenantId}, fresh.id, fresh.endpoint_id, fresh.event_id, fresh.seq, fresh.type, fresh.body, 'pending',
           ${added.retries}, ${at}, ${at}
      from unnest(${deliveries.map((row) => row.id)}::text[], ${deliveries.map((row) => row.endpointId)}::text[],
                  ${deliveries.map((row) => row.eventId)}::text[], ${deliveries.map((row) => row.seq)}::bigint[],
                  ${deliveries.map((row) => row.type)}::text[], ${deliveries.map((row) => row.body)}::text[])
           as fresh (id, endpoint_id, event_id, seq, type, body)`);
}

/** What is needed to send. */
export type ParcelRow = {
  id: string;
  endpoint_id: string;
  event_id: string;
  type: string;
  body: string;
  retries_left: number;
};

/** The pending ones among `deliveryIds`. */
export async function listParcels(tx: Tx, tenantId: string, deliveryIds: readonly string[]): Promise<ParcelRow[]> {
  return tx.many(sql<ParcelRow>`
    select id, endpoint_id, event_id, type, body, retries_left
      from platform.webhook_deliveries
     where tenant_id = ${tenantId} and id = any(${[...deliveryIds]}::text[]) and state = 'pending'
     order by id`);
}

export async function lockDelivery(
  tx: Tx,
  tenantId: string,
  key: { endpointId: string; deliveryId: string },
): Promise<DeliveryRow | null> {
  return tx.one(sql<DeliveryRow>`
    select id, endpoint_id, event_id, seq::text as seq, type, state, attempts, retries_left, next_attempt_at, created_at,
           finished_at
      from platform.webhook_deliveries
     where tenant_id = ${tenantId} and endpoint_id = ${key.endpointId} and id = ${key.deliveryId}
       for update`);
}

/** A page, the newest first, and one row more. */
export async function listDeliveries(
  tx: Tx,
  tenantId: string,
  options: { endpointId: string; state: DeliveryState | null; position: Position },
): Promise<DeliveryRow[]> {
  const { endpointId, state, position } = options;
  return tx.many(sql<DeliveryRow>`
    select id, endpoint_id, event_id, seq::text as seq, type, state, attempts, retries_left, next_attempt_at, created_at,
           finished_at
      from platform.webhook_deliveries
     where tenant_id = ${tenantId} and endpoint_id = ${endpointId}
       and (${state}::text is null or state = ${state})
       and (${position.afterId}::text is null or id < ${position.afterId})
     order by id desc
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** A finished delivery is to be tried once more. Zero rows: there is no such delivery. */
export async function updateReplayed(
  tx: Tx,
  tenantId: string,
  change: { deliveryId: string; retriesLeft: number; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_deliveries
       set state = 'pending', retries_left = ${change.retriesLeft}, next_attempt_at = ${change.at}, finished_at = null
     where tenant_id = ${tenantId} and id = ${change.deliveryId}`);
}

/** What one attempt came to. */
export type AttemptRecord = {
  readonly deliveryId: string;
  readonly state: DeliveryState;
  readonly retriesLeft: number;
  readonly nextAttemptAt: Date | null;
  readonly at: Date;
  readonly statusCode: number | null;
  readonly durationMs: number;
  readonly error: string | null;
  readonly answer: string | null;
};

/** Moves deliveries on and keeps their attempts; one record a delivery. Deliveries that are gone are passed over. */
export async function updateAttempted(tx: Tx, tenantId: string, records: readonly AttemptRecord[]): Promise<number> {
  return tx.run(sql`
    with recorded as (
      update platform.webhook_deliveries as delivery
         set state = fresh.state, attempts = delivery.attempts + 1, retries_left = fresh.retries_left,
             next_attempt_at = fresh.next_attempt_at,
             finished_at = case when fresh.state = 'pending' then null else fresh.at end
        from unnest(${records.map((row) => row.deliveryId)}::text[], ${records.map((row) => row.state)}::text[],
                    ${records.map((row) => row.retriesLeft)}::integer[],
                    ${records.map((row) => row.nextAttemptAt)}::timestamptz[],
                    ${records.map((row) => row.at)}::timestamptz[], ${records.map((row) => row.statusCode)}::integer[],
                    ${records.map((row) => row.durationMs)}::integer[], ${records.map((row) => row.error)}::text[],
                    ${records.map((row) => row.answer)}::text[])
             as fresh (id, state, retries_left, next_attempt_at, at, status_code, duration_ms, error, answer)
       where delivery.tenant_id = ${tenantId} and delivery.id = fresh.id
      returning delivery.id, delivery.attempts, fresh.at, fresh.status_code, fresh.duration_ms, fresh.error, fresh.answer
    )
    insert into platform.webhook_attempts
      (tenant_id, delivery_id, number, at, status_code, duration_ms, error, answer)
    select ${tenantId}, id, attempts, at, status_code, duration_ms, error, answer from recorded`);
}

export type AttemptRow = {
  delivery_id: string;
  number: number;
  at: Date;
  status_code: number | null;
  duration_ms: number;
  error: string | null;
  answer: string | null;
};

/** The last `limit` attempts of each of the deliveries, in their order. */
export async function listAttempts(
  tx: Tx,
  tenantId: string,
  options: { deliveryIds: readonly string[]; limit: number },
): Promise<AttemptRow[]> {
  return tx.many(sql<AttemptRow>`
    select attempt.delivery_id, attempt.number, attempt.at, attempt.status_code, attempt.duration_ms, attempt.error,
           attempt.answer
      from platform.webhook_attempts as attempt
      join platform.webhook_deliveries as delivery
        on delivery.tenant_id = attempt.tenant_id and delivery.id = attempt.delivery_id
     where attempt.tenant_id = ${tenantId} and attempt.delivery_id = any(${[...options.deliveryIds]}::text[])
       and attempt.number > delivery.attempts - ${options.limit}::integer
     order by attempt.delivery_id, attempt.number`);
}

/** Deletes at most `limit` deliveries whose id sorts before `beforeId`, with all that hangs on them. */
export async function deleteDeliveriesBefore(
  tx: Tx,
  tenantId: string,
  options: { beforeId: string; limit: number },
): Promise<number> {
  return tx.run(sql`
    delete from platform.webhook_deliveries
     where tenant_id = ${tenantId}
       and id in (select id from platform.webhook_deliveries
                   where tenant_id = ${tenantId} and id < ${options.beforeId}
                   order by id
                   limit ${options.limit})`);
}

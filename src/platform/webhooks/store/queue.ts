import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

/** Puts deliveries into the queue; one that is there already gets the new time. */
export async function insertQueued(
  tx: Tx,
  tenantId: string,
  added: { deliveries: readonly { readonly id: string; readonly endpointId: string }[]; dueAt: Date },
): Promise<number> {
  const { deliveries, dueAt } = added;
  return tx.run(sql`
    insert into platform.webhook_queue (tenant_id, endpoint_id, delivery_id, due_at)
    select ${tenantId}, fresh.endpoint_id, fresh.id, ${dueAt}
      from unnest(${deliveries.map((row) => row.id)}::text[], ${deliveries.map((row) => row.endpointId)}::text[])
           as fresh (id, endpoint_id)
    on conflict (tenant_id, delivery_id) do update set due_at = excluded.due_at`);
}

/** Zero rows: nothing of them was queued. */
export async function deleteQueued(tx: Tx, tenantId: string, deliveryIds: readonly string[]): Promise<number> {
  return tx.run(sql`
    delete from platform.webhook_queue
     where tenant_id = ${tenantId} and delivery_id = any(${[...deliveryIds]}::text[])`);
}

/** Gives queued deliveries new times. Rows that are gone are passed over. */
export async function updateQueued(
  tx: Tx,
  tenantId: string,
  times: readonly { readonly deliveryId: string; readonly dueAt: Date }[],
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_queue as queued
       set due_at = fresh.due_at
      from unnest(${times.map((row) => row.deliveryId)}::text[], ${times.map((row) => row.dueAt)}::timestamptz[])
           as fresh (delivery_id, due_at)
     where queued.tenant_id = ${tenantId} and queued.delivery_id = fresh.delivery_id`);
}

export async function insertLane(
  tx: Tx,
  tenantId: string,
  lane: { endpointId: string; take: number },
): Promise<number> {
  return tx.run(sql`
    insert into platform.webhook_lanes (tenant_id, endpoint_id, wake_at, paused_until, lease_until, take)
    values (${tenantId}, ${lane.endpointId}, 'infinity', '-infinity', '-infinity', ${lane.take})`);
}

/**
 * Says that lanes have something due at `at`. It locks the rows also where nothing changes: whoever gives a lane back
 * at this moment must come before, or see what was queued.
 */
export async function updateLanesAwake(
  tx: Tx,
  tenantId: string,
  change: { endpointIds: readonly string[]; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_lanes
       set wake_at = least(wake_at, ${change.at})
     where tenant_id = ${tenantId} and endpoint_id = any(${[...change.endpointIds]}::text[])`);
}

/** `pausedUntil` null: until further notice. Zero rows: the endpoint is gone. */
export async function updateLanePaused(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; pausedUntil: Date | null },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_lanes
       set paused_until = coalesce(${change.pausedUntil}, 'infinity'::timestamptz)
     where tenant_id = ${tenantId} and endpoint_id = ${change.endpointId}`);
}

/**
 * Pauses those lanes whose endpoint is disabled, until further notice. To be sent after `lockLanes`: an endpoint that
 * was enabled before the lock is then seen as such. Zero rows: all are active by now.
 */
export async function updateInactiveLanesPaused(
  tx: Tx,
  tenantId: string,
  endpointIds: readonly string[],
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_lanes as lane
       set paused_until = 'infinity'
     where lane.tenant_id = ${tenantId} and lane.endpoint_id = any(${[...endpointIds]}::text[])
       and exists (select 1 from platform.webhook_endpoints as endpoint
                    where endpoint.tenant_id = lane.tenant_id and endpoint.id = lane.endpoint_id
                      and not endpoint.is_active)`);
}

/** The lane may be served at once, as if it had never been paused. Zero rows: the endpoint is gone. */
export async function updateLaneResumed(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; take: number; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_lanes
       set paused_until = '-infinity', take = ${change.take}, wake_at = least(wake_at, ${change.at})
     where tenant_id = ${tenantId} and endpoint_id = ${change.endpointId}`);
}

/** A lane that is now held, with one due delivery; without any, `delivery_id` is null. */
export type ClaimedRow = { tenant_id: string; endpoint_id: string; delivery_id: string | null };

/** Ready lanes that are looked at in one claim; those that wait longest come first. */
const CLAIM_WINDOW = 2_000;

/**
 * Takes ready lanes that nobody holds, the tenants in turn, and reads what is due in them. A lane whose holder's lease
 * has ended is ready again.
 */
export async function lockReadyLanes(
  tx: Tx,
  claim: {
    owner: string;
    now: Date;
    leaseUntil: Date;
    lanes: number;
    perTenant: number;
    fullTenantIds: readonly string[];
  },
): Promise<ClaimedRow[]> {
  return tx.many(sql<ClaimedRow>`
    with ready as (
      select tenant_id, endpoint_id, waiting_since,
             row_number() over (partition by tenant_id order by waiting_since, endpoint_id) as turn
        from (select tenant_id, endpoint_id, greatest(wake_at, paused_until) as waiting_since
                from platform.webhook_lanes
               where greatest(wake_at, paused_until) <= ${claim.now} and lease_until <= ${claim.now}
                 and tenant_id <> all(${[...claim.fullTenantIds]}::text[])
               order by greatest(wake_at, paused_until)
               limit ${CLAIM_WINDOW}) as oldest
    ), chosen as (
      select lane.tenant_id, lane.endpoint_id
        from platform.webhook_lanes as lane
        join ready on ready.tenant_id = lane.tenant_id and ready.endpoint_id = lane.endpoint_id
       where lane.lease_until <= ${claim.now} and ready.turn <= ${claim.perTenant}
       order by ready.turn, ready.waiting_since, lane.endpoint_id
       limit ${claim.lanes}
         for update of lane skip locked
    ), claimed as (
      update platform.webhook_lanes as lane
         set owner = ${claim.owner}, lease_until = ${claim.leaseUntil}
        from chosen
       where lane.tenant_id = chosen.tenant_id and lane.endpoint_id = chosen.endpoint_id
         and lane.lease_until <= ${claim.now}
      returning lane.tenant_id, lane.endpoint_id, lane.take
    )
    select claimed.tenant_id, claimed.endpoint_id, due.delivery_id
      from claimed
      left join lateral (select delivery_id, due_at
                           from platform.webhook_queue as queued
                          where queued.tenant_id = claimed.tenant_id and queued.endpoint_id = claimed.endpoint_id
                            and queued.due_at <= ${claim.now}
                          order by queued.due_at, queued.delivery_id
                          limit claimed.take) as due on true
     order by claimed.tenant_id, claimed.endpoint_id, due.due_at, due.delivery_id`);
}

/** Locks those of the lanes that `owner` still holds, in the order of their ids; answers which. */
export async function lockLanes(
  tx: Tx,
  tenantId: string,
  held: { owner: string; endpointIds: readonly string[] },
): Promise<string[]> {
  const rows = await tx.many(sql<{ endpoint_id: string }>`
    select endpoint_id from platform.webhook_lanes
     where tenant_id = ${tenantId} and endpoint_id = any(${[...held.endpointIds]}::text[]) and owner = ${held.owner}
     order by endpoint_id
       for update`);
  return rows.map((row) => row.endpoint_id);
}

export type GivenBack = {
  readonly endpointId: string;
  readonly take: number;
  /** Null leaves the pause as it is. */
  readonly pausedUntil: Date | null;
};

/**
 * Gives lanes back, behind those that wait. To be sent after `lockLanes`, as a statement of its own: only then it sees
 * everything that was queued before the lock.
 */
export async function updateLanesGivenBack(
  tx: Tx,
  tenantId: string,
  change: { owner: string; lanes: readonly GivenBack[]; now: Date },
): Promise<number> {
  const { lanes } = change;
  return tx.run(sql`
    update platform.webhook_lanes as lane
       set owner = null, lease_until = '-infinity', take = fresh.take,
           paused_until = greatest(lane.paused_until, coalesce(fresh.paused_until, '-infinity')),
           wake_at = greatest(${change.now}::timestamptz,
                              coalesce((select min(queued.due_at)
                                          from platform.webhook_queue as queued
                                         where queued.tenant_id = lane.tenant_id
                                           and queued.endpoint_id = lane.endpoint_id), 'infinity'))
      from unnest(${lanes.map((row) => row.endpointId)}::text[], ${lanes.map((row) => row.take)}::integer[],
                  ${lanes.map((row) => row.pausedUntil)}::timestamptz[]) as fresh (endpoint_id, take, paused_until)
     where lane.tenant_id = ${tenantId} and lane.endpoint_id = fresh.endpoint_id and lane.owner = ${change.owner}`);
}

/** Ends all leases; for a process that knows itself alone on the database. Zero rows: none was held. */
export async function updateAllLanesFree(tx: Tx): Promise<number> {
  return tx.run(sql`
    update platform.webhook_lanes set owner = null, lease_until = '-infinity' where owner is not null`);
}

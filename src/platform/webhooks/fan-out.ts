import type { Database, Tx } from "../db/tx.ts";
import {
  deleteEventsBefore,
  deleteQueuedEvents,
  listEvents,
  listTenantsWithQueuedEvents,
  type EventTextRow,
} from "../events/store.ts";
import { newId } from "../ids/ids.ts";
import type { Log } from "../log/log.ts";
import { envelopeOf } from "./envelope.ts";
import { RETRY_GAPS_MS } from "./schedule.ts";
import { deleteDeliveriesBefore, insertDeliveries, type NewDelivery } from "./store/deliveries.ts";
import { lockSubscriptions, updateNextSeq, type SubscriptionRow } from "./store/endpoints.ts";
import { insertQueued, updateLanesAwake } from "./store/queue.ts";

const TENANTS_A_ROUND = 200;
const EVENTS_A_BATCH = 100;
/** Events and deliveries are kept for that long. What is new makes room by deleting at most twice as much of the old. */
const KEPT_MS = 30 * 24 * 3_600_000;
/** Tenants whose batches run at the same time; each takes a connection. */
const TENANTS_AT_ONCE = 3;

export type FanOut = {
  /** One batch for each tenant that has queued events. Answers how many events went out of the queue. */
  round(): Promise<number>;
};

export function createFanOut(options: { db: Database; log: Log; now: () => Date }): FanOut {
  const { db, log } = options;
  let lastTenantId = "";

  async function nextTenants(): Promise<string[]> {
    const page = { afterTenantId: lastTenantId, limit: TENANTS_A_ROUND };
    const tenantIds = await db.directory((tx) => listTenantsWithQueuedEvents(tx, page));
    lastTenantId = tenantIds.length < TENANTS_A_ROUND ? "" : (tenantIds.at(-1) ?? "");
    if (tenantIds.length > 0 || page.afterTenantId === "") return tenantIds;
    return db.directory((tx) => listTenantsWithQueuedEvents(tx, { ...page, afterTenantId: "" }));
  }

  async function batch(tenantId: string): Promise<number> {
    try {
      return await db.tenant(tenantId, (tx) => fanOutBatch(tx, tenantId, options.now()));
    } catch (error) {
      // The batch is whole in the queue; other tenants must not wait for it.
      log.error({ error, tenantId }, "events could not be handed to their receivers");
      return 0;
    }
  }

  return {
    async round() {
      const waiting = await nextTenants();
      let moved = 0;
      async function work(): Promise<void> {
        for (let tenantId = waiting.shift(); tenantId !== undefined; tenantId = waiting.shift()) {
          moved += await batch(tenantId);
        }
      }
      await Promise.all(Array.from({ length: TENANTS_AT_ONCE }, work));
      return moved;
    },
  };
}

/**
 * Hands a batch of a tenant's queued events to the endpoints that ask for them. All of it commits or none: an event
 * leaves the queue exactly when its deliveries are in theirs.
 */
export async function fanOutBatch(tx: Tx, tenantId: string, now: Date): Promise<number> {
  const eventIds = await deleteQueuedEvents(tx, tenantId, EVENTS_A_BATCH);
  if (eventIds.length === 0) return 0;
  const events = await listEvents(tx, tenantId, eventIds);
  const types = [...new Set(events.map((event) => event.type))];
  const subscriptions = await lockSubscriptions(tx, tenantId, types);
  await addDeliveries(tx, tenantId, { events, subscriptions, now });
  const old = new Date(now.getTime() - KEPT_MS);
  await Promise.all([
    deleteEventsBefore(tx, tenantId, { beforeId: newId("evt", old), limit: 2 * EVENTS_A_BATCH }),
    deleteDeliveriesBefore(tx, tenantId, {
      beforeId: newId("dlv", old),
      limit: 2 * EVENTS_A_BATCH * Math.max(1, subscriptions.length),
    }),
  ]);
  return eventIds.length;
}

/** Makes the deliveries of `events` for locked endpoints, each with the endpoint's next number. */
export async function addDeliveries(
  tx: Tx,
  tenantId: string,
  batch: { events: readonly EventTextRow[]; subscriptions: readonly SubscriptionRow[]; now: Date },
): Promise<NewDelivery[]> {
  const { events, now } = batch;
  const deliveries: NewDelivery[] = [];
  const next: { endpointId: string; nextSeq: number }[] = [];
  for (const subscription of batch.subscriptions) {
    const firstSeq = Number(subscription.next_seq);
    let seq = firstSeq;
    for (const event of events) {
      if (!asksFor(subscription, event)) continue;
      deliveries.push(deliveryOf(event, { id: subscription.id, seq }, now));
      seq += 1;
    }
    if (seq > firstSeq) next.push({ endpointId: subscription.id, nextSeq: seq });
  }
  if (deliveries.length === 0) return [];
  await Promise.all([
    updateNextSeq(tx, tenantId, next),
    insertDeliveries(tx, tenantId, { deliveries, retries: RETRY_GAPS_MS.length, at: now }),
    insertQueued(tx, tenantId, { deliveries, dueAt: now }),
    updateLanesAwake(tx, tenantId, { endpointIds: next.map((entry) => entry.endpointId), at: now }),
  ]);
  return deliveries;
}

function asksFor(subscription: SubscriptionRow, event: EventTextRow): boolean {
  if (subscription.product !== event.product) return false;
  return subscription.events.includes("*") || subscription.events.includes(event.type);
}

function deliveryOf(event: EventTextRow, endpoint: { id: string; seq: number }, now: Date): NewDelivery {
  const { id, type, is_live: isLive, created_at: createdAt, data } = event;
  return {
    id: newId("dlv", now),
    endpointId: endpoint.id,
    eventId: id,
    seq: endpoint.seq,
    type,
    body: envelopeOf({ id, type, isLive, createdAt, data }, endpoint),
  };
}

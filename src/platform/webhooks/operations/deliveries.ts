import { pageOf, positionOf } from "../../db/paging.ts";
import { insertEvent, listEvents } from "../../events/store.ts";
import { newId } from "../../ids/ids.ts";
import type { Call } from "../../product.ts";
import { deliveryAnswer } from "../answers.ts";
import { webhookError } from "../errors.ts";
import { addDeliveries } from "../fan-out.ts";
import { SHOWN_ATTEMPTS, type DeliveryAnswer } from "../schema.ts";
import { listAttempts, listDeliveries, lockDelivery, updateReplayed, type DeliveryState } from "../store/deliveries.ts";
import { findEndpoint, lockEndpoint, updateTested, type EndpointRow } from "../store/endpoints.ts";
import { insertQueued, updateLanesAwake } from "../store/queue.ts";
import { audit, found, type WebhookScope } from "./endpoints.ts";

export const TEST_EVENT = "webhook.test";
const TEST_GAP_SECONDS = 10;
/** A replay is one attempt, not a new round of them. */
const REPLAY_RETRIES = 0;

/** Sends an event of its own to this webhook only, whatever events it asks for. */
export async function testWebhook(call: Call, scope: WebhookScope, webhookId: string): Promise<DeliveryAnswer> {
  const { tenantId } = call.caller;
  const answer = await call.write(async (tx) => {
    const row = active(await lockEndpoint(tx, tenantId, { endpointId: webhookId, product: scope.product }));
    checkTestGap(row, call.now);
    const id = newId("evt", call.now);
    const data = { webhook_id: webhookId, message: "This is a test." };
    const event = { product: scope.product, type: TEST_EVENT, isLive: call.caller.isLive, data, at: call.now };
    await insertEvent(tx, tenantId, { id, event });
    // `next_seq` is read under the lock that was just taken.
    const subscription = { id: webhookId, product: scope.product, events: [TEST_EVENT], next_seq: row.next_seq };
    const events = await listEvents(tx, tenantId, [id]);
    const [made] = await addDeliveries(tx, tenantId, { events, subscriptions: [subscription], now: call.now });
    if (made === undefined) throw new Error("the test event made no delivery");
    await updateTested(tx, tenantId, { endpointId: webhookId, at: call.now });
    await audit(tx, call, { scope, operation: "testWebhook", webhookId, details: { delivery_id: made.id } });
    const delivery = await lockDelivery(tx, tenantId, { endpointId: webhookId, deliveryId: made.id });
    if (delivery === null) throw new Error("the test delivery is missing");
    return deliveryAnswer(delivery, []);
  });
  call.services.eventHints.hint();
  return answer;
}

export async function listWebhookDeliveries(
  call: Call,
  scope: WebhookScope,
  target: {
    webhookId: string;
    query: {
      limit: number;
      cursor?: string | undefined;
      page?: number | undefined;
      status?: DeliveryState | undefined;
    };
  },
): Promise<{ data: DeliveryAnswer[]; next_cursor: string | null }> {
  const { tenantId } = call.caller;
  const { webhookId: endpointId, query } = target;
  const position = positionOf(query);
  return call.read(async (tx) => {
    found(await findEndpoint(tx, tenantId, { endpointId, product: scope.product }));
    const rows = await listDeliveries(tx, tenantId, { endpointId, state: query.status ?? null, position });
    const deliveryIds = rows.slice(0, position.limit).map((row) => row.id);
    const attempts = Map.groupBy(
      await listAttempts(tx, tenantId, { deliveryIds, limit: SHOWN_ATTEMPTS }),
      (attempt) => attempt.delivery_id,
    );
    return pageOf(rows, position, {
      id: (row) => row.id,
      show: (row) => deliveryAnswer(row, attempts.get(row.id) ?? []),
    });
  });
}

/** Sends the same event once more: the same id, the same bytes. One that still waits is sent now. */
export async function replayWebhookDelivery(
  call: Call,
  scope: WebhookScope,
  target: { webhookId: string; deliveryId: string },
): Promise<DeliveryAnswer> {
  const { tenantId } = call.caller;
  const { webhookId: endpointId, deliveryId } = target;
  const answer = await call.write(async (tx) => {
    active(await lockEndpoint(tx, tenantId, { endpointId, product: scope.product }));
    const row = await lockDelivery(tx, tenantId, { endpointId, deliveryId });
    if (row === null) throw webhookError("delivery_not_found", "There is no such delivery.");
    const retriesLeft = row.state === "pending" ? row.retries_left : REPLAY_RETRIES;
    await updateReplayed(tx, tenantId, { deliveryId, retriesLeft, at: call.now });
    await insertQueued(tx, tenantId, { deliveries: [{ id: deliveryId, endpointId }], dueAt: call.now });
    await updateLanesAwake(tx, tenantId, { endpointIds: [endpointId], at: call.now });
    await audit(tx, call, {
      scope,
      operation: "replayWebhookDelivery",
      webhookId: endpointId,
      details: { delivery_id: deliveryId, event_id: row.event_id },
    });
    const attempts = await listAttempts(tx, tenantId, { deliveryIds: [deliveryId], limit: SHOWN_ATTEMPTS });
    const replayed = await lockDelivery(tx, tenantId, { endpointId, deliveryId });
    return deliveryAnswer(replayed ?? row, attempts);
  });
  call.services.eventHints.hint();
  return answer;
}

function active(row: EndpointRow | null): EndpointRow {
  const endpoint = found(row);
  if (!endpoint.is_active) throw webhookError("webhook_disabled", "The webhook is disabled; enable it first.");
  return endpoint;
}

function checkTestGap(row: EndpointRow, now: Date): void {
  if (row.last_test_at === null) return;
  const leftMs = row.last_test_at.getTime() + TEST_GAP_SECONDS * 1000 - now.getTime();
  if (leftMs <= 0) return;
  throw webhookError("test_too_soon", `A webhook may be tested every ${TEST_GAP_SECONDS} seconds.`, {
    retryAfterSeconds: leftMs / 1000,
  });
}

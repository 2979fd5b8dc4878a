import { recordAudit } from "../audit/audit.ts";
import type { Database, Tx } from "../db/tx.ts";
import type { Log } from "../log/log.ts";
import type { Health } from "./health.ts";
import { isBreakerOpen, openBreaker, takeOf } from "./health.ts";
import type { Lane } from "./lanes.ts";
import { updateAttempted, type AttemptRecord } from "./store/deliveries.ts";
import { updateDisabled, updateHealth } from "./store/endpoints.ts";
import {
  deleteQueued,
  lockLanes,
  updateLanePaused,
  updateLanesGivenBack,
  updateQueued,
  type GivenBack,
} from "./store/queue.ts";

/**
 * Told inside the transaction that disables an endpoint, so that a mail about it goes out if and only if it is disabled.
 * May run again with that transaction.
 */
export type OnDisabled = (
  tx: Tx,
  tenantId: string,
  disabled: { readonly endpointId: string; readonly reason: string; readonly at: Date },
) => Promise<void>;

/** What is written down at once for one tenant. */
export type RecordBatch = { readonly records: readonly AttemptRecord[]; readonly lanes: readonly Lane[] };

/**
 * Writes down what attempts came to, and gives lanes back, in one transaction. It need not be flushed: what a crash of
 * the database takes back is sent again, the same bytes under the same id.
 */
export async function recordBatch(
  context: { db: Database; log: Log; owner: string; now: Date; onDisabled?: OnDisabled | undefined },
  tenantId: string,
  batch: RecordBatch,
): Promise<void> {
  const disabled = await context.db.tenant(
    tenantId,
    async (tx) => {
      await recordAttempts(tx, tenantId, batch.records);
      return giveBack(tx, tenantId, { ...context, lanes: batch.lanes });
    },
    { durability: "buffered" },
  );
  for (const lane of disabled) {
    context.log.warn({ tenantId, webhook: lane.endpointId, reason: lane.disable }, "a webhook was disabled");
  }
}

async function recordAttempts(tx: Tx, tenantId: string, records: readonly AttemptRecord[]): Promise<void> {
  if (records.length === 0) return;
  const finished = records.filter((record) => record.nextAttemptAt === null);
  const again = records.flatMap(({ deliveryId, nextAttemptAt: dueAt }) =>
    dueAt === null ? [] : [{ deliveryId, dueAt }],
  );
  const sent: Promise<unknown>[] = [updateAttempted(tx, tenantId, records)];
  if (finished.length > 0) {
    const deliveryIds = finished.map((record) => record.deliveryId);
    sent.push(deleteQueued(tx, tenantId, deliveryIds));
  }
  if (again.length > 0) sent.push(updateQueued(tx, tenantId, again));
  await Promise.all(sent);
}

/** Answers the lanes whose endpoint was disabled by this. */
async function giveBack(
  tx: Tx,
  tenantId: string,
  held: { owner: string; now: Date; lanes: readonly Lane[]; onDisabled?: OnDisabled | undefined },
): Promise<Lane[]> {
  const { owner, now } = held;
  if (held.lanes.length === 0) return [];
  const lanes = held.lanes.toSorted((a, b) => (a.endpointId < b.endpointId ? -1 : 1));
  const disabled: Lane[] = [];
  const returned: GivenBack[] = [];
  for (const lane of lanes) {
    const { endpointId } = lane;
    const closing = closingOf(lane, now);
    if (!isSameHealth(closing.health, lane.loadedHealth)) {
      await updateHealth(tx, tenantId, { endpointId, health: closing.health });
    }
    if (await disableIfAsked(tx, tenantId, { lane, now })) {
      await held.onDisabled?.(tx, tenantId, { endpointId, reason: lane.disable ?? "", at: now });
      disabled.push(lane);
    }
    returned.push({ endpointId, take: takeOf(closing.health), pausedUntil: closing.pausedUntil });
  }
  const endpointIds = lanes.map((lane) => lane.endpointId);
  await Promise.all([
    lockLanes(tx, tenantId, { owner, endpointIds }),
    updateLanesGivenBack(tx, tenantId, { owner, lanes: returned, now }),
  ]);
  return disabled;
}

/** The breaker counts an opening once a lane, however many attempts failed in it. */
function closingOf(lane: Lane, now: Date): { health: Health; pausedUntil: Date | null } {
  const hasChanged = lane.health.straightFailures !== lane.loadedHealth.straightFailures;
  if (!hasChanged || !isBreakerOpen(lane.health)) return lane;
  const { health, pauseMs } = openBreaker(lane.health);
  const breakerUntil = new Date(now.getTime() + pauseMs);
  const isAskedLonger = lane.pausedUntil !== null && lane.pausedUntil > breakerUntil;
  return { health, pausedUntil: isAskedLonger ? lane.pausedUntil : breakerUntil };
}

async function disableIfAsked(tx: Tx, tenantId: string, target: { lane: Lane; now: Date }): Promise<boolean> {
  const { lane, now } = target;
  const { endpointId, disable: reason } = lane;
  if (reason === null) return false;
  const changed = await updateDisabled(tx, tenantId, { endpointId, reason, at: now });
  if (changed === 0) return false;
  await updateLanePaused(tx, tenantId, { endpointId, pausedUntil: null });
  await recordAudit(tx, tenantId, {
    action: `${lane.product}.disableWebhook`,
    at: now,
    actor: { type: "system", id: "webhooks" },
    resource: { type: "webhook", id: endpointId },
    outcome: "success",
    details: { reason, failing_since: lane.health.firstFailureAt?.toISOString() ?? null },
  });
  return true;
}

function isSameHealth(a: Health, b: Health): boolean {
  return (
    a.straightFailures === b.straightFailures &&
    a.breakerOpens === b.breakerOpens &&
    a.inFlightCap === b.inFlightCap &&
    a.firstFailureAt?.getTime() === b.firstFailureAt?.getTime()
  );
}

import type { JobRun } from "../jobs/jobs.ts";
import type { Services } from "../product.ts";
import { everyTenantId } from "../tenants/operations.ts";
import { IDLE_MS, LIFE_MS } from "./operations.ts";
import { deleteOldSessions } from "./store.ts";

const DAY_MS = 24 * 3600 * 1000;
/** So long a session that ended, whether by its time or before, can still be looked at. */
export const OVER_KEPT_DAYS = 30;
const BATCH = 1_000;

/** Removes sessions that ended long ago. Their refresh tokens are refused as before, in the same words. */
export async function sweepSessions(
  { db, clock }: Pick<Services, "db" | "clock">,
  run: Pick<JobRun, "signal">,
  batch = BATCH,
): Promise<void> {
  const beforeMs = clock.now().getTime() - OVER_KEPT_DAYS * DAY_MS;
  const ended = {
    revokedBefore: new Date(beforeMs),
    usedBefore: new Date(beforeMs - IDLE_MS),
    madeBefore: new Date(beforeMs - LIFE_MS),
    limit: batch,
  };
  for await (const tenantId of everyTenantId(db)) {
    for (let deleted = batch; deleted === batch;) {
      run.signal.throwIfAborted();
      deleted = await db.tenant(tenantId, (tx) => deleteOldSessions(tx, tenantId, ended));
    }
  }
}

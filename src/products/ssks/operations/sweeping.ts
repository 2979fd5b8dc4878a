import type { JobRun } from "../../../platform/jobs/jobs.ts";
import type { Services } from "../../../platform/product.ts";
import { everyTenantId } from "../../../platform/tenants/operations.ts";
import { deleteEndedSessions } from "../store/sessions.ts";

const SESSIONS_A_BATCH = 1_000;
const MAX_BATCHES = 1_000;

type SweepServices = Pick<Services, "db" | "clock">;

/** Forgets sessions that are over, tenant by tenant, in bounded batches. */
export async function sweepSessions(services: SweepServices, run: JobRun): Promise<void> {
  for await (const tenantId of everyTenantId(services.db)) await sweepTenant(services, tenantId, run);
}

async function sweepTenant({ db, clock }: SweepServices, tenantId: string, run: JobRun): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    run.signal.throwIfAborted();
    const now = clock.now();
    const gone = await db.tenant(tenantId, (tx) => deleteEndedSessions(tx, tenantId, now, SESSIONS_A_BATCH));
    if (gone < SESSIONS_A_BATCH) return;
  }
}

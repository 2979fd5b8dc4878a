import type { JobRun } from "../../../platform/jobs/jobs.ts";
import type { Services } from "../../../platform/product.ts";
import { listTenantIds } from "../../../platform/tenants/store.ts";
import { deleteEndedSessions } from "../store/sessions.ts";

const TENANTS_A_PAGE = 500;
const SESSIONS_A_BATCH = 1_000;
const MAX_BATCHES = 1_000;

type SweepServices = Pick<Services, "db" | "clock">;

/** Forgets sessions that are over, tenant by tenant, in bounded batches. */
export async function sweepSessions(services: SweepServices, run: JobRun): Promise<void> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const from: string = after;
    const tenants = await services.db.directory((tx) => listTenantIds(tx, from, TENANTS_A_PAGE));
    for (const tenantId of tenants) await sweepTenant(services, tenantId, run);
    after = tenants.length < TENANTS_A_PAGE ? undefined : tenants.at(-1);
  }
}

async function sweepTenant({ db, clock }: SweepServices, tenantId: string, run: JobRun): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    run.signal.throwIfAborted();
    const now = clock.now();
    const gone = await db.tenant(tenantId, (tx) => deleteEndedSessions(tx, tenantId, now, SESSIONS_A_BATCH));
    if (gone < SESSIONS_A_BATCH) return;
  }
}

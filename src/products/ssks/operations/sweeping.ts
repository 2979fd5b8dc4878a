import type { Tx } from "../../../platform/db/tx.ts";
import type { JobRun } from "../../../platform/jobs/jobs.ts";
import type { Services } from "../../../platform/product.ts";
import { everyTenantId } from "../../../platform/tenants/operations.ts";
import { deleteUnseenAddresses } from "../store/known-addresses.ts";
import { deleteEndedSessions } from "../store/sessions.ts";

const ROWS_A_BATCH = 1_000;
const MAX_BATCHES = 1_000;
/** An address from which nobody got a slot back for so long belongs to somebody else by now. */
const ADDRESS_MS = 180 * 86_400_000;

type SweepServices = Pick<Services, "db" | "clock">;
type Sweep = (tx: Tx, tenantId: string, now: Date) => Promise<number>;

const SWEEPS: readonly Sweep[] = [
  (tx, tenantId, now) => deleteEndedSessions(tx, tenantId, now, ROWS_A_BATCH),
  (tx, tenantId, now) => deleteUnseenAddresses(tx, tenantId, new Date(now.getTime() - ADDRESS_MS), ROWS_A_BATCH),
];

/** Forgets sessions that are over and addresses not seen for long, tenant by tenant, in bounded batches. */
export async function sweepSessions(services: SweepServices, run: JobRun): Promise<void> {
  for await (const tenantId of everyTenantId(services.db)) {
    for (const sweep of SWEEPS) await sweepTenant(services, run, { tenantId, sweep });
  }
}

async function sweepTenant(
  { db, clock }: SweepServices,
  run: JobRun,
  { tenantId, sweep }: { readonly tenantId: string; readonly sweep: Sweep },
): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    run.signal.throwIfAborted();
    const now = clock.now();
    const gone = await db.tenant(tenantId, (tx) => sweep(tx, tenantId, now));
    if (gone < ROWS_A_BATCH) return;
  }
}

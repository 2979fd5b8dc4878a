import type { JobRun } from "../../jobs/jobs.ts";
import type { Services } from "../../product.ts";
import { everyTenantId } from "../../tenants/operations.ts";
import { deleteOldAddresses } from "../store/known-addresses.ts";
import { deleteOldInvitations, deleteOldLinks } from "../store/links.ts";
import { deleteUsedCodes } from "../store/members.ts";

const DAY_MS = 24 * 3600 * 1000;
/** So long what is over can still be looked at. */
export const OVER_KEPT_DAYS = 30;
/** So long an address is known without a sign-in from there. */
export const KNOWN_DAYS = 90;
const BATCH = 1_000;

/** Removes links and invitations that ended long ago, recovery codes used long ago, and addresses not seen for long. */
export async function sweepMembers(
  { db, clock }: Pick<Services, "db" | "clock">,
  run: Pick<JobRun, "signal">,
  batch = BATCH,
): Promise<void> {
  const daysAgo = (days: number): Date => new Date(clock.now().getTime() - days * DAY_MS);
  const over = daysAgo(OVER_KEPT_DAYS);
  const known = daysAgo(KNOWN_DAYS);
  const all = async (deleteSome: () => Promise<number>): Promise<void> => {
    for (let deleted = batch; deleted === batch;) {
      run.signal.throwIfAborted();
      deleted = await deleteSome();
    }
  };
  await all(() => db.directory((tx) => deleteOldLinks(tx, over, batch)));
  await all(() => db.directory((tx) => deleteOldAddresses(tx, known, batch)));
  for await (const tenantId of everyTenantId(db)) {
    await all(() => db.tenant(tenantId, (tx) => deleteOldInvitations(tx, tenantId, { before: over, limit: batch })));
    await all(() => db.tenant(tenantId, (tx) => deleteUsedCodes(tx, tenantId, { before: over, limit: batch })));
  }
}

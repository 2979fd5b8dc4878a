import type { Services } from "../../../platform/product.ts";
import { listTenantIds } from "../../../platform/tenants/store.ts";
import type { JobRun } from "../../../platform/jobs/jobs.ts";
import { countBlobUses } from "../store.ts";

/** Younger bytes may belong to a transaction that is about to name them. */
const ORPHAN_AGE_MS = 24 * 3600 * 1000;
const TENANTS_A_PAGE = 500;

/** Deletes bytes that no document holds any more; does nothing when one does. */
export async function deleteBlob(services: Services, tenantId: string, blobRef: string): Promise<void> {
  const uses = await services.db.tenant(tenantId, (tx) => countBlobUses(tx, tenantId, blobRef));
  if (uses === 0) await services.blobs.delete(tenantId, blobRef);
}

/** Finds bytes that a crash left without a document, and deletes them a day later. */
export async function sweepOrphanBlobs(services: Services, run: JobRun): Promise<void> {
  const oldest = new Date(services.clock.now().getTime() - ORPHAN_AGE_MS);
  for (let after = ""; ;) {
    const page = await services.db.directory((tx) => listTenantIds(tx, after, TENANTS_A_PAGE));
    for (const tenantId of page) await sweepTenant(services, tenantId, { oldest, run });
    const last = page.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

async function sweepTenant(services: Services, tenantId: string, limits: { oldest: Date; run: JobRun }): Promise<void> {
  for await (const blob of services.blobs.list(tenantId)) {
    limits.run.signal.throwIfAborted();
    if (blob.createdAt < limits.oldest) await deleteBlob(services, tenantId, blob.ref);
  }
}

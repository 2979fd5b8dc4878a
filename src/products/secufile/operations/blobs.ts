import { isBackupRunning } from "../../../platform/backup/running.ts";
import { enqueueJob, type JobRun } from "../../../platform/jobs/jobs.ts";
import type { Services } from "../../../platform/product.ts";
import { everyTenantId } from "../../../platform/tenants/operations.ts";
import { countBlobUses } from "../store/documents.ts";

/** Younger bytes may belong to a transaction that is about to name them. */
const ORPHAN_AGE_MS = 24 * 3600 * 1000;

/** While a backup copies, nothing is deleted; after that long it is looked at again. */
const BACKUP_PAUSE_MS = 60_000;

/** Deletes bytes that no document holds any more, once no backup is under way; does nothing when a document holds them. */
export async function deleteBlob(services: Services, tenantId: string, blobRef: string): Promise<void> {
  if (await isUnused(services, tenantId, blobRef)) {
    await services.blobs.delete(tenantId, blobRef);
    return;
  }
  await services.db.directory(async (tx) => {
    if (!(await isBackupRunning(tx))) return;
    const runAt = new Date(services.clock.now().getTime() + BACKUP_PAUSE_MS);
    await enqueueJob(tx, { name: "secufile.deleteBlob", payload: { tenantId, blobRef }, runAt });
  });
}

/** No document names these bytes, and no backup that began before the last one ceased to. */
async function isUnused(services: Services, tenantId: string, blobRef: string): Promise<boolean> {
  return services.db.tenant(
    tenantId,
    async (tx) => (await countBlobUses(tx, tenantId, blobRef)) === 0 && !(await isBackupRunning(tx)),
  );
}

/** Finds bytes that a crash left without a document, and deletes them a day later; a backup puts it off. */
export async function sweepOrphanBlobs(services: Services, run: JobRun): Promise<void> {
  const oldest = new Date(services.clock.now().getTime() - ORPHAN_AGE_MS);
  for await (const tenantId of everyTenantId(services.db)) await sweepTenant(services, tenantId, { oldest, run });
}

async function sweepTenant(services: Services, tenantId: string, limits: { oldest: Date; run: JobRun }): Promise<void> {
  for await (const blob of services.blobs.list(tenantId)) {
    limits.run.signal.throwIfAborted();
    if (blob.createdAt >= limits.oldest || !(await isUnused(services, tenantId, blob.ref))) continue;
    await services.blobs.delete(tenantId, blob.ref);
  }
}

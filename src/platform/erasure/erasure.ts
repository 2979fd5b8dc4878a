import { recordAudit } from "../audit/audit.ts";
import { isBackupRunning } from "../backup/running.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { enqueueErasure } from "../tenants/operations.ts";
import { deleteTenantRows, listErasableTables, listTenantsToErase, updateTenantErased } from "./store.ts";

export type ErasureContext = { readonly db: Database; readonly blobs: BlobStore; readonly clock: Clock };

/** What is left of an organisation, gone; by table, and objects. */
type Erased = { readonly rows: Readonly<Record<string, number>>; readonly objects: number };

const ROWS_AT_ONCE = 1_000;
const TENANTS_A_PAGE = 500;
/** What was under way when it was shredded is over by then: nothing of it appears again. */
const SETTLED_AFTER_MS = 24 * 3_600_000;
const BACKUP_PAUSE_MS = 60_000;

/**
 * Erases what a shredded organisation left behind: every row but the hashes of its audit log, and every object. May be
 * cut short and repeated at will. A backup under way may copy objects whose rows it still sees: they wait for its end.
 */
export async function eraseTenant(context: ErasureContext, tenantId: string, signal: AbortSignal): Promise<void> {
  await eraseLeftovers(context, tenantId, signal);
}

/** Once a day: what was written while an organisation was shredded goes as well, and what a crash left. */
export async function eraseTenants(context: ErasureContext, signal: AbortSignal): Promise<void> {
  const { db } = context;
  const failures: unknown[] = [];
  for (let after: string | undefined = ""; after !== undefined;) {
    const from: string = after;
    const page = await db.directory((tx) => listTenantsToErase(tx, from, TENANTS_A_PAGE));
    for (const tenant of page) {
      signal.throwIfAborted();
      // What cannot be erased of one holds up no other.
      await eraseForGood(context, tenant, signal).catch((error: unknown) => failures.push(error));
    }
    after = page.at(-1)?.id;
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} organisations are not wholly erased`);
}

async function eraseForGood(
  context: ErasureContext,
  tenant: { readonly id: string; readonly deleted_at: Date },
  signal: AbortSignal,
): Promise<void> {
  const now = context.clock.now();
  const isWhole = await eraseLeftovers(context, tenant.id, signal);
  if (isWhole && now.getTime() - tenant.deleted_at.getTime() > SETTLED_AFTER_MS)
    await context.db.directory((tx) => updateTenantErased(tx, tenant.id, now));
}

/** False when its objects have to wait: a job looks again in a minute. */
async function eraseLeftovers(context: ErasureContext, tenantId: string, signal: AbortSignal): Promise<boolean> {
  const rows = await eraseRows(context.db, tenantId, signal);
  const isPutOff = await context.db.directory(isBackupRunning);
  if (isPutOff) {
    const runAt = new Date(context.clock.now().getTime() + BACKUP_PAUSE_MS);
    await context.db.directory((tx) => enqueueErasure(tx, tenantId, runAt));
  }
  const objects = isPutOff ? 0 : await eraseObjects(context.blobs, tenantId, signal);
  if (objects > 0 || Object.keys(rows).length > 0) await auditErasure(context, tenantId, { rows, objects });
  return !isPutOff;
}

async function eraseObjects(blobs: BlobStore, tenantId: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const { ref } of blobs.list(tenantId)) {
    signal.throwIfAborted();
    if (await blobs.delete(tenantId, ref)) count++;
  }
  return count;
}

async function eraseRows(db: Database, tenantId: string, signal: AbortSignal): Promise<Record<string, number>> {
  const erased: Record<string, number> = {};
  for (const table of await db.directory(listErasableTables)) {
    for (let count = ROWS_AT_ONCE; count === ROWS_AT_ONCE;) {
      signal.throwIfAborted();
      count = await db.tenant(tenantId, (tx) => deleteTenantRows(tx, table, ROWS_AT_ONCE));
      if (count > 0) erased[table] = (erased[table] ?? 0) + count;
    }
  }
  return erased;
}

async function auditErasure({ db, clock }: ErasureContext, tenantId: string, erased: Erased): Promise<void> {
  await db.tenant(SERVER_TENANT, (tx) =>
    recordAudit(tx, SERVER_TENANT, {
      action: "platform.eraseTenant",
      at: clock.now(),
      actor: { type: "system", id: "platform.eraseTenant" },
      resource: { type: "tenant", id: tenantId },
      outcome: "success",
      details: erased,
    }),
  );
}

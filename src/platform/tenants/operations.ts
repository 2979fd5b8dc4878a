import { recordAudit, type AuditActor } from "../audit/audit.ts";
import type { Database, Tx } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { enqueueJob } from "../jobs/jobs.ts";
import { SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { tenantError } from "./errors.ts";
import { findTenant, insertTenant, listTenantIds, updateTenantDeleted, type TenantRow } from "./store.ts";

const TENANTS_A_PAGE = 500;
/** Without an address: at the first start, which makes the demo organisation. */
const OPERATOR: AuditActor = { type: "operator", id: "operator" };

/**
 * Makes an organisation with keys of its own. `tx` stands behind the server's own wall, whose audit log tells of it:
 * the organisation's log begins with its first act.
 */
export async function createTenant(
  tx: Tx,
  keyring: Keyring,
  tenant: { name: string; isDemo: boolean; now: Date },
  actor = OPERATOR,
): Promise<TenantRow> {
  const id = newId("ten", tenant.now);
  await insertTenant(tx, { id, ...tenant });
  await keyring.createTenantKeys(tx, id);
  await auditTenant(tx, { operation: "createTenant", id, now: tenant.now, actor });
  return { id, name: tenant.name, is_demo: tenant.isDemo, created_at: tenant.now, deleted_at: null };
}

/** Others learn of a shredding within a second; by then nothing of theirs writes to it any more. */
const ERASE_AFTER_MS = 5_000;

/**
 * Shreds an organisation: its keys are destroyed in the same transaction, so that from its commit on nothing sealed
 * for it can be opened by anyone. Its tokens are refused from then on; other processes follow within a second. Its rows
 * and objects are erased by a job. `tx` stands behind the server's own wall, whose audit log is still read afterwards.
 */
export async function deleteTenant(
  tx: Tx,
  keyring: Keyring,
  tenantId: string,
  { now, actor = OPERATOR }: { readonly now: Date; readonly actor?: AuditActor },
): Promise<void> {
  if ((await updateTenantDeleted(tx, tenantId, now)) === 0) {
    throw tenantError("tenant_not_found", `There is no organisation ${tenantId}.`);
  }
  await keyring.shredTenantKeys(tx, tenantId);
  await enqueueErasure(tx, tenantId, new Date(now.getTime() + ERASE_AFTER_MS));
  await auditTenant(tx, { operation: "deleteTenant", id: tenantId, now, actor });
}

/** One job for each organisation, however often it is asked for. */
export async function enqueueErasure(tx: Tx, tenantId: string, runAt: Date): Promise<void> {
  const key = `platform.eraseTenant/${tenantId}`;
  await enqueueJob(tx, { name: "platform.eraseTenant", payload: { tenantId }, key, runAt });
}

/** For pages and mails; the id where it was shredded meanwhile. */
export async function nameOfTenant(tx: Tx, tenantId: string): Promise<string> {
  return (await findTenant(tx, tenantId))?.name ?? tenantId;
}

/** The living organisations, page by page, for work that goes from one to the next. */
export async function* everyTenantId(db: Database): AsyncGenerator<string> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const from: string = after;
    const page: string[] = await db.directory((tx) => listTenantIds(tx, from, TENANTS_A_PAGE));
    yield* page;
    after = page.at(-1);
  }
}

type TenantAct = {
  readonly operation: string;
  readonly id: string;
  readonly now: Date;
  readonly actor: AuditActor;
};

/** In the server's own log: that of an organisation begins with its first act, and is erased with it. */
async function auditTenant(tx: Tx, act: TenantAct): Promise<void> {
  await recordAudit(tx, SERVER_TENANT, {
    action: `platform.${act.operation}`,
    at: act.now,
    actor: act.actor,
    resource: { type: "tenant", id: act.id },
    outcome: "success",
  });
}

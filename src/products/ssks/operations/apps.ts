import { recordAudit } from "../../../platform/audit/audit.ts";
import { actorOf } from "../../../platform/credentials/operations.ts";
import { updateRevoked } from "../../../platform/credentials/store.ts";
import { pageOf, positionOf } from "../../../platform/db/paging.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { uuid } from "../../../platform/ids/ids.ts";
import { withdrawFamily } from "../../../platform/notify/notify.ts";
import type { Call } from "../../../platform/product.ts";
import { monthOf, takesFakeChallenges } from "../app.ts";
import { ssksError } from "../errors.ts";
import type { AppView, CreateAppRequest, UpdateAppRequest } from "../schema.ts";
import { deleteAppSessions } from "../store/sessions.ts";
import {
  deleteApp as deleteAppRow,
  deleteAppTenant,
  findApp,
  insertApp,
  insertAppTenant,
  listApps as listAppRows,
  listKeys,
  listSmsUsage,
  lockApp,
  updateApp as updateAppRow,
  type AppRow,
} from "../store/apps.ts";

const KEYS_A_TURN = 200;

/** Makes an application within `tx`, which stands behind its tenant's wall. */
export async function makeApp(tx: Tx, tenantId: string, settings: CreateAppRequest, now: Date): Promise<AppRow> {
  const id = uuid();
  await Promise.all([insertApp(tx, tenantId, { ...settings, id, created_at: now }), insertAppTenant(tx, tenantId, id)]);
  return { ...settings, tenant_id: tenantId, id, created_at: now };
}

export async function createApp(call: Call, request: CreateAppRequest): Promise<AppView> {
  return call.write(async (tx) => {
    const row = await makeApp(tx, call.caller.tenantId, request, call.now);
    await noteApp(tx, call, "createApp", { appId: row.id, details: { environment: row.environment } });
    return viewOf(row, 0);
  });
}

export async function listApps(
  call: Call,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: AppView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const { tenantId } = call.caller;
  return call.read(async (tx) => {
    const rows = await listAppRows(tx, tenantId, position);
    const ids = rows.map(({ id }) => id);
    const sent = new Map(
      (await listSmsUsage(tx, tenantId, ids, monthOf(call.now))).map((usage) => [usage.app_id, usage.sent]),
    );
    return pageOf(rows, position, { id: (row) => row.id, show: (row) => viewOf(row, sent.get(row.id) ?? 0) });
  });
}

export async function getApp(call: Call, id: string): Promise<AppView> {
  const { tenantId } = call.caller;
  return call.read(async (tx) => {
    const [row, [usage]] = await Promise.all([
      findApp(tx, tenantId, id),
      listSmsUsage(tx, tenantId, [id], monthOf(call.now)),
    ]);
    if (row === null) throw noApp(id);
    return viewOf(row, usage?.sent ?? 0);
  });
}

export async function updateApp(call: Call, id: string, request: UpdateAppRequest): Promise<AppView> {
  const { tenantId } = call.caller;
  return call.write(async (tx) => {
    const [row, [usage]] = await Promise.all([
      lockApp(tx, tenantId, id),
      listSmsUsage(tx, tenantId, [id], monthOf(call.now)),
    ]);
    if (row === null) throw noApp(id);
    const changed = changedBy(row, request);
    await updateAppRow(tx, tenantId, id, changed);
    // Fixed challenges were taken until now.
    if (takesFakeChallenges(row) && !takesFakeChallenges(changed)) await deleteAppSessions(tx, tenantId, id);
    await noteApp(tx, call, "updateApp", { appId: id, details: { changed: Object.keys(request) } });
    return viewOf(changed, usage?.sent ?? 0);
  });
}

/** With its users and all that is kept for them. Its keys are revoked. */
export async function deleteApp(call: Call, id: string): Promise<void> {
  const { tenantId } = call.caller;
  await call.write(async (tx) => {
    if ((await lockApp(tx, tenantId, id)) === null) throw noApp(id);
    await revokeKeys(tx, call, id);
    await Promise.all([deleteAppRow(tx, tenantId, id), deleteAppTenant(tx, tenantId, id)]);
    // After whoever was sending one more: nobody else can from here on.
    await withdrawFamily(tx, tenantId, { family: id, at: call.now });
    await noteApp(tx, call, "deleteApp", { appId: id });
  });
}

async function revokeKeys(tx: Tx, call: Call, appId: string): Promise<void> {
  const { tenantId } = call.caller;
  for (let afterId: string | null = null; ;) {
    const keys = await listKeys(tx, tenantId, appId, { afterId, offset: 0, limit: KEYS_A_TURN });
    await Promise.all(keys.map((key) => updateRevoked(tx, tenantId, key.lookup_id, call.now)));
    if (keys.length <= KEYS_A_TURN) return;
    afterId = keys.at(-1)?.credential_id ?? null;
  }
}

export function noApp(id: string): Error {
  return ssksError("app_not_found", `There is no application ${id}.`);
}

export async function noteApp(tx: Tx, call: Call, operation: string, of: AboutApp): Promise<void> {
  await recordAudit(tx, call.caller.tenantId, {
    action: `ssks.${operation}`,
    at: call.now,
    actor: actorOf(call),
    resource: { type: "app", id: of.appId },
    outcome: "success",
    details: of.details ?? {},
  });
}

type AboutApp = { readonly appId: string; readonly details?: Readonly<Record<string, unknown>> };

/** What is left out stays. */
function changedBy(row: AppRow, to: UpdateAppRequest): AppRow {
  return {
    ...row,
    name: to.name ?? row.name,
    environment: to.environment ?? row.environment,
    sms_quota: to.sms_quota ?? row.sms_quota,
    mails_per_hour: to.mails_per_hour ?? row.mails_per_hour,
    slots_per_user: to.slots_per_user ?? row.slots_per_user,
    is_mark_waived: to.is_mark_waived ?? row.is_mark_waived,
    audit_users: to.audit_users ?? row.audit_users,
    limits: to.limits ?? row.limits,
  };
}

function viewOf(row: AppRow, sent: number): AppView {
  const { id, tenant_id: _tenant, created_at: createdAt, ...settings } = row;
  return { app_id: id, ...settings, sms_sent: sent, created_at: createdAt.toISOString() };
}

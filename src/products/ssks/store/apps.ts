import type { Position } from "../../../platform/db/paging.ts";
import { sql, type Statement } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { App, AppSettings } from "../app.ts";

export type AppRow = App & { readonly created_at: Date };

/** The tenant of an application, before it is known whose it is. */
export function findAppTenant(appId: string): Statement<{ tenant_id: string }> {
  return sql<{ tenant_id: string }>`select tenant_id from ssks.app_directory where app_id = ${appId}`;
}

export async function insertAppTenant(tx: Tx, tenantId: string, appId: string): Promise<number> {
  return tx.run(sql`insert into ssks.app_directory (app_id, tenant_id) values (${appId}, ${tenantId})`);
}

/** Zero rows: it was deleted before. */
export async function deleteAppTenant(tx: Tx, tenantId: string, appId: string): Promise<number> {
  return tx.run(sql`delete from ssks.app_directory where app_id = ${appId} and tenant_id = ${tenantId}`);
}

export async function insertApp(
  tx: Tx,
  tenantId: string,
  row: AppSettings & { readonly id: string; readonly created_at: Date },
): Promise<number> {
  return tx.run(sql`
    insert into ssks.apps (tenant_id, id, name, environment, sms_quota, mails_per_hour, slots_per_user, is_mark_waived,
                           audit_users, limits, created_at)
    values (${tenantId}, ${row.id}, ${row.name}, ${row.environment}, ${row.sms_quota}, ${row.mails_per_hour},
            ${row.slots_per_user}, ${row.is_mark_waived}, ${row.audit_users}, ${JSON.stringify(row.limits)}::json,
            ${row.created_at})`);
}

export async function findApp(tx: Tx, tenantId: string, id: string): Promise<AppRow | null> {
  return tx.one(sql<AppRow>`
    select tenant_id, id, name, environment, sms_quota, mails_per_hour, slots_per_user, is_mark_waived, audit_users, limits,
           created_at
      from ssks.apps
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** The same, for a change of it: whoever else changes it waits. */
export async function lockApp(tx: Tx, tenantId: string, id: string): Promise<AppRow | null> {
  return tx.one(sql<AppRow>`
    select tenant_id, id, name, environment, sms_quota, mails_per_hour, slots_per_user, is_mark_waived, audit_users, limits,
           created_at
      from ssks.apps
     where tenant_id = ${tenantId} and id = ${id}
       for update`);
}

/** As it is now, until the transaction ends: whoever changes the application waits so long. */
export async function lockEnvironment(tx: Tx, tenantId: string, id: string): Promise<Pick<App, "environment"> | null> {
  return tx.one(sql<Pick<App, "environment">>`
    select environment from ssks.apps where tenant_id = ${tenantId} and id = ${id} for share`);
}

export async function listApps(tx: Tx, tenantId: string, position: Position): Promise<AppRow[]> {
  return tx.many(sql<AppRow>`
    select tenant_id, id, name, environment, sms_quota, mails_per_hour, slots_per_user, is_mark_waived, audit_users, limits,
           created_at
      from ssks.apps
     where tenant_id = ${tenantId} and id > ${position.afterId ?? ""}
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** Zero rows: it is gone. */
export async function updateApp(tx: Tx, tenantId: string, id: string, to: AppSettings): Promise<number> {
  return tx.run(sql`
    update ssks.apps
       set name = ${to.name}, environment = ${to.environment}, sms_quota = ${to.sms_quota},
           mails_per_hour = ${to.mails_per_hour}, slots_per_user = ${to.slots_per_user},
           is_mark_waived = ${to.is_mark_waived}, audit_users = ${to.audit_users},
           limits = ${JSON.stringify(to.limits)}::json
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** With all that is kept for it. Zero rows: it was deleted before. */
export async function deleteApp(tx: Tx, tenantId: string, id: string): Promise<number> {
  return tx.run(sql`delete from ssks.apps where tenant_id = ${tenantId} and id = ${id}`);
}

/** Text messages of a month, of each of these applications that sent any. */
export async function listSmsUsage(
  tx: Tx,
  tenantId: string,
  appIds: readonly string[],
  month: string,
): Promise<{ app_id: string; sent: number }[]> {
  return tx.many(sql<{ app_id: string; sent: number }>`
    select app_id, sent from ssks.sms_usage
     where tenant_id = ${tenantId} and month = ${month} and app_id = any(${[...appIds]}::text[])`);
}

/** Counts one message more. Zero rows: the quota of the month is used up. */
export async function updateSmsUsage(
  tx: Tx,
  tenantId: string,
  of: { appId: string; month: string; quota: number },
): Promise<number> {
  return tx.run(sql`
    insert into ssks.sms_usage (tenant_id, app_id, month, sent)
    select ${tenantId}, ${of.appId}, ${of.month}, 1 where ${of.quota}::integer > 0
    on conflict (tenant_id, app_id, month) do update set sent = ssks.sms_usage.sent + 1
     where ssks.sms_usage.sent < ${of.quota}::integer`);
}

/** Counts one message less. Zero rows: the application is gone. */
export async function updateSmsGivenBack(
  tx: Tx,
  tenantId: string,
  of: { appId: string; month: string },
): Promise<number> {
  return tx.run(sql`
    update ssks.sms_usage set sent = sent - 1
     where tenant_id = ${tenantId} and app_id = ${of.appId} and month = ${of.month} and sent > 0`);
}

export type KeyRow = {
  readonly credential_id: string;
  readonly lookup_id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
  readonly life_seconds: number;
};

export async function insertKey(tx: Tx, tenantId: string, appId: string, credentialId: string): Promise<number> {
  return tx.run(sql`
    insert into ssks.api_keys (tenant_id, app_id, credential_id) values (${tenantId}, ${appId}, ${credentialId})`);
}

/** Keys of an application in the order of their making. */
export async function listKeys(tx: Tx, tenantId: string, appId: string, position: Position): Promise<KeyRow[]> {
  return tx.many(sql<KeyRow>`
    select k.credential_id, c.lookup_id, c.name, c.created_at, d.expires_at, d.revoked_at, c.last_used_at,
           c.life_seconds::float8
      from ssks.api_keys k
      join platform.credentials c on c.tenant_id = k.tenant_id and c.id = k.credential_id
      join platform.credential_directory d on d.lookup_id = c.lookup_id and d.tenant_id = c.tenant_id
     where k.tenant_id = ${tenantId} and k.app_id = ${appId} and k.credential_id > ${position.afterId ?? ""}
     order by k.credential_id
     limit ${position.limit + 1} offset ${position.offset}`);
}

export async function findKey(tx: Tx, tenantId: string, appId: string, id: string): Promise<KeyRow | null> {
  return tx.one(sql<KeyRow>`
    select k.credential_id, c.lookup_id, c.name, c.created_at, d.expires_at, d.revoked_at, c.last_used_at,
           c.life_seconds::float8
      from ssks.api_keys k
      join platform.credentials c on c.tenant_id = k.tenant_id and c.id = k.credential_id
      join platform.credential_directory d on d.lookup_id = c.lookup_id and d.tenant_id = c.tenant_id
     where k.tenant_id = ${tenantId} and k.app_id = ${appId} and k.credential_id = ${id}`);
}

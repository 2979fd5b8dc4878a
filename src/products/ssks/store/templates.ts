import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";

export type TemplateRow = {
  readonly id: string;
  readonly name: string;
  readonly subject: string | null;
  readonly html: string;
  readonly is_default: boolean;
  readonly created_at: Date;
};

export async function insertTemplate(tx: Tx, tenantId: string, appId: string, row: TemplateRow): Promise<number> {
  return tx.run(sql`
    insert into ssks.templates (tenant_id, app_id, id, name, subject, html, is_default, created_at)
    values (${tenantId}, ${appId}, ${row.id}, ${row.name}, ${row.subject}, ${row.html}, ${row.is_default},
            ${row.created_at})`);
}

/** Of this id, or the default where none is named. */
export async function findTemplate(
  tx: Tx,
  tenantId: string,
  appId: string,
  id: string | null,
): Promise<TemplateRow | null> {
  return tx.one(sql<TemplateRow>`
    select id, name, subject, html, is_default, created_at
      from ssks.templates
     where tenant_id = ${tenantId} and app_id = ${appId}
       and ((${id}::text is null and is_default) or id = ${id})`);
}

export async function listTemplates(tx: Tx, tenantId: string, appId: string): Promise<TemplateRow[]> {
  return tx.many(sql<TemplateRow>`
    select id, name, subject, html, is_default, created_at
      from ssks.templates
     where tenant_id = ${tenantId} and app_id = ${appId}
     order by created_at, id
     limit 200`);
}

/** Zero rows: there is no default. */
export async function updateNoDefault(tx: Tx, tenantId: string, appId: string): Promise<number> {
  return tx.run(sql`
    update ssks.templates set is_default = false where tenant_id = ${tenantId} and app_id = ${appId} and is_default`);
}

/** Zero rows: it is gone. */
export async function updateTemplate(tx: Tx, tenantId: string, appId: string, row: TemplateRow): Promise<number> {
  return tx.run(sql`
    update ssks.templates
       set name = ${row.name}, subject = ${row.subject}, html = ${row.html}, is_default = ${row.is_default}
     where tenant_id = ${tenantId} and app_id = ${appId} and id = ${row.id}`);
}

/** Zero rows: there is none. */
export async function deleteTemplate(tx: Tx, tenantId: string, appId: string, id: string): Promise<number> {
  return tx.run(sql`
    delete from ssks.templates where tenant_id = ${tenantId} and app_id = ${appId} and id = ${id}`);
}

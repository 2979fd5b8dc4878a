import { uuid } from "../../../platform/ids/ids.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { Call } from "../../../platform/product.ts";
import { ssksError } from "../errors.ts";
import type { CreateTemplateRequest, TemplateView, UpdateTemplateRequest } from "../schema.ts";
import { findApp, lockApp } from "../store/apps.ts";
import {
  deleteTemplate as deleteTemplateRow,
  findTemplate,
  insertTemplate,
  listTemplates as listTemplateRows,
  updateNoDefault,
  updateTemplate as updateTemplateRow,
  type TemplateRow,
} from "../store/templates.ts";
import { noApp, noteApp } from "./apps.ts";

const MAX_TEMPLATES = 100;

export async function createTemplate(call: Call, appId: string, request: CreateTemplateRequest): Promise<TemplateView> {
  const { tenantId } = call.caller;
  const row = { ...request, id: uuid(), created_at: call.now };
  return call.write(async (tx) => {
    if ((await lockApp(tx, tenantId, appId)) === null) throw noApp(appId);
    if ((await listTemplateRows(tx, tenantId, appId)).length >= MAX_TEMPLATES) {
      throw ssksError("too_many_templates", `An application has ${MAX_TEMPLATES} templates at most.`);
    }
    if (row.is_default) await updateNoDefault(tx, tenantId, appId);
    await insertTemplate(tx, tenantId, appId, row);
    await noteApp(tx, call, "createTemplate", { appId, details: { template_id: row.id } });
    return viewOf(row);
  });
}

export async function listTemplates(call: Call, appId: string): Promise<{ data: TemplateView[] }> {
  const { tenantId } = call.caller;
  return call.read(async (tx) => {
    if ((await findApp(tx, tenantId, appId)) === null) throw noApp(appId);
    return { data: (await listTemplateRows(tx, tenantId, appId)).map(viewOf) };
  });
}

type TemplateName = { readonly appId: string; readonly templateId: string };

export async function updateTemplate(
  call: Call,
  name: TemplateName,
  request: UpdateTemplateRequest,
): Promise<TemplateView> {
  const { tenantId } = call.caller;
  const { appId, templateId } = name;
  return call.write(async (tx) => {
    if ((await lockApp(tx, tenantId, appId)) === null) throw noApp(appId);
    const row = await templateOf(tx, tenantId, name);
    const changed: TemplateRow = {
      ...row,
      name: request.name ?? row.name,
      subject: request.subject === undefined ? row.subject : request.subject,
      html: request.html ?? row.html,
      is_default: request.is_default ?? row.is_default,
    };
    if (changed.is_default && !row.is_default) await updateNoDefault(tx, tenantId, appId);
    await updateTemplateRow(tx, tenantId, appId, changed);
    await noteApp(tx, call, "updateTemplate", { appId, details: { template_id: templateId } });
    return viewOf(changed);
  });
}

export async function deleteTemplate(call: Call, name: TemplateName): Promise<void> {
  const { tenantId } = call.caller;
  const { appId, templateId } = name;
  await call.write(async (tx) => {
    await templateOf(tx, tenantId, name);
    await deleteTemplateRow(tx, tenantId, appId, templateId);
    await noteApp(tx, call, "deleteTemplate", { appId, details: { template_id: templateId } });
  });
}

async function templateOf(tx: Tx, tenantId: string, { appId, templateId }: TemplateName): Promise<TemplateRow> {
  const row = await findTemplate(tx, tenantId, appId, templateId);
  if (row === null) throw ssksError("template_not_found", `The application has no template ${templateId}.`);
  return row;
}

function viewOf({ id, created_at: createdAt, ...row }: TemplateRow): TemplateView {
  return { template_id: id, ...row, created_at: createdAt.toISOString() };
}

import { recordAudit } from "../../audit/audit.ts";
import type { Tx } from "../../db/tx.ts";
import { platformError } from "../../errors/platform-errors.ts";
import { pageOf, positionOf } from "../../db/paging.ts";
import { newId } from "../../ids/ids.ts";
import { OutboundError } from "../../outbound/outbound-error.ts";
import type { Call } from "../../product.ts";
import { webhookAnswer } from "../answers.ts";
import { webhookError } from "../errors.ts";
import { FULL_HEALTH, takeOf } from "../health.ts";
import type { ChangeWebhookRequest, CreateWebhookRequest, WebhookAnswer, WebhookWithSecret } from "../schema.ts";
import { newSecret, sealSecret, sealSigningKey, sealUrl, secretFault } from "../secrets.ts";
import { newSigningKey } from "../signing.ts";
import {
  countEndpoints,
  deleteEndpoint,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  lockEndpoint,
  updateDisabled,
  updateEnabled,
  updateEndpoint,
  type EndpointRow,
} from "../store/endpoints.ts";
import { insertLane, updateLanePaused, updateLaneResumed } from "../store/queue.ts";

/** Endpoints of one tenant, all products together. */
export const MAX_ENDPOINTS = 100;
/** In flight after an enabling: the ramp begins anew. */
const FIRST_CAP = 1;

/** Whose webhooks these are: a product and the events it has. */
export type WebhookScope = { readonly product: string; readonly eventNames: readonly string[] };

export async function createWebhook(
  call: Call,
  scope: WebhookScope,
  request: CreateWebhookRequest,
): Promise<WebhookWithSecret> {
  checkEvents(scope, request.events);
  const secret = request.secret ?? newSecret();
  checkSecret(secret);
  await checkUrl(call, request.url);
  const tenantId = call.caller.tenantId;
  const id = newId("whk", call.now);
  const { seed, publicKey } = newSigningKey();
  const row = {
    id,
    product: scope.product,
    sealedUrl: sealUrl(call.keys, id, request.url),
    description: request.description ?? "",
    events: [...new Set(request.events)],
    secret: sealSecret(call.keys, id, secret),
    signingKey: sealSigningKey(call.keys, id, seed),
    publicKey,
    inFlightCap: FULL_HEALTH.inFlightCap,
    at: call.now,
  };
  seed.fill(0);
  return call.write(async (tx) => {
    if ((await countEndpoints(tx, tenantId)) >= MAX_ENDPOINTS) {
      throw webhookError("webhook_limit_reached", `An organisation may register ${MAX_ENDPOINTS} webhooks.`);
    }
    await insertEndpoint(tx, tenantId, row);
    await insertLane(tx, tenantId, { endpointId: id, take: takeOf(FULL_HEALTH) });
    await audit(tx, call, {
      scope,
      operation: "createWebhook",
      webhookId: id,
      details: { url: originOf(request.url), events: row.events },
    });
    const made = await findEndpoint(tx, tenantId, { endpointId: id, product: scope.product });
    return { ...webhookAnswer(found(made), call), secret };
  });
}

export async function listWebhooks(
  call: Call,
  scope: WebhookScope,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: WebhookAnswer[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const rows = await call.read((tx) => listEndpoints(tx, call.caller.tenantId, { product: scope.product, position }));
  return pageOf(rows, position, { id: (row) => row.id, show: (row) => webhookAnswer(row, call) });
}

export async function getWebhook(call: Call, scope: WebhookScope, webhookId: string): Promise<WebhookAnswer> {
  const key = { endpointId: webhookId, product: scope.product };
  const row = await call.read((tx) => findEndpoint(tx, call.caller.tenantId, key));
  return webhookAnswer(found(row), call);
}

export async function updateWebhook(
  call: Call,
  scope: WebhookScope,
  target: { webhookId: string; change: ChangeWebhookRequest },
): Promise<WebhookAnswer> {
  const { change, webhookId } = target;
  if (change.events !== undefined) checkEvents(scope, change.events);
  if (change.url !== undefined) await checkUrl(call, change.url);
  const answer = await call.write(async (tx) => {
    const { tenantId } = call.caller;
    const key = { endpointId: webhookId, product: scope.product };
    const row = found(await lockEndpoint(tx, tenantId, key));
    await updateEndpoint(tx, tenantId, {
      id: webhookId,
      sealedUrl: change.url === undefined ? row.sealed_url : sealUrl(call.keys, webhookId, change.url),
      description: change.description ?? row.description,
      events: change.events === undefined ? row.events : [...new Set(change.events)],
      at: call.now,
    });
    if (change.active === true && !row.is_active) await enable(tx, call, webhookId);
    if (change.active === false && row.is_active) await disable(tx, call, webhookId);
    const details = { ...change, ...(change.url === undefined ? {} : { url: originOf(change.url) }) };
    await audit(tx, call, { scope, operation: "updateWebhook", webhookId, details });
    return webhookAnswer(found(await findEndpoint(tx, tenantId, key)), call);
  });
  call.services.eventHints.hint();
  return answer;
}

export async function enableWebhook(call: Call, scope: WebhookScope, webhookId: string): Promise<WebhookAnswer> {
  const answer = await call.write(async (tx) => {
    const { tenantId } = call.caller;
    const key = { endpointId: webhookId, product: scope.product };
    found(await lockEndpoint(tx, tenantId, key));
    await enable(tx, call, webhookId);
    await audit(tx, call, { scope, operation: "enableWebhook", webhookId, details: {} });
    return webhookAnswer(found(await findEndpoint(tx, tenantId, key)), call);
  });
  call.services.eventHints.hint();
  return answer;
}

export async function deleteWebhook(call: Call, scope: WebhookScope, webhookId: string): Promise<void> {
  await call.write(async (tx) => {
    const { tenantId } = call.caller;
    const deleted = await deleteEndpoint(tx, tenantId, { endpointId: webhookId, product: scope.product });
    if (deleted === 0) throw notFound();
    await audit(tx, call, { scope, operation: "deleteWebhook", webhookId, details: {} });
  });
}

async function enable(tx: Tx, call: Call, endpointId: string): Promise<void> {
  const { tenantId } = call.caller;
  await updateEnabled(tx, tenantId, { endpointId, inFlightCap: FIRST_CAP, at: call.now });
  await updateLaneResumed(tx, tenantId, { endpointId, take: FIRST_CAP, at: call.now });
}

async function disable(tx: Tx, call: Call, endpointId: string): Promise<void> {
  const { tenantId } = call.caller;
  await updateDisabled(tx, tenantId, { endpointId, reason: "by_user", at: call.now });
  await updateLanePaused(tx, tenantId, { endpointId, pausedUntil: null });
}

export async function audit(
  tx: Tx,
  call: Call,
  what: { scope: WebhookScope; operation: string; webhookId: string; details: Readonly<Record<string, unknown>> },
): Promise<void> {
  await recordAudit(tx, call.caller.tenantId, {
    action: `${what.scope.product}.${what.operation}`,
    at: call.now,
    actor: { type: "token", id: call.caller.credentialId, ip: call.remoteAddress },
    resource: { type: "webhook", id: what.webhookId },
    outcome: "success",
    details: what.details,
  });
}

export function checkSecret(secret: string): void {
  const reason = secretFault(secret);
  if (reason !== null) throw invalid("The secret is too short.", "secret", reason);
}

/** The row, or 404: what the caller may not see does not exist. */
export function found(row: EndpointRow | null): EndpointRow {
  if (row === null) throw notFound();
  return row;
}

function notFound(): Error {
  return webhookError("webhook_not_found", "There is no such webhook.");
}

function checkEvents(scope: WebhookScope, events: readonly string[]): void {
  if (events.includes("*") && events.length > 1) {
    throw invalid("The events cannot be told.", "events", 'must be ["*"] alone, or a list of names');
  }
  const unknownAt = events.findIndex((name) => name !== "*" && !scope.eventNames.includes(name));
  if (unknownAt >= 0) {
    const reason = `must be one of: *, ${scope.eventNames.join(", ")}`;
    throw invalid("There is no such event.", `events.${unknownAt}`, reason);
  }
}

/** Resolves the name, so before the transaction. Every attempt checks anew. */
async function checkUrl(call: Call, url: string): Promise<void> {
  try {
    await call.services.outbound.checkUrl(url, call.signal);
  } catch (error) {
    if (error instanceof OutboundError && error.code !== "aborted")
      throw invalid("The URL is not taken.", "url", error.message);
    throw error;
  }
}

function invalid(detail: string, parameter: string, reason: string): Error {
  return platformError("validation_failed", detail, { fields: [{ parameter, reason }] });
}

/** What may go into the audit log: paths and queries of a URL carry secrets. */
function originOf(url: string): string {
  return URL.parse(url)?.origin ?? "";
}

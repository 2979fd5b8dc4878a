import { recordAudit, type AuditActor, type AuditEntry } from "../audit/audit.ts";
import { isNetwork } from "../config/settings.ts";
import type { Tx } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";
import { pageOf, positionOf } from "../db/paging.ts";
import { newId } from "../ids/ids.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Call } from "../product.ts";
import { credentialError } from "./errors.ts";
import type { CreateTokenRequest, RotateTokenRequest, TokenView } from "./schema.ts";
import {
  findCredential,
  insertCredential,
  insertDirectoryEntry,
  listCredentials,
  updateExpiry,
  updateRevoked,
  type CredentialRow,
} from "./store.ts";
import { newToken, tokenPrefixes } from "./token.ts";

/** What a new token shall be. */
export type TokenOrder = {
  readonly product: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly ipAllow: readonly string[];
  readonly isLive: boolean;
  readonly expiresAt: Date;
  readonly createdBy: string;
  readonly rotatedFrom: string | null;
};

/** The actor of a call, for the audit log. */
export function actorOf(call: Pick<Call, "caller" | "remoteAddress">): AuditActor {
  const { member } = call.caller;
  if (member !== undefined) return { type: "member", id: member.memberId, email: member.email, ip: call.remoteAddress };
  const type = call.caller.product === "platform" ? "operator" : "token";
  return { type, id: call.caller.credentialId, ip: call.remoteAddress };
}

/** Makes a token within `tx`. The token is in the answer and nowhere else; what is kept is its keyed hash. */
export async function issueToken(
  tx: Tx,
  tenantId: string,
  order: TokenOrder,
  context: { keyring: Keyring; now: Date },
): Promise<{ row: CredentialRow; token: string }> {
  const prefix = tokenPrefixes[order.product];
  if (prefix === undefined) throw new Error(`${order.product} has no token prefix`);
  const { token, lookupId } = newToken(prefix, order.isLive);
  const id = newId("tok", context.now);
  const { product, name, createdBy, rotatedFrom } = order;
  const lifeSeconds = Math.round((order.expiresAt.getTime() - context.now.getTime()) / 1000);
  const { now } = context;
  await insertCredential(tx, tenantId, { id, lookupId, product, name, createdBy, rotatedFrom, lifeSeconds, now });
  await insertDirectoryEntry(tx, {
    lookup_id: lookupId,
    tenant_id: tenantId,
    credential_id: id,
    product,
    mac: context.keyring.mac("token-pepper", token),
    scopes: [...order.scopes],
    ip_allow: [...order.ipAllow],
    is_live: order.isLive,
    expires_at: order.expiresAt,
    revoked_at: null,
  });
  const row: CredentialRow = {
    id,
    lookup_id: lookupId,
    name,
    product,
    scopes: [...order.scopes],
    ip_allow: [...order.ipAllow],
    is_live: order.isLive,
    created_by: createdBy,
    rotated_from: rotatedFrom,
    created_at: now,
    life_seconds: lifeSeconds,
    expires_at: order.expiresAt,
    revoked_at: null,
    last_used_at: null,
    last_used_ip: null,
  };
  return { row, token };
}

export async function createToken(
  call: Call,
  product: string,
  request: CreateTokenRequest,
): Promise<TokenView & { token: string }> {
  refuseNetworks(request.ip_allow);
  refuseWiderScopes(call, request.scopes);
  const expiresAt = new Date(call.now.getTime() + request.expires_in * 1000);
  return call.write(async (tx) => {
    const order = {
      product,
      name: request.name,
      scopes: [...new Set(request.scopes)],
      ipAllow: request.ip_allow,
      isLive: request.environment === "live",
      expiresAt,
      createdBy: call.caller.credentialId,
      rotatedFrom: null,
    };
    const { row, token } = await issueToken(tx, call.caller.tenantId, order, contextOf(call));
    await recordAudit(tx, call.caller.tenantId, entryOf(call, `${product}.createToken`, row, { scopes: row.scopes }));
    return { ...viewOf(row, call.now), token };
  });
}

export async function listTokens(
  call: Call,
  product: string,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: TokenView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const rows = await call.read((tx) => listCredentials(tx, call.caller.tenantId, product, position));
  return pageOf(rows, position, { id: (row) => row.id, show: (row) => viewOf(row, call.now) });
}

export async function getToken(call: Call, product: string, id: string): Promise<TokenView> {
  return viewOf(await call.read((tx) => tokenOf(call, tx, product, id)), call.now);
}

/** Ends a token at once: this process refuses it from the commit on, others within a second. */
export async function revokeToken(
  call: Call,
  product: string,
  id: string,
  forget: (lookupId: string) => void,
): Promise<void> {
  const lookupId = await call.write(async (tx) => {
    const row = await tokenOf(call, tx, product, id);
    const isFirst = (await updateRevoked(tx, call.caller.tenantId, row.lookup_id, call.now)) === 1;
    if (isFirst) await recordAudit(tx, call.caller.tenantId, entryOf(call, `${product}.revokeToken`, row, {}));
    return row.lookup_id;
  });
  forget(lookupId);
}

/**
 * A successor with the same rights, which lives as long as the old token was made for; the old one ends after the
 * overlap.
 */
export async function rotateToken(
  call: Call,
  product: string,
  target: { id: string; forget(lookupId: string): void },
  request: RotateTokenRequest,
): Promise<TokenView & { token: string }> {
  const endsAt = new Date(call.now.getTime() + request.overlap_seconds * 1000);
  let oldLookupId = "";
  const answer = await call.write(async (tx) => {
    const old = await tokenOf(call, tx, product, target.id);
    refuseWiderScopes(call, old.scopes);
    if (statusOf(old, call.now) !== "active")
      throw credentialError("token_revoked", "Only a living token can be rotated.");
    const order = {
      product,
      name: old.name,
      scopes: old.scopes,
      ipAllow: old.ip_allow,
      isLive: old.is_live,
      expiresAt: new Date(call.now.getTime() + old.life_seconds * 1000),
      createdBy: call.caller.credentialId,
      rotatedFrom: old.id,
    };
    const { row, token } = await issueToken(tx, call.caller.tenantId, order, contextOf(call));
    await updateExpiry(tx, call.caller.tenantId, old.lookup_id, endsAt);
    const details = { successor: row.id, old_ends_at: endsAt.toISOString() };
    await recordAudit(tx, call.caller.tenantId, entryOf(call, `${product}.rotateToken`, old, details));
    oldLookupId = old.lookup_id;
    return { ...viewOf(row, call.now), token };
  });
  target.forget(oldLookupId);
  return answer;
}

function contextOf(call: Call): { keyring: Keyring; now: Date } {
  return { keyring: call.services.keyring, now: call.now };
}

async function tokenOf(call: Call, tx: Tx, product: string, id: string): Promise<CredentialRow> {
  const row = await findCredential(tx, call.caller.tenantId, product, id);
  if (row === null) throw credentialError("token_not_found", `There is no token ${id}.`);
  return row;
}

/** A token gives no more than it holds itself; otherwise `tokens:manage` would be every scope. */
function refuseWiderScopes(call: Call, scopes: readonly string[]): void {
  if (call.caller.product === "platform") return;
  const missing = scopes.filter((scope) => !call.caller.scopes.has(scope));
  if (missing.length > 0) {
    throw credentialError("scope_not_held", `The calling token does not hold: ${missing.join(", ")}.`);
  }
}

function refuseNetworks(entries: readonly string[]): void {
  const wrong = entries.findIndex((entry) => !isNetwork(entry));
  if (wrong >= 0) {
    throw platformError("validation_failed", "An entry of ip_allow is not a network.", {
      fields: [{ parameter: `ip_allow.${wrong}`, reason: "must be an address or a network in CIDR form" }],
    });
  }
}

function statusOf(row: CredentialRow, now: Date): "active" | "expired" | "revoked" {
  if (row.revoked_at !== null) return "revoked";
  return row.expires_at <= now ? "expired" : "active";
}

function viewOf(row: CredentialRow, now: Date): TokenView {
  return {
    token_id: row.id,
    name: row.name,
    scopes: row.scopes,
    ip_allow: row.ip_allow,
    environment: row.is_live ? "live" : "test",
    status: statusOf(row, now),
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    last_used_ip: row.last_used_ip,
    rotated_from: row.rotated_from,
  };
}

function entryOf(
  call: Call,
  action: string,
  row: CredentialRow,
  details: Readonly<Record<string, unknown>>,
): AuditEntry {
  return {
    action,
    at: call.now,
    actor: actorOf(call),
    resource: { type: "token", id: row.id },
    outcome: "success",
    details: { name: row.name, ...details },
  };
}

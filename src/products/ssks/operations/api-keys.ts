import { issueToken } from "../../../platform/credentials/operations.ts";
import { updateExpiry, updateRevoked } from "../../../platform/credentials/store.ts";
import { pageOf, positionOf } from "../../../platform/db/paging.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { Keyring } from "../../../platform/keys/keyring.ts";
import type { Call } from "../../../platform/product.ts";
import type { App } from "../app.ts";
import { API_KEY_PRODUCT, keyScope } from "../api-key.ts";
import { ssksError } from "../errors.ts";
import type { KeyView, NewKeyResponse } from "../schema.ts";
import { findApp, findKey, insertKey, listKeys, type KeyRow } from "../store/apps.ts";
import { noApp, noteApp } from "./apps.ts";

/** A key has no end of its own: it is replaced or revoked. */
const LIFE_MS = 100 * 365 * 24 * 3_600_000;

type KeyOrder = { readonly name: string; readonly createdBy: string; readonly rotatedFrom: string | null };

/** Makes a key of an application within `tx`. It is in the answer and nowhere else; what is kept is its keyed hash. */
export async function issueKey(
  tx: Tx,
  app: Pick<App, "tenant_id" | "id" | "environment">,
  order: KeyOrder,
  context: { readonly keyring: Keyring; readonly now: Date },
): Promise<NewKeyResponse> {
  const { row, token } = await issueToken(
    tx,
    app.tenant_id,
    {
      ...order,
      product: API_KEY_PRODUCT,
      scopes: [keyScope(app.id)],
      ipAllow: [],
      isLive: app.environment === "production",
      expiresAt: new Date(context.now.getTime() + LIFE_MS),
    },
    context,
  );
  await insertKey(tx, app.tenant_id, app.id, row.id);
  return { ...viewOf({ ...row, credential_id: row.id }, context.now), api_key: token };
}

export async function createAppKey(call: Call, appId: string, name: string): Promise<NewKeyResponse> {
  return call.write(async (tx) => {
    const app = await appOf(tx, call, appId);
    const order = { name, createdBy: call.caller.credentialId, rotatedFrom: null };
    const made = await issueKey(tx, app, order, { keyring: call.services.keyring, now: call.now });
    await noteApp(tx, call, "createAppKey", { appId, details: { key_id: made.key_id } });
    return made;
  });
}

export async function listAppKeys(
  call: Call,
  appId: string,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: KeyView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const { tenantId } = call.caller;
  return call.read(async (tx) => {
    await appOf(tx, call, appId);
    const rows = await listKeys(tx, tenantId, appId, position);
    return pageOf(rows, position, { id: (row) => row.credential_id, show: (row) => viewOf(row, call.now) });
  });
}

type KeyName = { readonly appId: string; readonly keyId: string; forget(lookupId: string): void };

/** Takes effect in this process at once, elsewhere within a second. Revoking again changes nothing. */
export async function revokeAppKey(call: Call, { appId, keyId, forget }: KeyName): Promise<void> {
  const lookupId = await call.write(async (tx) => {
    const key = await keyOf(tx, call, appId, keyId);
    await updateRevoked(tx, call.caller.tenantId, key.lookup_id, call.now);
    await noteApp(tx, call, "revokeAppKey", { appId, details: { key_id: keyId } });
    return key.lookup_id;
  });
  forget(lookupId);
}

/** A successor; the old key ends after the overlap. */
export async function rotateAppKey(
  call: Call,
  { appId, keyId, forget }: KeyName,
  overlapSeconds: number,
): Promise<NewKeyResponse> {
  const endsAt = new Date(call.now.getTime() + overlapSeconds * 1000);
  let lookupId = "";
  const made = await call.write(async (tx) => {
    const [app, old] = [await appOf(tx, call, appId), await keyOf(tx, call, appId, keyId)];
    if (statusOf(old, call.now) !== "active") throw ssksError("key_ended", "Only a living key can be replaced.");
    const order = { name: old.name, createdBy: call.caller.credentialId, rotatedFrom: keyId };
    const successor = await issueKey(tx, app, order, { keyring: call.services.keyring, now: call.now });
    await updateExpiry(tx, call.caller.tenantId, old.lookup_id, endsAt);
    const details = { key_id: keyId, successor: successor.key_id, old_ends_at: endsAt.toISOString() };
    await noteApp(tx, call, "rotateAppKey", { appId, details });
    lookupId = old.lookup_id;
    return successor;
  });
  forget(lookupId);
  return made;
}

async function appOf(tx: Tx, call: Call, appId: string): Promise<App> {
  const app = await findApp(tx, call.caller.tenantId, appId);
  if (app === null) throw noApp(appId);
  return app;
}

async function keyOf(tx: Tx, call: Call, appId: string, keyId: string): Promise<KeyRow> {
  const key = await findKey(tx, call.caller.tenantId, appId, keyId);
  if (key === null) throw ssksError("key_not_found", `The application has no key ${keyId}.`);
  return key;
}

function statusOf(row: Pick<KeyRow, "revoked_at" | "expires_at">, now: Date): KeyView["status"] {
  if (row.revoked_at !== null) return "revoked";
  return row.expires_at <= now ? "expired" : "active";
}

function viewOf(row: Omit<KeyRow, "lookup_id" | "life_seconds">, now: Date): KeyView {
  return {
    key_id: row.credential_id,
    name: row.name,
    status: statusOf(row, now),
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
  };
}

import { randomBytes } from "node:crypto";
import type { TenantKeys } from "../keys/keyring.ts";
import { privateKeyOf, standardKey, type SigningKeys } from "./signing.ts";

/** Standard Webhooks asks for 24 to 64 bytes. */
const GENERATED_BYTES = 32;
const MIN_KEY_BYTES = 16;

/** How long an old secret still signs the standard header after another took its place. */
export const PREVIOUS_SECRET_MS = 24 * 3_600_000;
/** When a new secret takes over the legacy signature unless the customer says otherwise. */
export const DEFAULT_FLIP_MS = 24 * 3_600_000;
export const MAX_FLIP_MS = 30 * 24 * 3_600_000;

/** The sealed secrets of an endpoint and when they change places. */
export type SecretColumns = {
  readonly secret: Buffer;
  readonly pending_secret: Buffer | null;
  readonly pending_flips_at: Date | null;
  readonly previous_secret: Buffer | null;
  readonly previous_ends_at: Date | null;
};

export function newSecret(): string {
  return `whsec_${randomBytes(GENERATED_BYTES).toString("base64")}`;
}

/** Why a customer's own secret is not taken, or null. Both keys that are made of it must be long enough. */
export function secretFault(secret: string): string | null {
  if (standardKey(secret).length < MIN_KEY_BYTES) return `must hold at least ${MIN_KEY_BYTES} bytes after whsec_`;
  return null;
}

/** The columns as they stand at `now`: a pending secret whose instant has come is the current one. */
export function settleSecrets(columns: SecretColumns, now: Date): SecretColumns {
  const flipped =
    columns.pending_secret !== null && columns.pending_flips_at !== null && columns.pending_flips_at <= now
      ? flip(columns, columns.pending_secret, columns.pending_flips_at)
      : columns;
  const isPreviousOver = flipped.previous_ends_at === null || flipped.previous_ends_at <= now;
  if (!isPreviousOver) return flipped;
  return { ...flipped, previous_secret: null, previous_ends_at: null };
}

/** `secret` becomes current at `at`; the one before it lives on in the standard header for a day. */
export function flip(columns: SecretColumns, secret: Buffer, at: Date): SecretColumns {
  return {
    secret,
    pending_secret: null,
    pending_flips_at: null,
    previous_secret: columns.secret,
    previous_ends_at: new Date(at.getTime() + PREVIOUS_SECRET_MS),
  };
}

export function sealSecret(keys: TenantKeys, endpointId: string, secret: string): Buffer {
  return keys.seal("webhook-secrets", Buffer.from(secret, "utf8"), `${endpointId}/secret`);
}

export function sealSigningKey(keys: TenantKeys, endpointId: string, seed: Buffer): Buffer {
  return keys.seal("webhook-secrets", seed, `${endpointId}/signing-key`);
}

/** A URL is a secret, too: whoever knows its path and query may often post there. */
export function sealUrl(keys: TenantKeys, endpointId: string, url: string): Buffer {
  return keys.seal("webhook-secrets", Buffer.from(url, "utf8"), `${endpointId}/url`);
}

/** Throws `SealError` when it cannot be opened. */
export function openUrl(keys: TenantKeys, endpoint: { readonly id: string; readonly sealed_url: Buffer }): string {
  return keys.open("webhook-secrets", endpoint.sealed_url, `${endpoint.id}/url`).toString("utf8");
}

/** What an attempt at `now` is signed with. Throws `SealError` when a secret cannot be opened: then nothing is sent. */
export function openSigningKeys(
  keys: TenantKeys,
  endpoint: SecretColumns & { readonly id: string; readonly signing_key: Buffer },
  now: Date,
): SigningKeys {
  const open = (sealed: Buffer) => keys.open("webhook-secrets", sealed, `${endpoint.id}/secret`).toString("utf8");
  const settled = settleSecrets(endpoint, now);
  const legacySecret = open(settled.secret);
  const others = [settled.pending_secret, settled.previous_secret].filter((sealed) => sealed !== null);
  const seed = keys.open("webhook-secrets", endpoint.signing_key, `${endpoint.id}/signing-key`);
  const privateKey = privateKeyOf(seed);
  seed.fill(0);
  return { legacySecret, standardSecrets: [legacySecret, ...others.map(open)], privateKey };
}

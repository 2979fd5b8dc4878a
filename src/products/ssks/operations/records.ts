import { randomBytes } from "node:crypto";
import type { TenantKeys } from "../../../platform/keys/keyring.ts";
import { openWith, sealWith } from "../../../platform/keys/seal.ts";
import type { SealedData } from "../store/users.ts";

const KEY_BYTES = 32;
const FIRST_GENERATION = 1;

/**
 * Seals what a client stored under a key of its own, and that key under the tenant's. Neither says anything once the row
 * is gone: what is left of the long ciphertext on some disk cannot be opened without the short key beside it.
 */
export function sealRecord(keys: TenantKeys, text: string, context: string): SealedData {
  const key = randomBytes(KEY_BYTES);
  const sealedData = sealWith(key, FIRST_GENERATION, Buffer.from(text, "utf8"), context);
  const wrappedKey = keys.seal("key-storage", key, context);
  key.fill(0);
  return { wrappedKey, sealedData };
}

export function openRecord(keys: TenantKeys, { wrappedKey, sealedData }: SealedData, context: string): string {
  const key = keys.open("key-storage", wrappedKey, context);
  const plain = openWith(key, sealedData, context);
  key.fill(0);
  return plain.toString("utf8");
}

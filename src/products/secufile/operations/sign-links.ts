import { randomBytes } from "node:crypto";
import type { Tx } from "../../../platform/db/tx.ts";
import { TenantShreddedError, type TenantKeys } from "../../../platform/keys/keyring.ts";
import type { Services } from "../../../platform/product.ts";
import { findSignLink, insertSignLink, updateReplacedLinks, type SignLinkRow } from "../store/signatures.ts";

const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export type NewLink = { readonly url: string; readonly tokenMac: Buffer };

/** A link for signers. Its token is in the URL and nowhere else; what is kept is its keyed hash. */
export function createSignLink(services: Services): NewLink {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  return { url: `${services.publicUrl()}/sign/${token}`, tokenMac: services.keyring.mac("link-tokens", token) };
}

/** A signer's new link replaces the ones before it. */
export async function giveSignerLink(
  tx: Tx,
  tenantId: string,
  link: { readonly tokenMac: Buffer; readonly signatureId: string; readonly signerId: string; readonly now: Date },
): Promise<void> {
  await updateReplacedLinks(tx, tenantId, link);
  await insertSignLink(tx, tenantId, link);
}

/** A link that somebody was given, with the keys of its tenant. */
export type OpenLink = SignLinkRow & { readonly keys: TenantKeys; readonly tokenMac: Buffer };

/** Null for a token that nobody was given, and where its tenant is no more. */
export async function findLink(services: Services, token: string): Promise<OpenLink | null> {
  // 43 characters of base64url hold 258 bits; the form that its maker does not write is no link.
  if (!TOKEN.test(token) || Buffer.from(token, "base64url").toString("base64url") !== token) return null;
  const tokenMac = services.keyring.mac("link-tokens", token);
  const link = await services.db.directory((tx) => findSignLink(tx, tokenMac));
  if (link === null) return null;
  try {
    return { ...link, tokenMac, keys: await services.keyring.of(link.tenant_id) };
  } catch (error) {
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
}

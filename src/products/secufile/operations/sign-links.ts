import { randomBytes } from "node:crypto";
import type { Tx } from "../../../platform/db/tx.ts";
import type { Call, OpenCall } from "../../../platform/product.ts";
import { findTenant } from "../../../platform/tenants/store.ts";
import type { SignPageFacts } from "../pages.ts";
import { findDocument, findSignLink, insertSignLink, listSigners } from "../store.ts";

const TOKEN_BYTES = 32;

/** A link for the signers of a document. Its token is in the URL and nowhere else; what is kept is its keyed hash. */
export function createSignLink(call: Call): { url: string; insert(tx: Tx, documentId: string): Promise<void> } {
  const { services, caller } = call;
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const tokenMac = services.keyring.mac("link-tokens", token);
  return {
    url: `${services.publicUrl()}/sign/${token}`,
    async insert(tx, documentId) {
      await insertSignLink(tx, caller.tenantId, { tokenMac, documentId, now: call.now });
    },
  };
}

/**
 * What is behind a link: who asks, for what, and how far it is. Null for a token that nobody was given, and where the
 * document was deleted. Looking changes nothing.
 */
export async function findSignRequest(call: OpenCall, token: string): Promise<SignPageFacts | null> {
  const { db, keyring } = call.services;
  const mac = keyring.mac("link-tokens", token);
  const link = await db.directory((tx) => findSignLink(tx, mac));
  if (link === null) return null;
  return db.tenant(link.tenant_id, async (tx) => {
    const [document, signers, tenant] = await Promise.all([
      findDocument(tx, link.tenant_id, link.document_id),
      listSigners(tx, link.tenant_id, [link.document_id]),
      findTenant(tx, link.tenant_id),
    ]);
    return document === null || tenant === null ? null : { document, signers, sender: tenant.name };
  });
}

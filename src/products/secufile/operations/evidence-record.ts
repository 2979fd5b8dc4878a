import type { Tx } from "../../../platform/db/tx.ts";
import { findTenant } from "../../../platform/tenants/store.ts";
import { CONSENT_VERSION, consentTexts } from "../consent.ts";
import type { SignForm } from "../sign-form.ts";
import { codeChannel } from "../signature.ts";
import { findDocument } from "../store/documents.ts";
import type { SignatureRow, SignatureSignerRow } from "../store/signatures.ts";
import { sha256Hex } from "./evidence.ts";
import type { OpenLink } from "./sign-links.ts";
import type { Visitor } from "./signing.ts";

type Signing = {
  readonly call: { readonly remoteAddress: string };
  readonly change: { readonly tenantId: string; readonly now: Date };
  readonly link: OpenLink;
  readonly row: SignatureRow;
  readonly signer: SignatureSignerRow;
  readonly form: SignForm;
  readonly visitor: Visitor;
};

/** What is signed as evidence of one signature. Null where the document is gone. */
export async function evidenceRecord(tx: Tx, signing: Signing): Promise<Record<string, unknown> | null> {
  const { change, link, row, signer, form, visitor } = signing;
  const [document, tenant] = await Promise.all([
    findDocument(tx, change.tenantId, row.document_id),
    findTenant(tx, change.tenantId),
  ]);
  if (document === null || tenant === null || document.sha256 === null) return null;
  const message =
    row.sealed_message === null ? null : link.keys.open("signatures", row.sealed_message, row.id).toString("utf8");
  return {
    type: "tabellion.signature-evidence",
    version: 1,
    signature_id: row.id,
    document: {
      document_id: row.document_id,
      filename: row.filename,
      size: Number(document.size_bytes),
      ciphertext_sha256: document.sha256.toString("hex"),
      plaintext_sha256: row.plaintext_sha256?.toString("hex") ?? null,
    },
    request: {
      organisation: tenant.name,
      requested_at: row.created_at.toISOString(),
      expires_at: row.expires_at.toISOString(),
      message_sha256: message === null ? null : sha256Hex(message),
    },
    signer: {
      signer_id: signer.id,
      email: signer.email,
      role: signer.role,
      name: signer.name,
      order: signer.signing_order,
      delegated_from: signer.delegated_from,
    },
    typed_name: form.name,
    consent: { version: CONSENT_VERSION, language: visitor.locale, text: consentTexts[visitor.locale] },
    signed_at: change.now.toISOString(),
    address: signing.call.remoteAddress,
    user_agent: visitor.userAgent,
    proof: {
      mail: {
        sent_to: signer.email,
        link_made_at: link.created_at.toISOString(),
        opened_at: signer.viewed_at?.toISOString() ?? null,
        used_at: change.now.toISOString(),
      },
      code: row.required_code === "none" ? null : codeProof(row, signer, change.now),
    },
  };
}

function codeProof(row: SignatureRow, signer: SignatureSignerRow, now: Date): Record<string, unknown> {
  const isSms = codeChannel(row.required_code, signer) === "sms";
  return {
    channel: isSms ? "sms" : "mail",
    sent_to: isSms ? signer.phone : signer.email,
    sent_at: signer.code_sent_at?.toISOString() ?? null,
    confirmed_at: now.toISOString(),
  };
}

import type { AuditActor } from "../../../platform/audit/audit.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { OpenCall } from "../../../platform/product.ts";
import { findTenant } from "../../../platform/tenants/store.ts";
import type { Notice, SignFacts, SignPage, Typed } from "../sign-view.ts";
import { dueSigners, statusAt } from "../signature.ts";
import { findDocument } from "../store/documents.ts";
import {
  findSignature,
  listSignatureSigners,
  type SignatureRow,
  type SignatureSignerRow,
} from "../store/signatures.ts";
import { limitLook } from "./sign-limits.ts";
import { findLink, type OpenLink } from "./sign-links.ts";
import { noteSignature } from "./signature-changes.ts";

/** What is behind a link. Looking changes nothing: programs that check mails open every link in them. It is on record. */
export async function showSignPage(call: OpenCall, token: string, userAgent: string): Promise<SignPage> {
  const limited = await limitLook(call);
  if (limited !== null) return limited;
  const link = await findLink(call.services, token);
  return link === null ? { kind: "nothing" } : pageOfLink(call, link, { notice: null, lookedBy: userAgent });
}

/** The page of a link as things stand now; `lookedBy` where nothing else was done, so that nothing else is on record. */
export async function pageOfLink(
  call: OpenCall,
  link: OpenLink,
  shown: { notice: Notice | null; typed?: Typed; lookedBy?: string },
): Promise<SignPage> {
  const { tenant_id: tenantId } = link;
  return call.services.db.tenant(tenantId, async (tx) => {
    const [row, signers] = await Promise.all([
      findSignature(tx, tenantId, link.signature_id),
      listSignatureSigners(tx, tenantId, [link.signature_id]),
    ]);
    if (row === null) return { kind: "nothing" };
    const facts = await factsOf(tx, { call, link, row, signers });
    const signer = signers.find(({ id }) => id === link.signer_id);
    if (facts === null || (link.signer_id !== null && signer === undefined)) return { kind: "nothing" };
    if (shown.lookedBy !== undefined) await noteLook(tx, { call, link, row, signer, userAgent: shown.lookedBy });
    if (signer === undefined) return { kind: "envelope", facts, notice: shown.notice };
    return {
      kind: "signer",
      facts,
      signer,
      isReplaced: link.replaced_at !== null,
      isDue: dueSigners(signers).includes(signer),
      evidenceId: signer.audit_id,
      notice: shown.notice,
      typed: shown.typed ?? null,
    };
  });
}

async function noteLook(
  tx: Tx,
  look: {
    call: OpenCall;
    link: OpenLink;
    row: SignatureRow;
    signer: SignatureSignerRow | undefined;
    userAgent: string;
  },
): Promise<void> {
  const { call, link, row, signer, userAgent } = look;
  const change = { tenantId: link.tenant_id, now: call.now, actor: visitorOf(call, signer) };
  const details = { ...(signer === undefined ? {} : { signer_id: signer.id }), user_agent: userAgent };
  await noteSignature(tx, change, row, { operation: "showSignPage", details });
}

/** Who has the link of a signer acts as that signer; who has the envelope's is not known. */
export function visitorOf(call: OpenCall, signer: SignatureSignerRow | undefined): AuditActor {
  const ip = call.remoteAddress;
  if (signer === undefined) return { type: "visitor", id: "envelope", ip };
  return { type: "signer", id: signer.id, email: signer.email, ip };
}

async function factsOf(
  tx: Tx,
  of: { call: OpenCall; link: OpenLink; row: SignatureRow; signers: readonly SignatureSignerRow[] },
): Promise<SignFacts | null> {
  const { call, link, row, signers } = of;
  const [document, tenant] = await Promise.all([
    findDocument(tx, link.tenant_id, row.document_id),
    findTenant(tx, link.tenant_id),
  ]);
  if (tenant === null) return null;
  return {
    sender: tenant.name,
    signatureId: row.id,
    documentId: row.document_id,
    filename: row.filename,
    message:
      row.sealed_message === null ? null : link.keys.open("signatures", row.sealed_message, row.id).toString("utf8"),
    document,
    plaintextSha256: row.plaintext_sha256,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    status: statusAt(row, call.now),
    code: row.required_code,
    isDelegable: row.is_delegable,
    locale: row.locale,
    signers,
  };
}

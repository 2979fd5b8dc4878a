import type { Tx } from "../../../platform/db/tx.ts";
import { isAppError } from "../../../platform/errors/errors.ts";
import type { TenantKeys } from "../../../platform/keys/keyring.ts";
import type { Services } from "../../../platform/product.ts";
import { findTenant } from "../../../platform/tenants/store.ts";
import { shownText } from "../schema.ts";
import { dueSigners, isOpenStatus } from "../signature.ts";
import { invitationMail } from "../sign-mail.ts";
import { findDocument } from "../store/documents.ts";
import {
  listSignatureSigners,
  lockSignature,
  updateSignatureSigner,
  type SignatureRow,
  type SignatureSignerRow,
} from "../store/signatures.ts";
import { noteSignature, type Change } from "./signature-changes.ts";
import { createSignLink, giveSignerLink } from "./sign-links.ts";
import { keysOf, mailSigner } from "./sign-mails.ts";

export type Invitation = {
  readonly tenantId: string;
  readonly signatureId: string;
  /** One signer who asked for a link; null: all whose turn it is. */
  readonly signerId: string | null;
  /** Also those who have a link already. */
  readonly isReminder: boolean;
};

/**
 * Writes to the signers whose turn it is, once the content is stored; each mail holds a link of its own. Run twice, the
 * first invitation goes once; a link that was asked for, or a reminder, may go twice, and then the later link works.
 */
export async function inviteSigners(services: Services, order: Invitation): Promise<void> {
  const { tenantId, signatureId } = order;
  const keys = await keysOf(services, tenantId);
  if (keys === null) return;
  const now = services.clock.now();
  const change: Change = { tenantId, now, actor: { type: "system", id: "secufile.inviteSigners" } };
  await services.db.tenant(tenantId, async (tx) => {
    const row = await lockSignature(tx, tenantId, signatureId);
    if (row === null || !isOpenStatus(row.status) || row.expires_at <= now) return;
    const [document, tenant, signers] = await Promise.all([
      findDocument(tx, tenantId, row.document_id),
      findTenant(tx, tenantId),
      listSignatureSigners(tx, tenantId, [signatureId]),
    ]);
    if (document?.status !== "stored" || tenant === null) return;
    for (const signer of dueSigners(signers)) {
      if (isWanted(order, signer)) {
        await invite(tx, { services, keys, change, row, sender: tenant.name, isReminder: order.isReminder }, signer);
      }
    }
  });
}

function isWanted(order: Invitation, signer: SignatureSignerRow): boolean {
  if (order.signerId !== null) return order.signerId === signer.id;
  return order.isReminder || signer.state === "waiting";
}

type Inviting = {
  readonly services: Services;
  readonly keys: TenantKeys;
  readonly change: Change;
  readonly row: SignatureRow;
  readonly sender: string;
  readonly isReminder: boolean;
};

async function invite(tx: Tx, inviting: Inviting, signer: SignatureSignerRow): Promise<void> {
  const { services, keys, change, row } = inviting;
  const { tenantId, now } = change;
  const link = createSignLink(services);
  const message =
    row.sealed_message === null ? null : keys.open("signatures", row.sealed_message, row.id).toString("utf8");
  const mail = invitationMail(row.locale, {
    sender: shownText(inviting.sender),
    filename: shownText(row.filename),
    role: shownText(signer.role),
    message: message?.split("\n").map(shownText).join("\n") ?? null,
    url: link.url,
    expiresAt: row.expires_at,
    isReminder: inviting.isReminder,
  });
  try {
    await mailSigner(tx, keys, signer, {
      mail,
      locale: row.locale,
      purpose: "secufile.signatureLink",
      at: now,
      expiresAt: row.expires_at,
    });
  } catch (error) {
    // Nothing was written yet. The other signers are not to wait for one whose address cannot be one.
    if (!isAppError(error, "notify", "invalid_address")) throw error;
    await noteSignature(tx, change, row, {
      operation: "inviteSigner",
      outcome: "failed",
      details: { signer_id: signer.id, email: signer.email, reason: "no mail can be sent to this address" },
    });
    return;
  }
  await giveSignerLink(tx, tenantId, { signatureId: row.id, signerId: signer.id, now, tokenMac: link.tokenMac });
  const state = signer.state === "waiting" ? "invited" : signer.state;
  await updateSignatureSigner(tx, tenantId, { ...signer, state, invited_at: signer.invited_at ?? now });
  await noteSignature(tx, change, row, {
    operation: "inviteSigner",
    details: { signer_id: signer.id, email: signer.email, is_reminder: inviting.isReminder },
  });
}

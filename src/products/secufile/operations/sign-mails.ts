import type { Tx } from "../../../platform/db/tx.ts";
import { isAppError } from "../../../platform/errors/errors.ts";
import { TenantShreddedError, type TenantKeys } from "../../../platform/keys/keyring.ts";
import { mailLayout, typeset } from "../../../platform/notify/layout.ts";
import { enqueueMail } from "../../../platform/notify/notify.ts";
import type { Services } from "../../../platform/product.ts";
import { findTenant } from "../../../platform/tenants/store.ts";
import type { Locale } from "../consent.ts";
import { shownText } from "../schema.ts";
import { completionMail, endMail, type SignMail } from "../sign-mail.ts";
import { hearsOfEnd } from "../signature.ts";
import {
  listSignatureSigners,
  lockSignature,
  updateSignatureSigner,
  type SignatureRow,
  type SignatureSignerRow,
} from "../store/signatures.ts";
import { noteSignature, type Change } from "./signature-changes.ts";

export type MailOrder = {
  readonly mail: SignMail;
  readonly locale: Locale;
  readonly purpose: string;
  readonly at: Date;
  readonly expiresAt?: Date;
};

/** Throws what `enqueueMail` throws. */
export async function mailSigner(
  tx: Tx,
  keys: TenantKeys,
  signer: Pick<SignatureSignerRow, "email" | "name">,
  order: MailOrder,
): Promise<void> {
  const { mail, ...rest } = order;
  await enqueueMail(tx, keys, {
    ...rest,
    to: signer.email,
    ...(signer.name === null ? {} : { toName: signer.name }),
    subject: typeset(order.locale, mail.subject),
    ...mailLayout(order.locale, mail),
  });
}

/**
 * Tells the signers how their request ended, each once: one transaction for each, so that the organisation's hourly
 * limit only makes the rest wait for the job's next attempt.
 */
export async function tellSigners(
  services: Services,
  { tenantId, signatureId }: { tenantId: string; signatureId: string },
): Promise<void> {
  const keys = await keysOf(services, tenantId);
  if (keys === null) return;
  const signers = await services.db.tenant(tenantId, (tx) => listSignatureSigners(tx, tenantId, [signatureId]));
  for (const { id } of signers) {
    const change: Change = {
      tenantId,
      now: services.clock.now(),
      actor: { type: "system", id: "secufile.tellSigners" },
    };
    await services.db.tenant(tenantId, (tx) => tellSigner(tx, { keys, change, signatureId, signerId: id }));
  }
}

type Telling = {
  readonly keys: TenantKeys;
  readonly change: Change;
  readonly signatureId: string;
  readonly signerId: string;
};

async function tellSigner(tx: Tx, { keys, change, signatureId, signerId }: Telling): Promise<void> {
  const { tenantId, now } = change;
  const row = await lockSignature(tx, tenantId, signatureId);
  const [tenant, signers] = await Promise.all([
    findTenant(tx, tenantId),
    listSignatureSigners(tx, tenantId, [signatureId]),
  ]);
  const signer = signers.find(({ id }) => id === signerId);
  if (row === null || tenant === null || signer === undefined) return;
  if (signer.told_at !== null || !hearsOfEnd(row.status, signer)) return;
  const mail = mailOfEnd(row, tenant.name, signer);
  if (mail === null) return;
  const details = { signer_id: signer.id, email: signer.email, status: row.status };
  try {
    await mailSigner(tx, keys, signer, { mail, locale: row.locale, purpose: "secufile.signatureEnd", at: now });
  } catch (error) {
    // Nothing was written yet, and the others are not to go without.
    if (!isAppError(error, "notify", "invalid_address")) throw error;
    const reason = "no mail can be sent to this address";
    await noteSignature(tx, change, row, {
      operation: "tellSigner",
      outcome: "failed",
      details: { ...details, reason },
    });
    return;
  }
  await updateSignatureSigner(tx, tenantId, { ...signer, told_at: now });
  await noteSignature(tx, change, row, { operation: "tellSigner", details });
}

function mailOfEnd(row: SignatureRow, sender: string, signer: SignatureSignerRow): SignMail | null {
  const facts = { sender: shownText(sender), filename: shownText(row.filename), evidenceId: signer.audit_id };
  if (row.status === "completed") return completionMail(row.locale, facts);
  if (row.status === "declined" || row.status === "cancelled") return endMail(row.locale, row.status, facts);
  return null;
}

/** Null where the tenant is shredded: nobody is to be written to in its name. */
export async function keysOf(services: Services, tenantId: string): Promise<TenantKeys | null> {
  try {
    return await services.keyring.of(tenantId);
  } catch (error) {
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
}

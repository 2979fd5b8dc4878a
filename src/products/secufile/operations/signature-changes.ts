import { recordAudit, type AuditActor } from "../../../platform/audit/audit.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { emitEvent } from "../../../platform/events/events.ts";
import { enqueueJob } from "../../../platform/jobs/jobs.ts";
import type { SignatureEvent, SignatureEventName } from "../events.ts";
import { isOpenStatus, statusAt, type SignatureStatus } from "../signature.ts";
import {
  listOpenSignatures,
  lockSignature,
  updateSignatureStatus,
  type SignatureRow,
  type SignatureSignerRow,
} from "../store/signatures.ts";

export type Change = { readonly tenantId: string; readonly now: Date; readonly actor: AuditActor };

/** Puts what happened to a request on record. Answers the audit row's id. */
export function noteSignature(
  tx: Tx,
  change: Change,
  row: SignatureRow,
  what: { operation: string; details?: Readonly<Record<string, unknown>>; outcome?: "success" | "denied" | "failed" },
): Promise<string> {
  return recordAudit(tx, change.tenantId, {
    action: `secufile.${what.operation}`,
    at: change.now,
    actor: change.actor,
    bucket: row.bucket,
    resource: { type: "signature", id: row.id },
    outcome: what.outcome ?? "success",
    details: { document_id: row.document_id, ...what.details },
  });
}

/** Tells the receivers, in the transaction of what is told. */
export async function tellSignature(
  tx: Tx,
  change: Change,
  row: SignatureRow,
  what: { type: SignatureEventName; status: SignatureStatus; signer?: SignatureSignerRow | undefined; reason?: string },
): Promise<void> {
  const { signer } = what;
  const data: SignatureEvent = {
    signature_id: row.id,
    document_id: row.document_id,
    status: what.status,
    signer:
      signer === undefined
        ? null
        : { signer_id: signer.id, email: signer.email, role: signer.role, state: signer.state },
    reason: what.reason ?? null,
    at: change.now.toISOString(),
  };
  await emitEvent(tx, change.tenantId, {
    product: "secufile",
    type: what.type,
    isLive: row.is_live,
    data,
    at: change.now,
  });
}

const EVENT_OF_END = {
  cancelled: "signature.cancelled",
  expired: "signature.expired",
  declined: "signature.declined",
  completed: "signature.completed",
} as const;

/** Ends a request that the caller has locked and found open. */
export async function endSignature(
  tx: Tx,
  change: Change,
  row: SignatureRow,
  end: { status: keyof typeof EVENT_OF_END; operation: string; reason?: string },
): Promise<void> {
  const { status, operation, reason } = end;
  await updateSignatureStatus(tx, change.tenantId, row.id, { status, endedAt: change.now });
  await tellSignature(tx, change, row, {
    type: EVENT_OF_END[status],
    status,
    ...(reason === undefined ? {} : { reason }),
  });
  await noteSignature(tx, change, row, { operation, details: reason === undefined ? {} : { reason } });
  // Who lets the time pass was told of it with the link.
  if (status !== "expired") await enqueueNews(tx, change.tenantId, row.id);
}

/** Lets the signers hear how their request ended, once the transaction commits. */
export function enqueueNews(tx: Tx, tenantId: string, signatureId: string): Promise<void> {
  return enqueueJob(tx, { name: "secufile.tellSigners", payload: { tenantId, signatureId } });
}

/** Ends what is still open of a document that is gone or can never come. What time has ended stays expired. */
export async function cancelOpenSignatures(tx: Tx, change: Change, documentId: string, reason: string): Promise<void> {
  for (const id of await listOpenSignatures(tx, change.tenantId, documentId)) {
    const row = await lockSignature(tx, change.tenantId, id);
    if (row !== null && isOpenStatus(statusAt(row, change.now))) {
      await endSignature(tx, change, row, { status: "cancelled", operation: "cancelSignature", reason });
    }
  }
}

/** Lets the signers whose turn it is be written to, once the transaction commits. */
export function enqueueInvitation(
  tx: Tx,
  tenantId: string,
  signatureId: string,
  options: { signerId?: string; isReminder?: boolean } = {},
): Promise<void> {
  return enqueueJob(tx, {
    name: "secufile.inviteSigners",
    payload: {
      tenantId,
      signatureId,
      signerId: options.signerId ?? null,
      isReminder: options.isReminder ?? false,
    },
  });
}

/** What waits for a document's content can begin: the content is there. */
export async function inviteForDocument(tx: Tx, tenantId: string, documentId: string): Promise<void> {
  for (const id of await listOpenSignatures(tx, tenantId, documentId)) await enqueueInvitation(tx, tenantId, id);
}

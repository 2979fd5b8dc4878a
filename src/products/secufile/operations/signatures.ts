import { actorOf } from "../../../platform/credentials/operations.ts";
import { pageOf, positionOf } from "../../../platform/db/paging.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { recordAudit } from "../../../platform/audit/audit.ts";
import { platformError } from "../../../platform/errors/platform-errors.ts";
import { newId } from "../../../platform/ids/ids.ts";
import type { TenantKeys } from "../../../platform/keys/keyring.ts";
import { takeFromWindow } from "../../../platform/limits/sliding-window.ts";
import type { Call } from "../../../platform/product.ts";
import { secufileError } from "../errors.ts";
import type { CreateSignatureRequest, CreateSignatureResponse, ListSignaturesQuery, SignatureView } from "../schema.ts";
import { isOpenStatus, nextDueAt, statusAt } from "../signature.ts";
import { lockDocument } from "../store/documents.ts";
import {
  findSignature,
  insertSignature,
  listSignatures as listSignatureRows,
  listSignatureSigners,
  lockSignature,
  type NewSignatureSigner,
  type SignatureRow,
  type SignatureSignerRow,
} from "../store/signatures.ts";
import { createSignLink, type NewLink } from "./sign-links.ts";
import { endSignature, enqueueInvitation, noteSignature, tellSignature, type Change } from "./signature-changes.ts";

const REMINDS = { limit: 1, windowSeconds: 3600 };

export type RequestedSignature = {
  readonly link: NewLink;
  readonly row: SignatureRow;
  readonly signers: CreateSignatureRequest["signers"];
};

/** A request for signatures that is not written yet. */
export function newSignature(
  call: Call,
  document: { id: string; bucket: string; filename: string },
  request: CreateSignatureRequest,
): RequestedSignature {
  const id = newId("sig", call.now);
  const code = request.require_code === true ? "mail" : request.require_code === false ? "none" : request.require_code;
  if (code === "sms") refuseMissingPhones(request.signers);
  const row: SignatureRow = {
    id,
    document_id: document.id,
    bucket: document.bucket,
    filename: document.filename,
    plaintext_sha256: request.plaintext_sha256 === undefined ? null : Buffer.from(request.plaintext_sha256, "hex"),
    status: "pending",
    sealed_message:
      request.message === undefined ? null : call.keys.seal("signatures", Buffer.from(request.message, "utf8"), id),
    required_code: code,
    is_delegable: request.delegation,
    locale: request.locale,
    reminder_days: request.reminders,
    is_live: call.caller.isLive,
    created_by: call.caller.credentialId,
    created_at: call.now,
    expires_at: new Date(call.now.getTime() + request.expires_in * 1000),
    ended_at: null,
  };
  return { link: createSignLink(call.services), row, signers: request.signers };
}

function refuseMissingPhones(signers: CreateSignatureRequest["signers"]): void {
  const fields = signers.flatMap((signer, at) =>
    signer.phone === undefined ? [{ parameter: `signers.${at}.phone`, reason: "is needed for a code by SMS" }] : [],
  );
  if (fields.length > 0) throw platformError("validation_failed", "A code by SMS needs telephone numbers.", { fields });
}

/**
 * Writes the request, its link and when something is to be done for it. Nobody is written to before the content is
 * stored: where it is not, whoever stores it has the signers invited. All statements are sent at once.
 */
export async function insertRequest(
  tx: Tx,
  call: Call,
  requested: RequestedSignature & { readonly isContentStored: boolean },
): Promise<void> {
  const { row, link, signers, isContentStored } = requested;
  const { tenantId } = call.caller;
  const change: Change = { tenantId, now: call.now, actor: actorOf(call) };
  await Promise.all([
    insertSignature(tx, tenantId, row, {
      signers: signers.map((signer) => signerOf(call, signer)),
      envelopeMac: link.tokenMac,
      dueAt: nextDueAt(row, row.created_at),
    }),
    tellSignature(tx, change, row, { type: "signature.requested", status: "pending" }),
    noteSignature(tx, change, row, { operation: "createSignature", details: { signers: signers.length } }),
    ...(isContentStored ? [enqueueInvitation(tx, tenantId, row.id)] : []),
  ]);
}

function signerOf(call: Call, signer: CreateSignatureRequest["signers"][number]): NewSignatureSigner {
  return {
    id: newId("sgn", call.now),
    email: signer.email,
    role: signer.role,
    name: signer.name ?? null,
    phone: signer.phone ?? null,
    signing_order: signer.order ?? null,
  };
}

/** Asks for signatures on a document. Mails go out once its content is stored, at once where it is. */
export async function createSignature(
  call: Call,
  documentId: string,
  request: CreateSignatureRequest,
): Promise<CreateSignatureResponse> {
  const { tenantId } = call.caller;
  const answer = await call.write(async (tx) => {
    // Against a delete or a failure that happens at the same time: one of the two comes first.
    const document = await lockDocument(tx, tenantId, documentId);
    if (document === null) throw secufileError("document_not_found", `There is no document ${documentId}.`);
    if (document.status === "failed") {
      throw secufileError("document_failed", "The content of this document could not be stored; nobody can sign it.");
    }
    const requested = newSignature(call, document, request);
    await insertRequest(tx, call, { ...requested, isContentStored: document.status === "stored" });
    return {
      signature_id: requested.row.id,
      signature_url: requested.link.url,
      status: requested.row.status,
      expires_at: requested.row.expires_at.toISOString(),
    };
  });
  call.services.eventHints.hint();
  return answer;
}

export async function getSignature(call: Call, id: string): Promise<SignatureView> {
  return call.write(async (tx) => {
    const row = await signatureOf(call, tx, id);
    await noteSignature(tx, changeOf(call), row, { operation: "getSignature" });
    return viewOf(call, row, await listSignatureSigners(tx, call.caller.tenantId, [id]));
  });
}

export async function listSignatures(
  call: Call,
  query: ListSignaturesQuery,
): Promise<{ data: SignatureView[]; next_cursor: string | null }> {
  const { tenantId } = call.caller;
  const position = positionOf(query);
  const filter = { documentId: query.document_id ?? null, status: query.status ?? null, now: call.now };
  return call.write(async (tx) => {
    const rows = await listSignatureRows(tx, tenantId, filter, position);
    const ids = rows.map(({ id }) => id);
    const signers = await listSignatureSigners(tx, tenantId, ids);
    await recordAudit(tx, tenantId, {
      action: "secufile.listSignatures",
      at: call.now,
      actor: actorOf(call),
      outcome: "success",
      details: { signatures: Math.min(rows.length, position.limit) },
    });
    const ofRow = (row: SignatureRow): SignatureView =>
      viewOf(
        call,
        row,
        signers.filter((signer) => signer.signature_id === row.id),
      );
    return pageOf(rows, position, { id: (row) => row.id, show: ofRow });
  });
}

/** Writes again to everybody whose turn it is; their earlier links end. Once an hour. */
export async function remindSigners(call: Call, id: string): Promise<SignatureView> {
  const { tenantId } = call.caller;
  return call.write(async (tx) => {
    const row = await openRequest(call, tx, id);
    const outcome = await takeFromWindow(tx, { key: `secufile.remind:${id}`, ...REMINDS });
    if (!outcome.isAllowed) {
      throw platformError("rate_limited", "A request can be reminded of once an hour.", {
        retryAfterSeconds: outcome.retryAfterSeconds,
      });
    }
    await enqueueInvitation(tx, tenantId, id, { isReminder: true });
    await noteSignature(tx, changeOf(call), row, { operation: "remindSigners" });
    return viewOf(call, row, await listSignatureSigners(tx, tenantId, [id]));
  });
}

/** Ends a request that nobody is to sign any more. A request that is cancelled already is answered as it is. */
export async function cancelSignature(call: Call, id: string): Promise<SignatureView> {
  const { tenantId } = call.caller;
  const view = await call.write(async (tx) => {
    const row = await lockSignature(tx, tenantId, id);
    if (row === null) throw signatureNotFound(id);
    if (row.status !== "cancelled") {
      refuseEnded(call, row);
      await endSignature(tx, changeOf(call), row, { status: "cancelled", operation: "cancelSignature" });
    }
    return viewOf(call, await signatureOf(call, tx, id), await listSignatureSigners(tx, tenantId, [id]));
  });
  call.services.eventHints.hint();
  return view;
}

async function openRequest(call: Call, tx: Tx, id: string): Promise<SignatureRow> {
  const row = await lockSignature(tx, call.caller.tenantId, id);
  if (row === null) throw signatureNotFound(id);
  refuseEnded(call, row);
  return row;
}

function refuseEnded(call: Call, row: SignatureRow): void {
  const status = statusAt(row, call.now);
  if (!isOpenStatus(status)) throw secufileError("signature_ended", `The request is ${status}.`);
}

export async function signatureOf(call: Call, tx: Tx, id: string): Promise<SignatureRow> {
  const row = await findSignature(tx, call.caller.tenantId, id);
  if (row === null) throw signatureNotFound(id);
  return row;
}

function signatureNotFound(id: string): Error {
  return secufileError("signature_not_found", `There is no signature request ${id}.`);
}

export function changeOf(call: Call): Change {
  return { tenantId: call.caller.tenantId, now: call.now, actor: actorOf(call) };
}

function opened(keys: TenantKeys, sealed: Buffer | null, context: string): string | null {
  return sealed === null ? null : keys.open("signatures", sealed, context).toString("utf8");
}

function viewOf(call: Call, row: SignatureRow, signers: readonly SignatureSignerRow[]): SignatureView {
  return {
    signature_id: row.id,
    document_id: row.document_id,
    filename: row.filename,
    status: statusAt(row, call.now),
    message: opened(call.keys, row.sealed_message, row.id),
    require_code: row.required_code,
    delegation: row.is_delegable,
    locale: row.locale,
    reminders: row.reminder_days,
    plaintext_sha256: row.plaintext_sha256?.toString("hex") ?? null,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
    signers: signers.map((signer) => ({
      signer_id: signer.id,
      email: signer.email,
      role: signer.role,
      name: signer.name,
      order: signer.signing_order,
      phone: signer.phone,
      state: signer.state,
      delegated_from: signer.delegated_from,
      invited_at: signer.invited_at?.toISOString() ?? null,
      viewed_at: signer.viewed_at?.toISOString() ?? null,
      ended_at: signer.ended_at?.toISOString() ?? null,
      decline_reason: opened(call.keys, signer.sealed_reason, signer.id),
    })),
  };
}

import { recordAudit, type AuditEntry } from "../../../platform/audit/audit.ts";
import { actorOf } from "../../../platform/credentials/operations.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { platformError } from "../../../platform/errors/platform-errors.ts";
import { pageOf, positionOf } from "../../../platform/db/paging.ts";
import { newId } from "../../../platform/ids/ids.ts";
import { enqueueJob } from "../../../platform/jobs/jobs.ts";
import type { Call } from "../../../platform/product.ts";
import { whyNotCiphertextUrl } from "../ciphertext-url.ts";
import { secufileError } from "../errors.ts";
import type { CreateDocumentRequest, CreateDocumentResponse, DocumentView, ListDocumentsQuery } from "../schema.ts";
import {
  deleteDocument as deleteDocumentRow,
  findDocument,
  insertDocument,
  listDocuments as listDocumentRows,
  listSigners,
  lockDocument,
  type DocumentRow,
  type SignerRow,
} from "../store/documents.ts";
import { createSignatureRequest } from "../schema.ts";
import { cancelOpenSignatures } from "./signature-changes.ts";
import { changeOf, insertRequest, newSignature } from "./signatures.ts";

const DAY_MS = 24 * 3600 * 1000;
/** About two days with the growing pauses of the job table. */
export const FETCH_ATTEMPTS = 16;

/** Takes a document: its ciphertext is fetched in the background, or uploaded by the caller afterwards. */
export async function createDocument(call: Call, request: CreateDocumentRequest): Promise<CreateDocumentResponse> {
  const signers = request.signers ?? [];
  if (signers.length > 0 && !call.caller.scopes.has("signatures:create")) {
    throw platformError("forbidden", "A request with signers needs a token with the scope signatures:create.");
  }
  refuseUrl(call, request.ciphertext_url);
  const { tenantId } = call.caller;
  const id = newId("doc", call.now);
  const requested =
    signers.length > 0
      ? newSignature(
          call,
          { id, bucket: request.bucket, filename: request.filename },
          createSignatureRequest.parse({ signers }),
        )
      : null;
  const answer = {
    document_id: id,
    signature_url: requested?.link.url ?? null,
    status: "pending",
    created_at: call.now.toISOString(),
  } as const;
  return call.writeFor(answer, (tx) =>
    Promise.all([
      insertDocument(tx, tenantId, rowOf(call, id, request), signers.map(signerRow)),
      ...(requested === null ? [] : [insertRequest(tx, call, { ...requested, isContentStored: false })]),
      recordAudit(tx, tenantId, entryOf(call, "createDocument", { id, ...request }, { signers: signers.length })),
      ...(request.ciphertext_url === undefined ? [] : [enqueueFetch(tx, tenantId, id)]),
    ]),
  );
}

function enqueueFetch(tx: Tx, tenantId: string, documentId: string): Promise<void> {
  return enqueueJob(tx, {
    name: "secufile.fetchDocument",
    payload: { tenantId, documentId },
    maxAttempts: FETCH_ATTEMPTS,
  });
}

function refuseUrl(call: Call, url: string | undefined): void {
  if (url === undefined) return;
  const reason = whyNotCiphertextUrl(url, call.services.config.outboundAllow.length > 0);
  if (reason !== null) {
    throw platformError("validation_failed", "The ciphertext_url cannot be used.", {
      fields: [{ parameter: "ciphertext_url", reason }],
    });
  }
}

function rowOf(call: Call, id: string, request: CreateDocumentRequest): Parameters<typeof insertDocument>[2] {
  const days = request.retention_days ?? null;
  return {
    id,
    filename: request.filename,
    contentType: request.content_type,
    bucket: request.bucket,
    objectKey: `${id}/${request.filename}`,
    sealedUrl:
      request.ciphertext_url === undefined
        ? null
        : call.keys.seal("document-links", Buffer.from(request.ciphertext_url, "utf8"), id),
    expectedSha256: request.sha256 === undefined ? null : Buffer.from(request.sha256, "hex"),
    expectedSize: request.size ?? null,
    keyWrap: request.key_wrap,
    wrappedKey: request.wrapped_key === undefined ? null : Buffer.from(request.wrapped_key, "base64"),
    retentionDays: days,
    retainedUntil: days === null ? null : new Date(call.now.getTime() + days * DAY_MS),
    metadata: request.metadata ?? {},
    isLive: call.caller.isLive,
    createdBy: call.caller.credentialId,
    now: call.now,
  };
}

function signerRow(signer: NonNullable<CreateDocumentRequest["signers"]>[number]): Omit<SignerRow, "document_id"> {
  return {
    email: signer.email,
    role: signer.role,
    name: signer.name ?? null,
    signing_order: signer.order ?? null,
    phone: signer.phone ?? null,
  };
}

export async function getDocument(call: Call, id: string): Promise<DocumentView> {
  return call.write(async (tx) => {
    const row = await documentOf(call, tx, id);
    const signers = await listSigners(tx, call.caller.tenantId, [id]);
    // The wrapped key leaves with this answer: that it was read is on record before it does.
    await recordAudit(tx, call.caller.tenantId, entryOf(call, "getDocument", row, {}));
    return viewOf(row, signers);
  });
}

export async function listDocuments(
  call: Call,
  query: ListDocumentsQuery,
): Promise<{ data: DocumentView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const filter = { bucket: query.bucket ?? null, status: query.status ?? null, filename: query.filename ?? null };
  return call.write(async (tx) => {
    const rows = await listDocumentRows(tx, call.caller.tenantId, filter, position);
    const signers = await listSigners(
      tx,
      call.caller.tenantId,
      rows.map((row) => row.id),
    );
    await recordAudit(tx, call.caller.tenantId, {
      action: "secufile.listDocuments",
      at: call.now,
      actor: actorOf(call),
      bucket: query.bucket ?? null,
      outcome: "success",
      details: { documents: Math.min(rows.length, position.limit) },
    });
    const show = (row: DocumentRow): DocumentView =>
      viewOf(
        row,
        signers.filter((signer) => signer.document_id === row.id),
      );
    return pageOf(rows, position, { id: (row) => row.id, show });
  });
}

/** Deletes the document; its bytes go in the background. Refused while it is retained. */
export async function deleteDocument(call: Call, id: string): Promise<void> {
  const { tenantId } = call.caller;
  await call.write(async (tx) => {
    const row = await lockDocument(tx, tenantId, id);
    if (row === null) throw notFound(id);
    if (row.retained_until !== null && row.retained_until > call.now) {
      throw secufileError("document_retained", `The document is retained until ${row.retained_until.toISOString()}.`);
    }
    await cancelOpenSignatures(tx, changeOf(call), id, "the document was deleted");
    await deleteDocumentRow(tx, tenantId, id);
    if (row.blob_ref !== null) {
      await enqueueJob(tx, { name: "secufile.deleteBlob", payload: { tenantId, blobRef: row.blob_ref } });
    }
    await recordAudit(tx, tenantId, entryOf(call, "deleteDocument", row, {}));
  });
}

/** The document, or a 404 that says the same of one that never was and of another tenant's. */
export async function documentOf(call: Call, tx: Tx, id: string): Promise<DocumentRow> {
  const row = await findDocument(tx, call.caller.tenantId, id);
  if (row === null) throw notFound(id);
  return row;
}

export function notFound(id: string): Error {
  return secufileError("document_not_found", `There is no document ${id}.`);
}

export function entryOf(
  call: Call,
  operation: string,
  document: { id: string; bucket: string },
  details: Readonly<Record<string, unknown>>,
): AuditEntry {
  return {
    action: `secufile.${operation}`,
    at: call.now,
    actor: actorOf(call),
    bucket: document.bucket,
    resource: { type: "document", id: document.id },
    outcome: "success",
    details,
  };
}

export function viewOf(row: DocumentRow, signers: readonly SignerRow[]): DocumentView {
  return {
    document_id: row.id,
    filename: row.filename,
    content_type: row.content_type,
    size: row.size_bytes === null ? null : Number(row.size_bytes),
    sha256: row.sha256?.toString("hex") ?? null,
    bucket: row.bucket,
    object_key: row.object_key,
    status: row.status,
    failure: row.failure,
    key_wrap: row.key_wrap,
    wrapped_key: row.wrapped_key?.toString("base64") ?? null,
    signers: signers.map((signer) => ({
      email: signer.email,
      role: signer.role,
      name: signer.name,
      order: signer.signing_order,
      phone: signer.phone,
    })),
    retention:
      row.retention_days === null || row.retained_until === null
        ? null
        : { days: row.retention_days, retained_until: row.retained_until.toISOString() },
    metadata: row.metadata,
    created_at: row.created_at.toISOString(),
    stored_at: row.stored_at?.toISOString() ?? null,
  };
}

import type { Readable } from "node:stream";
import { recordAudit, type AuditActor } from "../../../platform/audit/audit.ts";
import { isBlobError } from "../../../platform/blobs/errors.ts";
import type { BlobReceipt } from "../../../platform/blobs/blobs.ts";
import { actorOf } from "../../../platform/credentials/operations.ts";
import { emitEvent } from "../../../platform/events/events.ts";
import type { Call, Services } from "../../../platform/product.ts";
import { byteRangeOf, type ByteRange } from "../byte-range.ts";
import { isHeldAlready } from "../entity-tag.ts";
import { secufileError } from "../errors.ts";
import type { ObjectFailed, ObjectUploaded } from "../events.ts";
import type { DocumentView } from "../schema.ts";
import { listSigners, lockDocument, updateFailed, updateStored, type DocumentRow } from "../store/documents.ts";
import { cancelOpenSignatures, inviteForDocument } from "./signature-changes.ts";
import { documentOf, entryOf, notFound, viewOf } from "./documents.ts";

/** What a reader asks for, as the headers of RFC 9110 say it. */
export type ContentWish = {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
};

/** The ciphertext or a range of it; no stream when the reader has it already. The stream belongs to the caller. */
export type Content = {
  readonly filename: string;
  readonly contentType: string;
  readonly etag: string;
  readonly sizeBytes: number;
  /** Null for the whole. */
  readonly range: ByteRange | null;
  readonly stream: Readable | null;
};

/** The ciphertext, or a range of it. That it was read is on record before the first byte leaves. */
export async function getContent(call: Call, id: string, wish: ContentWish): Promise<Content> {
  const row = await call.write(async (tx) => {
    const found = await documentOf(call, tx, id);
    refuseUnstored(found);
    const details = { range: wish.range ?? null };
    await recordAudit(tx, call.caller.tenantId, entryOf(call, "getContent", found, details));
    return found;
  });
  const sizeBytes = Number(row.size_bytes);
  const etag = `"${row.sha256?.toString("hex") ?? ""}"`;
  const facts = { filename: row.filename, contentType: row.content_type, etag, sizeBytes };
  if (isHeldAlready(wish.ifNoneMatch, etag)) return { ...facts, range: null, stream: null };
  const isStale = wish.ifRange !== undefined && wish.ifRange !== etag;
  const range = isStale ? null : byteRangeOf(wish.range, sizeBytes);
  if (range === "unsatisfiable") {
    throw secufileError("range_not_satisfiable", `The content has ${sizeBytes} bytes.`, {
      headers: { "content-range": `bytes */${sizeBytes}` },
    });
  }
  return { ...facts, range, stream: await openBlob(call, row, range) };
}

async function openBlob(call: Call, row: DocumentRow, range: ByteRange | null): Promise<Readable> {
  try {
    const reader = await call.services.blobs.get(call.caller.tenantId, row.blob_ref ?? "", range ?? undefined);
    return reader.stream;
  } catch (error) {
    if (!isBlobError(error)) throw error;
    call.log.fatal({ error, document: row.id, blob: row.blob_ref }, "the content of a document cannot be read");
    throw secufileError("content_damaged", "The stored content is damaged or missing; the operator has been told.", {
      cause: error,
    });
  }
}

function refuseUnstored(row: DocumentRow): void {
  if (row.status === "pending") {
    throw secufileError("document_pending", "The content has not arrived yet.", { retryAfterSeconds: 2 });
  }
  if (row.status === "failed")
    throw secufileError("document_failed", row.failure ?? "The content could not be stored.");
}

/** Stores uploaded ciphertext. The same bytes again are taken as a retry and answered as the first time. */
export async function putContent(call: Call, id: string, source: Readable): Promise<DocumentView> {
  const { tenantId } = call.caller;
  const row = await call.read((tx) => documentOf(call, tx, id));
  if (row.sealed_url !== null) {
    throw secufileError("upload_not_expected", "The content of this document comes from its ciphertext_url.");
  }
  if (row.status === "failed")
    throw secufileError("document_failed", row.failure ?? "The content could not be stored.");
  const receipt = await putBlob(call, row, source);
  const answer = await call
    .write(async (tx) => {
      const outcome = await storeContent(tx, tenantId, id, { receipt, now: call.now, actor: actorOf(call) });
      const kept = await documentOf(call, tx, id);
      return { outcome, view: viewOf(kept, await listSigners(tx, tenantId, [id])) };
    })
    .catch(async (error: unknown) => {
      await call.services.blobs.delete(tenantId, receipt.ref);
      throw error;
    });
  if (answer.outcome === "stored") call.services.eventHints.hint();
  else await call.services.blobs.delete(tenantId, receipt.ref);
  if (answer.outcome === "other") throw secufileError("document_stored", "The document has other content already.");
  return answer.view;
}

async function putBlob(call: Call, row: DocumentRow, source: Readable): Promise<BlobReceipt> {
  try {
    return await call.services.blobs.put(call.caller.tenantId, source, {
      maxBytes: call.services.config.maxDocumentBytes,
      signal: call.signal,
      ...expectationsOf(row),
    });
  } catch (error) {
    if (isBlobError(error, "blob_too_large")) {
      throw secufileError("content_too_large", `A document may have ${call.services.config.maxDocumentBytes} bytes.`);
    }
    if (isBlobError(error, "blob_mismatch")) {
      throw secufileError("content_mismatch", "Size or SHA-256 of the content are not the announced ones.");
    }
    if (isBlobError(error, "blob_interrupted")) {
      throw secufileError("content_interrupted", "The content broke off before its end; nothing was stored.", {
        cause: error,
      });
    }
    throw error;
  }
}

export function expectationsOf(row: DocumentRow): { expectedSha256?: Buffer; expectedSizeBytes?: number } {
  return {
    ...(row.expected_sha256 === null ? {} : { expectedSha256: row.expected_sha256 }),
    ...(row.expected_size === null ? {} : { expectedSizeBytes: Number(row.expected_size) }),
  };
}

/**
 * Gives a waiting document its content and tells its receivers, within `tx`. `same` when it has these very bytes
 * already, `other` when it has others; then nothing changes.
 */
export async function storeContent(
  tx: Parameters<typeof lockDocument>[0],
  tenantId: string,
  id: string,
  content: { receipt: BlobReceipt; now: Date; actor: AuditActor },
): Promise<"stored" | "same" | "other"> {
  const row = await lockDocument(tx, tenantId, id);
  if (row === null) throw notFound(id);
  const { receipt, now, actor } = content;
  if (row.status !== "pending") return row.sha256?.equals(receipt.sha256) === true ? "same" : "other";
  const { ref, sizeBytes, sha256 } = receipt;
  await updateStored(tx, tenantId, id, { blobRef: ref, sizeBytes, sha256, now });
  const data: ObjectUploaded = {
    document_id: id,
    bucket: row.bucket,
    key: row.object_key,
    filename: row.filename,
    content_type: row.content_type,
    size: sizeBytes,
    sha256: sha256.toString("hex"),
  };
  await inviteForDocument(tx, tenantId, id);
  await emitEvent(tx, tenantId, { product: "secufile", type: "object.uploaded", isLive: row.is_live, data, at: now });
  await recordAudit(tx, tenantId, {
    action: "secufile.storeContent",
    at: now,
    actor,
    bucket: row.bucket,
    resource: { type: "document", id },
    outcome: "success",
    details: { size: sizeBytes, sha256: sha256.toString("hex") },
  });
  return "stored";
}

/** Gives up on a waiting document, says why, and tells its receivers. Does nothing when it waits no more. */
export async function failContent(services: Services, tenantId: string, id: string, reason: string): Promise<void> {
  const now = services.clock.now();
  await services.db.tenant(tenantId, async (tx) => {
    const row = await lockDocument(tx, tenantId, id);
    if (row === null || (await updateFailed(tx, tenantId, id, reason)) === 0) return;
    const data: ObjectFailed = {
      document_id: id,
      bucket: row.bucket,
      key: row.object_key,
      filename: row.filename,
      reason,
    };
    const system = { type: "system", id: "secufile.fetchDocument" } as const;
    await cancelOpenSignatures(tx, { tenantId, now, actor: system }, id, "the document could not be stored");
    await emitEvent(tx, tenantId, { product: "secufile", type: "object.failed", isLive: row.is_live, data, at: now });
    await recordAudit(tx, tenantId, {
      action: "secufile.storeContent",
      at: now,
      actor: { type: "system", id: "secufile.fetchDocument" },
      bucket: row.bucket,
      resource: { type: "document", id },
      outcome: "failed",
      details: { reason },
    });
  });
  services.eventHints.hint();
}

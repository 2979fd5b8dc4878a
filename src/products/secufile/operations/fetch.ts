import { isBlobError } from "../../../platform/blobs/errors.ts";
import type { BlobReceipt } from "../../../platform/blobs/blobs.ts";
import type { JobRun } from "../../../platform/jobs/jobs.ts";
import { TenantShreddedError } from "../../../platform/keys/keyring.ts";
import { OutboundError } from "../../../platform/outbound/outbound-error.ts";
import type { Services } from "../../../platform/product.ts";
import { isAppError } from "../../../platform/errors/errors.ts";
import { everyTenantId } from "../../../platform/tenants/operations.ts";
import { findDocument, listWaitingFetches, type DocumentRow } from "../store/documents.ts";
import { expectationsOf, failContent, storeContent } from "./content.ts";

const HEADERS_LIMIT_MS = 30_000;
const IDLE_LIMIT_MS = 30_000;
const TOTAL_LIMIT_MS = 6 * 3600 * 1000;
const MAX_REDIRECTS = 5;

const TOO_LARGE = "the content is larger than a document may be";
const MISMATCH = "size or SHA-256 of the content are not the announced ones";

/** Why a fetch failed, in words for the customer, and whether another try can help. */
class FetchFailure extends Error {
  readonly isLasting: boolean;

  constructor(reason: string, isLasting: boolean, cause?: unknown) {
    super(reason, { cause });
    this.name = "FetchFailure";
    this.isLasting = isLasting;
  }
}

/**
 * Fetches the ciphertext of a waiting document and stores it. Runs again after a failure that may pass; when none is
 * left, or the failure lasts, the document becomes `failed`. Safe to run twice: only one result is kept.
 */
export async function fetchDocument(
  services: Services,
  target: { tenantId: string; documentId: string },
  run: JobRun,
): Promise<void> {
  const { tenantId, documentId } = target;
  const row = await services.db.tenant(tenantId, (tx) => findDocument(tx, tenantId, documentId));
  if (row === null || row.status !== "pending" || row.sealed_url === null) return;
  try {
    const url = await openUrl(services, tenantId, row, row.sealed_url);
    if (url === null) return;
    const receipt = await download(services, tenantId, row, { url, signal: run.signal });
    await keep(services, tenantId, documentId, receipt);
  } catch (error) {
    const failure = failureOf(error);
    if (failure === null) throw error;
    if (!failure.isLasting && !run.isLastAttempt) throw failure;
    await failContent(services, tenantId, documentId, failure.message);
  }
}

/** Longer than all tries of a fetch can take together. */
const STALE_MS = 8 * 24 * 3600 * 1000;
const DOCUMENTS_A_PAGE = 100;

/** Gives up on documents whose fetch died in its last try: nobody else would ever tell that they failed. */
export async function failStaleFetches(services: Services, run: JobRun): Promise<void> {
  const before = new Date(services.clock.now().getTime() - STALE_MS);
  for await (const tenantId of everyTenantId(services.db)) {
    run.signal.throwIfAborted();
    await failStaleFetchesOf(services, tenantId, before);
  }
}

async function failStaleFetchesOf(services: Services, tenantId: string, before: Date): Promise<void> {
  let ids: string[];
  do {
    ids = await services.db.tenant(tenantId, (tx) => listWaitingFetches(tx, tenantId, before, DOCUMENTS_A_PAGE));
    for (const id of ids) await failContent(services, tenantId, id, "the content could not be fetched in time");
  } while (ids.length === DOCUMENTS_A_PAGE);
}

async function openUrl(services: Services, tenantId: string, row: DocumentRow, sealed: Buffer): Promise<string | null> {
  try {
    const keys = await services.keyring.of(tenantId);
    return keys.open("document-links", sealed, row.id).toString("utf8");
  } catch (error) {
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
}

async function download(
  services: Services,
  tenantId: string,
  row: DocumentRow,
  from: { url: string; signal: AbortSignal },
): Promise<BlobReceipt> {
  const maxBytes = services.config.maxDocumentBytes;
  const answer = await services.outbound.fetch(from.url, {
    method: "GET",
    headers: {},
    signal: from.signal,
    maxResponseBytes: maxBytes,
    headersTimeoutMs: HEADERS_LIMIT_MS,
    idleTimeoutMs: IDLE_LIMIT_MS,
    totalTimeoutMs: TOTAL_LIMIT_MS,
    redirects: MAX_REDIRECTS,
  });
  if (answer.status !== 200) {
    answer.body.destroy();
    const mayPass = answer.status >= 500 || [408, 425, 429].includes(answer.status);
    throw new FetchFailure(`the address answered ${answer.status}`, !mayPass);
  }
  const refusal = announcedRefusal(answer.headers["content-length"], row, maxBytes);
  if (refusal !== null) {
    answer.body.destroy();
    throw refusal;
  }
  try {
    return await services.blobs.put(tenantId, answer.body, { maxBytes, signal: from.signal, ...expectationsOf(row) });
  } finally {
    // Where storing failed before it read a byte, nobody else would let go of the connection and of its time limit.
    answer.body.destroy();
  }
}

/** A length that cannot be right is refused before a byte is stored; without one the bytes themselves are counted. */
function announcedRefusal(length: string | undefined, row: DocumentRow, maxBytes: number): FetchFailure | null {
  if (length === undefined || !/^\d{1,15}$/.test(length)) return null;
  if (Number(length) > maxBytes) return new FetchFailure(TOO_LARGE, true);
  const isOther = row.expected_size !== null && Number(row.expected_size) !== Number(length);
  return isOther ? new FetchFailure(MISMATCH, true) : null;
}

async function keep(services: Services, tenantId: string, documentId: string, receipt: BlobReceipt): Promise<void> {
  const actor = { type: "system", id: "secufile.fetchDocument" } as const;
  const content = { receipt, now: services.clock.now(), actor };
  let outcome: "stored" | "same" | "other" = "other";
  try {
    outcome = await services.db.tenant(tenantId, (tx) => storeContent(tx, tenantId, documentId, content));
  } catch (error) {
    // Deleted while it was fetched.
    if (!isAppError(error, "secufile", "document_not_found")) throw error;
  }
  if (outcome === "stored") services.eventHints.hint();
  else await services.blobs.delete(tenantId, receipt.ref);
}

/** Failures that never pass by themselves. */
const LASTING = new Set([
  "invalid_url",
  "scheme_not_allowed",
  "credentials_in_url",
  "port_not_allowed",
  "address_not_allowed",
  "response_too_large",
  "too_many_redirects",
  "redirect_not_allowed",
]);

function failureOf(error: unknown): FetchFailure | null {
  if (error instanceof FetchFailure) return error;
  if (error instanceof OutboundError) return new FetchFailure(error.message, LASTING.has(error.code), error);
  if (isBlobError(error, "blob_too_large")) return new FetchFailure(TOO_LARGE, true, error);
  if (isBlobError(error, "blob_mismatch")) return new FetchFailure(MISMATCH, true, error);
  if (isBlobError(error, "blob_interrupted")) {
    const cause = error instanceof Error ? error.cause : undefined;
    return cause instanceof OutboundError
      ? failureOf(cause)
      : new FetchFailure("the content broke off before its end", false, error);
  }
  return null;
}

import { AppError, errorsOf, type ErrorTable } from "../errors/errors.ts";

/** Every way in which a blob store can fail. A product turns the ones it expects into its own errors. */
export const blobErrors = {
  blob_not_found: { status: 404, wire: "blob_not_found", title: "No such object", retry: "no" },
  blob_exists: { status: 409, wire: "blob_exists", title: "Another object has this reference", retry: "no" },
  blob_too_large: { status: 413, wire: "blob_too_large", title: "The object is too large", retry: "no" },
  blob_range: { status: 416, wire: "blob_range", title: "The range is not within the object", retry: "no" },
  blob_mismatch: { status: 422, wire: "blob_mismatch", title: "The bytes are not the announced ones", retry: "no" },
  blob_interrupted: { status: 400, wire: "blob_interrupted", title: "The source ended early", retry: "now" },
  blob_damaged: { status: 500, wire: "blob_damaged", title: "The stored object is damaged", retry: "no" },
  blob_io: { status: 500, wire: "blob_io", title: "The store could not read or write", retry: "later" },
  blob_key_refused: { status: 503, wire: "blob_key_refused", title: "The key ring gave no key", retry: "later" },
  blob_no_space: { status: 507, wire: "blob_no_space", title: "The store is full", retry: "later" },
} as const satisfies ErrorTable;

export type BlobErrorCode = keyof typeof blobErrors;

export const blobError = errorsOf("blobs", blobErrors);

/** Whether `error` came from a blob store, and, where a code is given, with that code. */
export function isBlobError(error: unknown, code?: BlobErrorCode): error is AppError {
  return error instanceof AppError && error.area === "blobs" && (code === undefined || error.code === code);
}

/** Names a failure of the disk. What is a store's own error already stays as it is. */
export function storageError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT") return blobError("blob_no_space", "no space is left", { cause: error });
  return blobError("blob_io", "the disk refused an operation", { cause: error });
}

import { errorsOf, type ErrorTable } from "../../platform/errors/errors.ts";

export const secufileErrors = {
  document_not_found: { status: 404, wire: "document_not_found", title: "Document not found", retry: "no" },
  document_pending: { status: 409, wire: "document_pending", title: "The content is not there yet", retry: "later" },
  document_failed: { status: 409, wire: "document_failed", title: "The content could not be stored", retry: "no" },
  document_stored: { status: 409, wire: "document_stored", title: "The document has its content already", retry: "no" },
  document_retained: { status: 409, wire: "document_retained", title: "The document is retained", retry: "later" },
  upload_not_expected: {
    status: 409,
    wire: "upload_not_expected",
    title: "The content of this document is fetched from its ciphertext_url",
    retry: "no",
  },
  content_too_large: { status: 413, wire: "content_too_large", title: "The content is too large", retry: "no" },
  range_not_satisfiable: {
    status: 416,
    wire: "range_not_satisfiable",
    title: "The range lies outside of the content",
    retry: "no",
  },
  content_mismatch: {
    status: 422,
    wire: "content_mismatch",
    title: "The content is not what was announced",
    retry: "no",
  },
  content_interrupted: { status: 400, wire: "content_interrupted", title: "The content broke off", retry: "now" },
  content_damaged: { status: 500, wire: "content_damaged", title: "The stored content is damaged", retry: "no" },
  signature_not_found: {
    status: 404,
    wire: "signature_not_found",
    title: "Signature request not found",
    retry: "no",
  },
  signature_ended: { status: 409, wire: "signature_ended", title: "The signature request has ended", retry: "no" },
  key_not_found: { status: 404, wire: "key_not_found", title: "Key not found", retry: "no" },
  key_not_held: {
    status: 409,
    wire: "key_not_held",
    title: "The key is not in the built-in key service",
    retry: "no",
  },
} as const satisfies ErrorTable;

export const secufileError = errorsOf("secufile", secufileErrors);

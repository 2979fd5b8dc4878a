import { errorsOf, type ErrorTable } from "./errors.ts";

/** Failures that any product's route can meet, because the pipeline raises them. */
export const platformErrors = {
  bad_request: { status: 400, wire: "bad_request", title: "The request cannot be read", retry: "no" },
  invalid_json: { status: 400, wire: "invalid_json", title: "The body is not valid JSON", retry: "no" },
  unauthorized: { status: 401, wire: "unauthorized", title: "A valid token is needed", retry: "no" },
  forbidden: { status: 403, wire: "insufficient_scope", title: "The token lacks a scope", retry: "no" },
  address_forbidden: { status: 403, wire: "address_not_allowed", title: "Not from this address", retry: "no" },
  step_up_required: {
    status: 403,
    wire: "step_up_required",
    title: "Prove again who you are",
    retry: "later",
  },
  not_found: { status: 404, wire: "not_found", title: "Not found", retry: "no" },
  method_not_allowed: { status: 405, wire: "method_not_allowed", title: "Method not allowed", retry: "no" },
  request_timeout: { status: 408, wire: "request_timeout", title: "The request took too long to arrive", retry: "now" },
  payload_too_large: { status: 413, wire: "payload_too_large", title: "The body is too large", retry: "no" },
  unsupported_media_type: {
    status: 415,
    wire: "unsupported_media_type",
    title: "This content type is not taken here",
    retry: "no",
  },
  validation_failed: { status: 422, wire: "validation_failed", title: "The input is not valid", retry: "no" },
  rate_limited: { status: 429, wire: "rate_limited", title: "Too many requests", retry: "later" },
  headers_too_large: { status: 431, wire: "headers_too_large", title: "The request head is too large", retry: "no" },
  internal: { status: 500, wire: "internal", title: "Internal error", retry: "later" },
  audit_unavailable: {
    status: 503,
    wire: "audit_unavailable",
    title: "The audit log cannot be written",
    retry: "later",
  },
  unavailable: { status: 503, wire: "unavailable", title: "Not available now", retry: "later" },
} as const satisfies ErrorTable;

export const platformError = errorsOf("platform", platformErrors);

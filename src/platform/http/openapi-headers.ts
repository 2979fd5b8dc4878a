import type { Header, Parameter, Reference } from "./openapi-document.ts";

const UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$";

const ANSWER_HEADER_REFS: Record<string, Reference> = {
  "X-Request-Id": { $ref: "#/components/headers/X-Request-Id" },
  RateLimit: { $ref: "#/components/headers/RateLimit" },
  "RateLimit-Policy": { $ref: "#/components/headers/RateLimit-Policy" },
};

/** Headers of a failure. */
export function failureHeaders(status: number): Record<string, Reference> {
  return { ...ANSWER_HEADER_REFS, ...headersOfStatus(status) };
}

function headersOfStatus(status: number): Record<string, Reference> {
  if (status === 401) return { "WWW-Authenticate": { $ref: "#/components/headers/WWW-Authenticate" } };
  if ([409, 429, 503].includes(status)) return { "Retry-After": { $ref: "#/components/headers/Retry-After" } };
  return {};
}

/** Headers of a success. */
export function successHeaders(isReplayable: boolean): Record<string, Reference> {
  return isReplayable
    ? { ...ANSWER_HEADER_REFS, "Idempotent-Replayed": { $ref: "#/components/headers/Idempotent-Replayed" } }
    : ANSWER_HEADER_REFS;
}

/** Headers of answers, referred to by every operation. */
export const answerHeaders: Readonly<Record<string, Header>> = {
  "X-Request-Id": {
    description: "Id of the request, to name in a question to us.",
    schema: { type: "string", maxLength: 128, pattern: "^[A-Za-z0-9_.-]+$" },
    example: "req_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  },
  RateLimit: {
    description: "What is left of the quota of an accepted token: `r` requests, and `t` seconds until it is refilled.",
    schema: { type: "string", maxLength: 512, pattern: "^[\\x20-\\x7e]*$" },
    example: '"default";r=49;t=1',
  },
  "RateLimit-Policy": {
    description: "The quota of an accepted token: `q` requests in a window of `w` seconds.",
    schema: { type: "string", maxLength: 512, pattern: "^[\\x20-\\x7e]*$" },
    example: '"default";q=50;w=1',
  },
  "Retry-After": {
    description: "Seconds to wait before the next try.",
    schema: { type: "integer", format: "int32", minimum: 1, maximum: 86_400 },
    example: 5,
  },
  "Idempotent-Replayed": {
    description: "`true` where this is the stored answer of an earlier request with the same `Idempotency-Key`.",
    schema: { type: "string", enum: ["true"] },
    example: "true",
  },
  "WWW-Authenticate": {
    description: "The scheme that is asked for (RFC 9110, section 11.6.1).",
    schema: { type: "string", maxLength: 256, pattern: "^[\\x20-\\x7e]*$" },
    example: "Bearer",
  },
};

/** Headers of requests, referred to by operations. */
export const requestHeaders: Readonly<Record<string, Parameter>> = {
  "Idempotency-Key": {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description:
      "A UUID (version 4) of your own for this request. When it is sent again with the same key and content within 24 hours, the first answer is given again and nothing is done twice.",
    schema: { type: "string", format: "uuid", minLength: 36, maxLength: 36, pattern: UUID_PATTERN },
    example: "6f1c1c52-0f0e-4b7e-9f0a-2d6b7d9d5c11",
  },
  Range: {
    name: "Range",
    in: "header",
    required: false,
    description:
      "One range of bytes, `bytes=first-last`, to answer instead of the whole. Anything else is ignored, as RFC 9110, section 14.2, has it.",
    // A stricter schema would promise refusals that the RFC does not want.
    schema: { type: "string", pattern: "^[\\x20-\\x7e]*$" },
    example: "bytes=0-1023",
  },
};

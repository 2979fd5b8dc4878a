import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const idempotencyErrors = {
  idempotency_key_invalid: {
    status: 400,
    wire: "idempotency_key_invalid",
    title: "The Idempotency-Key is malformed",
    retry: "no",
  },
  idempotency_key_in_flight: {
    status: 409,
    wire: "idempotency_key_in_flight",
    title: "A request with this Idempotency-Key is still running",
    retry: "later",
  },
  idempotency_answer_gone: {
    status: 409,
    wire: "idempotency_answer_gone",
    title: "The answer held a secret and was forgotten",
    retry: "no",
  },
  idempotency_key_reused: {
    status: 422,
    wire: "idempotency_key_reused",
    title: "The Idempotency-Key was used for another request",
    retry: "no",
  },
} as const satisfies ErrorTable;

export const idempotencyError = errorsOf("idempotency", idempotencyErrors);

import type { FastifyReply } from "fastify";
import { AppError } from "../errors/errors.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { Dialect } from "../http/dialect.ts";
import type { RawAnswer, SuccessAnswer } from "../http/route.ts";
import type { StoredAnswer } from "../idempotency/schema.ts";
import { TenantShreddedError } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import { sqlState } from "../db/tx.ts";

const JSON_TYPE = "application/json; charset=utf-8";

/** The answer of a route that succeeded, as bytes. */
export function renderSuccess(shape: SuccessAnswer, value: unknown, requestId: string, now: Date): StoredAnswer {
  const headers = { "x-request-id": requestId, date: now.toUTCString() };
  if (shape.kind === "empty") return { status: shape.status, headers, body: "" };
  return { status: shape.status, headers: { ...headers, "content-type": JSON_TYPE }, body: JSON.stringify(value) };
}

export function renderFailure(
  error: AppError,
  dialect: Dialect,
  context: { requestId: string; path: string; now: Date },
): StoredAnswer {
  const failure = dialect.failure(error, context);
  return {
    status: failure.status,
    headers: { "x-request-id": context.requestId, date: context.now.toUTCString(), ...failure.headers },
    body: failure.body,
  };
}

export async function sendAnswer(reply: FastifyReply, answer: StoredAnswer): Promise<void> {
  reply.code(answer.status).headers(answer.headers);
  // As bytes: of a text the library would change the content type.
  await reply.send(answer.status === 204 ? null : Buffer.from(answer.body, "utf8"));
}

export async function sendRaw(reply: FastifyReply, answer: RawAnswer): Promise<void> {
  reply.code(answer.status).headers(answer.headers);
  await reply.send(answer.body);
}

/** What the outside learns of any failure. What is not expected becomes a 500, or a 503 when the database is away. */
export function toAppError(error: unknown, log: Log): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof TenantShreddedError)
    return platformError("unauthorized", "The organisation of this token is gone.");
  const known = fromFastify(error);
  if (known !== null) return known;
  if (sqlState(error) === LOCK_NOT_AVAILABLE) {
    log.warn({ error }, "a row was locked for longer than a request may wait");
    return platformError("unavailable", "Another request holds what this one needs; try again.", {
      retryAfterSeconds: 1,
    });
  }
  if (isDatabaseAway(error)) {
    log.error({ error }, "the database does not answer");
    return platformError("unavailable", "The server cannot reach its database; try again.", { retryAfterSeconds: 5 });
  }
  log.error({ error }, "request failed");
  return platformError("internal", "Something went wrong on the server; the request id helps its operator to find it.");
}

function fromFastify(error: unknown): AppError | null {
  switch (sqlState(error) ?? "") {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return platformError("payload_too_large", "The body is larger than this route takes.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
    case "FST_ERR_CTP_EMPTY_TYPE":
    case "FST_ERR_ROUTE_MISSING_CONTENT_TYPE":
      return platformError("unsupported_media_type", "Send the body as application/json.");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return platformError("bad_request", "The body does not have the length that Content-Length says.");
    case "FST_ERR_BAD_URL":
      return platformError("bad_request", "The path of the request is malformed.");
    default:
      return null;
  }
}

/** With its audit row a transaction gets a limit for every lock that it waits for. */
const LOCK_NOT_AVAILABLE = "55P03";
const AWAY = /^(?:ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|57P0[1-3]|08...|53...)$/;

function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const state = sqlState(error);
  if (state !== null && AWAY.test(state)) return true;
  return /^Connection terminated|^timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/.test(
    error.message,
  );
}

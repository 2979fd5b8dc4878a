import type { AppError } from "../../platform/errors/errors.ts";
import type { Dialect, Failure } from "../../platform/http/dialect.ts";
import { ssksErrors } from "./errors.ts";

const JSON_TYPE = "application/json";

/** The short bodies of the published contract, which clients compare. */
export const ssksDialect: Dialect = { failure: published };

function published(error: AppError): Failure {
  const { status, body } = wordingOf(error);
  return {
    status,
    headers: {
      "content-type": JSON_TYPE,
      "cache-control": "no-store",
      ...retryHeaders(error, status),
      ...error.headers,
    },
    body: JSON.stringify(body),
  };
}

type Wording = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

function wordingOf(error: AppError): Wording {
  const { status, wire } = error.row;
  const isOwn = Object.values<object>(ssksErrors).includes(error.row);
  if (status === 401) return { status, body: { detail: ssksErrors.application_unknown.wire } };
  if (status === 404) return { status, body: isOwn ? { model: wire } : { detail: "Not found." } };
  if (status === 422) return { status: 400, body: invalid(error) };
  if (status === 429) return { status, body: { detail: throttled(error) } };
  if (isOwn && (status === 403 || status === 406)) return { status, body: { detail: wire } };
  return { status, body: { detail: error.detail } };
}

/** Fields inside others stand under the outermost one's name. */
function invalid(error: AppError): Record<string, unknown> {
  const fields = new Map<string, string[]>();
  for (const { parameter, reason } of error.fields) {
    const [name = "", ...inner] = parameter.split(".");
    if (name === "" || name === "detail") continue;
    const told = inner.length === 0 ? reason : `${inner.join(".")} ${reason}`;
    fields.set(name, [...(fields.get(name) ?? []), told]);
  }
  return { ...Object.fromEntries(fields), detail: error.detail };
}

function throttled({ retryAfterSeconds }: AppError): string {
  return `Request was throttled. Expected available in ${secondsOf(retryAfterSeconds)} seconds.`;
}

function retryHeaders({ retryAfterSeconds }: AppError, status: number): Record<string, string> {
  const headers: Record<string, string> = {};
  if (status === 429 || retryAfterSeconds !== undefined) headers["retry-after"] = String(secondsOf(retryAfterSeconds));
  // RFC 9110, section 11.6.1: a 401 names the scheme. This one has no name that others know.
  if (status === 401) headers["www-authenticate"] = "X-SEALD-APIKEY";
  return headers;
}

function secondsOf(retryAfterSeconds: number | undefined): number {
  return Math.max(1, Math.ceil(retryAfterSeconds ?? 1));
}

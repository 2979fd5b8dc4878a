import type { AppError } from "../errors/errors.ts";
import type { Dialect } from "./dialect.ts";
import { PAGE_HEADERS } from "./page.ts";

/**
 * Problem details (RFC 9457) with the members `code`, `request_id` and, for wrong input, `errors`.
 * `documentation` is the page whose fragments describe the codes; `type` points there. Under `pagePrefixes`, where pages
 * behind links are and the address is a secret, a failure has the headers of those pages.
 */
export function problemDialect(documentation: string, pagePrefixes: readonly string[] = []): Dialect {
  return {
    failure(error, context) {
      const body = {
        type: `${documentation}#${error.row.wire}`,
        title: error.row.title,
        status: error.row.status,
        detail: error.detail,
        instance: context.path,
        code: error.row.wire,
        request_id: context.requestId,
        ...(error.fields.length === 0 ? {} : { errors: error.fields }),
      };
      return {
        status: error.row.status,
        headers: {
          ...(isUnder(pagePrefixes, context.path) ? PAGE_HEADERS : {}),
          "content-type": "application/problem+json",
          ...retryHeaders(error),
          ...error.headers,
        },
        body: JSON.stringify(body),
      };
    },
  };
}

/** Whether a path is one of these or stands below one. The router takes a path also with its letters percent-encoded. */
export function isUnder(prefixes: readonly string[], path: string): boolean {
  const plain = path.replaceAll(/%([2-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  return prefixes.some((prefix) => plain === prefix || plain.startsWith(`${prefix}/`));
}

function retryHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterSeconds !== undefined)
    headers["retry-after"] = String(Math.max(1, Math.ceil(error.retryAfterSeconds)));
  // RFC 9110, section 11.6.1: a 401 names the scheme.
  if (error.row.status === 401) headers["www-authenticate"] = "Bearer";
  return headers;
}

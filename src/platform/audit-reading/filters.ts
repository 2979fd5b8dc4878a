import { platformError } from "../errors/platform-errors.ts";
import type { AuditRecord } from "./record.ts";

/** What the query of a reader asks for, as it came. */
export type FilterQuery = {
  readonly user?: string | undefined;
  readonly bucket?: string | undefined;
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly outcome?: AuditRecord["outcome"] | undefined;
};

/** Null where nothing is asked for. */
export type Filter = {
  /** Id of an actor, or its e-mail address in lower case. */
  readonly user: string | null;
  readonly bucket: string | null;
  readonly action: string | null;
  /** `secufile.` for `secufile.*`. */
  readonly actionStart: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly outcome: string | null;
};

/** Whether every record is wanted. */
export function isEmpty(filter: Filter): boolean {
  return Object.values(filter).every((value) => value === null);
}

/** Throws `validation_failed` for an instant that is none. */
export function filterOf(query: FilterQuery): Filter {
  const isPrefix = query.action?.endsWith(".*") === true;
  const colon = query.resource?.indexOf(":") ?? -1;
  return {
    user: query.user?.toLowerCase() ?? null,
    bucket: query.bucket ?? null,
    action: isPrefix ? null : (query.action ?? null),
    actionStart: isPrefix ? (query.action ?? "").slice(0, -1) : null,
    resourceType: colon > 0 ? (query.resource ?? "").slice(0, colon) : null,
    resourceId: query.resource?.slice(colon + 1) ?? null,
    from: instantOf("from", query.from),
    to: instantOf("to", query.to),
    outcome: query.outcome ?? null,
  };
}

/** What was asked for, as it came, for the audit row of the reading itself and the head of an export. */
export function askedOf(query: FilterQuery): Readonly<Record<string, string>> {
  const { user, bucket, action, resource, from, to, outcome } = query;
  const asked = Object.entries({ user, bucket, action, resource, from, to, outcome });
  return Object.fromEntries(asked.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

const INSTANT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** An instant of a query, or null when it was not given. Throws `validation_failed` for what is none. */
export function instantOf(parameter: string, text: string | undefined): Date | null {
  if (text === undefined) return null;
  const at = new Date(text);
  if (INSTANT.test(text) && !Number.isNaN(at.getTime())) return at;
  throw platformError("validation_failed", "The query is not valid.", {
    fields: [{ parameter, reason: "must be an instant such as 2026-11-22T09:30:00Z" }],
  });
}

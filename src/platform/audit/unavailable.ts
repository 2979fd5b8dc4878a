import { sqlState } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";

/** How long a row may wait for a lock on a table of the audit log: a request is refused within 5 s, with room to spare. */
export const LOCK_LIMIT_MS = 2_000;
const RETRY_AFTER_SECONDS = 5;

/**
 * SQLSTATEs by which PostgreSQL says that the audit log takes no row: a lock that is not given, a statement over its
 * time, a full disk or other want of resources, a right that is gone, a table that is gone, a database that only reads,
 * an input/output error.
 */
const UNWRITABLE = /^(?:55P03|57014|53...|42501|42P01|42703|3F000|25006|58...|XX00[12])$/;

/** `audit_unavailable` when the log cannot be written; any other failure as it came. */
export function auditFailure(error: unknown): unknown {
  const state = sqlState(error);
  if (state === null || !UNWRITABLE.test(state)) return error;
  return platformError("audit_unavailable", "The audit log cannot be written now, so nothing was done; try again.", {
    cause: error,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

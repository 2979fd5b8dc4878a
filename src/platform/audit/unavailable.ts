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

/** Waits that ended without a row: the next ones would end so, too, and hold a connection each meanwhile. */
const WAITED_IN_VAIN = /^(?:55P03|57014)$/;
/** How long nobody else waits after one has waited in vain. */
const BLOCKED_MS = 1_000;

/** Set by `auditFailure` alone: until then this process refuses at once what would have to wait for the audit log. */
let blockedUntilMs = 0;

/** Throws `audit_unavailable` at once while the log is known to be locked, so that many requests need no longer than one. */
export function refuseWhileBlocked(): void {
  if (performance.now() < blockedUntilMs) throw unavailable();
}

/** `audit_unavailable` when the log cannot be written; any other failure as it came. */
export function auditFailure(error: unknown): unknown {
  const state = sqlState(error);
  if (state === null || !UNWRITABLE.test(state)) return error;
  if (WAITED_IN_VAIN.test(state)) blockedUntilMs = performance.now() + BLOCKED_MS;
  return unavailable(error);
}

function unavailable(cause?: unknown): Error {
  return platformError("audit_unavailable", "The audit log cannot be written now, so nothing was done; try again.", {
    cause,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

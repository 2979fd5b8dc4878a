const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** What passes before the second attempt, before the third, and so on: 75 h 35 min from first to last. */
export const RETRY_GAPS_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** Attempts of one delivery, replays apart. */
export const MAX_ATTEMPTS = RETRY_GAPS_MS.length + 1;

const JITTER = 0.2;
const MAX_RETRY_AFTER_MS = 24 * HOUR_MS;
/** Answers that ask to slow down; others may carry the header for other reasons. */
const THROTTLING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * When to try again after a failure at `now`, or null when no attempt is left. `random` is from 0 to 1 and spreads the
 * gap by a fifth each way, so that what failed together does not return together.
 */
export function nextAttemptAt(options: {
  now: Date;
  retriesLeft: number;
  retryAfterMs: number | null;
  random: number;
}): Date | null {
  const gapMs = RETRY_GAPS_MS[RETRY_GAPS_MS.length - options.retriesLeft];
  if (options.retriesLeft <= 0 || gapMs === undefined) return null;
  const spreadMs = gapMs * (1 - JITTER + 2 * JITTER * options.random);
  return new Date(options.now.getTime() + Math.max(spreadMs, options.retryAfterMs ?? 0));
}

/** What an answer's Retry-After asks for (RFC 9110, section 10.2.3: seconds or a date), at most 24 hours, or null. */
export function retryAfterMs(status: number, header: string | undefined, now: Date): number | null {
  if (header === undefined || !THROTTLING.has(status)) return null;
  const text = header.trim();
  const askedMs = /^\d{1,9}$/.test(text) ? Number(text) * SECOND_MS : Date.parse(text) - now.getTime();
  if (Number.isNaN(askedMs) || askedMs <= 0) return null;
  return Math.min(askedMs, MAX_RETRY_AFTER_MS);
}

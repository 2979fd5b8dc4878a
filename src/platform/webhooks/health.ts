/** How an endpoint has answered lately. The worker that holds its lane is the only one to change it. */
export type Health = {
  readonly straightFailures: number;
  readonly firstFailureAt: Date | null;
  /** How often the breaker opened since the last success. */
  readonly breakerOpens: number;
  /** Deliveries that may be under way at once: 4, after an outage 1, 2, 4. */
  readonly inFlightCap: number;
};

export const IN_FLIGHT_CAP = 4;
export const FULL_HEALTH: Health = {
  straightFailures: 0,
  firstFailureAt: null,
  breakerOpens: 0,
  inFlightCap: IN_FLIGHT_CAP,
};

/** Failures in a row that open the breaker. */
export const BREAKER_FAILURES = 5;
const FIRST_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 600_000;
const DISABLE_AFTER_MS = 5 * 24 * 3_600_000;
/** Deliveries taken at once from a lane that answers well; it saves queries. */
const FULL_TAKE = 32;

export function afterSuccess(health: Health): Health {
  return { ...FULL_HEALTH, inFlightCap: Math.min(IN_FLIGHT_CAP, health.inFlightCap * 2) };
}

export function afterFailure(health: Health, at: Date): Health {
  const straightFailures = health.straightFailures + 1;
  const isOpen = straightFailures >= BREAKER_FAILURES;
  return {
    straightFailures,
    firstFailureAt: health.firstFailureAt ?? at,
    breakerOpens: health.breakerOpens,
    inFlightCap: isOpen ? 1 : health.inFlightCap,
  };
}

/** The breaker is open, or half-open once its pause is over: then one delivery at a time is the probe. */
export function isBreakerOpen(health: Health): boolean {
  return health.straightFailures >= BREAKER_FAILURES;
}

/** Called when a lane with an open breaker is given back: counts the opening and says how long to leave it alone. */
export function openBreaker(health: Health): { health: Health; pauseMs: number } {
  const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(health.breakerOpens, 10));
  return { health: { ...health, breakerOpens: health.breakerOpens + 1 }, pauseMs };
}

/** Five days in which nothing but failures came, and not merely two of them five days apart. */
export function isBeyondHope(health: Health, now: Date): boolean {
  return (
    health.firstFailureAt !== null &&
    health.straightFailures >= BREAKER_FAILURES &&
    now.getTime() - health.firstFailureAt.getTime() >= DISABLE_AFTER_MS
  );
}

/** How many deliveries to take at once from a lane in this state. */
export function takeOf(health: Health): number {
  if (isBreakerOpen(health)) return 1;
  return health.straightFailures > 0 || health.inFlightCap < IN_FLIGHT_CAP ? health.inFlightCap : FULL_TAKE;
}

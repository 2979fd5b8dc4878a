/** What a limit says to one request. The same for every kind of limit of this area. */
export type LimitOutcome = {
  readonly isAllowed: boolean;
  /** How much may still be taken at once. */
  readonly remaining: number;
  /** Whole seconds, rounded up, until `remaining` grows; after a refusal the same as `retryAfterSeconds`. */
  readonly resetSeconds: number;
  /** 0 when allowed; otherwise whole seconds, rounded up, after which the same request fits. At least 1. */
  readonly retryAfterSeconds: number;
};

/** `limit` requests in any window of `windowSeconds`. */
export type LimitPolicy = { readonly limit: number; readonly windowSeconds: number };

export function allowedOutcome(remaining: number, resetMs: number): LimitOutcome {
  return { isAllowed: true, remaining, resetSeconds: Math.ceil(resetMs / 1000), retryAfterSeconds: 0 };
}

export function refusedOutcome(remaining: number, waitMs: number): LimitOutcome {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return { isAllowed: false, remaining, resetSeconds: seconds, retryAfterSeconds: seconds };
}

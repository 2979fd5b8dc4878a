import type { LimitOutcome, LimitPolicy } from "./outcome.ts";

export type NamedOutcome = {
  /** Printable ASCII without quote and backslash; part of the program, never input. */
  readonly name: string;
  readonly policy: LimitPolicy;
  readonly outcome: LimitOutcome;
};

const NAME = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,64}$/;

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-11 sections 3 and 4, and after a refusal `retry-after`, which
 * names the same moment as `t`. No partition key is sent: it could tell what others do.
 */
export function rateLimitHeaders(name: string, policy: LimitPolicy, outcome: LimitOutcome): Record<string, string> {
  return rateLimitHeadersOf([{ name, policy, outcome }]);
}

/** The fields of a request that stands under several limits; `retry-after` is the moment when all of them allow it. */
export function rateLimitHeadersOf(limits: readonly NamedOutcome[]): Record<string, string> {
  const waits = limits.filter(({ outcome }) => !outcome.isAllowed).map(({ outcome }) => outcome.retryAfterSeconds);
  return {
    "ratelimit-policy": limits.map(policyItem).join(", "),
    ratelimit: limits.map(limitItem).join(", "),
    ...(waits.length > 0 ? { "retry-after": String(Math.max(...waits)) } : {}),
  };
}

function policyItem({ name, policy }: NamedOutcome): string {
  return `${quoted(name)};q=${policy.limit};w=${policy.windowSeconds}`;
}

function limitItem({ name, policy, outcome }: NamedOutcome): string {
  // A burst may lie above what one window of the published policy allows; then the policy is what is promised.
  const remaining = Math.min(outcome.remaining, policy.limit);
  return `${quoted(name)};r=${remaining};t=${outcome.resetSeconds}`;
}

/** A String of RFC 9651 section 3.3.3. */
function quoted(name: string): string {
  if (!NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} cannot name a policy`);
  return `"${name}"`;
}

import type { Clock } from "../clock/clock.ts";
import { refusedOutcome, type LimitOutcome } from "./outcome.ts";

type Denial = {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly limit: number;
  readonly cost: number;
  readonly remaining: number;
};

export type DeniedTake = { readonly limit: number; readonly cost: number };

/**
 * Refusals that are known to last. Nothing gives quota back before the moment that the refusal named, so until then
 * the same answer holds without asking anybody.
 */
export type Denials = {
  /** The refusal that still holds for `take`, or null. */
  find(key: string, take: DeniedTake): LimitOutcome | null;
  add(key: string, take: DeniedTake, refusal: { readonly remaining: number; readonly waitMs: number }): void;
};

/** Keeps at most `maxKeys`; beyond that the oldest refusal is forgotten, which costs one more look at the database. */
export function createDenials(clock: Clock, maxKeys: number): Denials {
  const denials = new Map<string, Denial>();
  return {
    find(key, take) {
      const denial = denials.get(key);
      if (denial === undefined) return null;
      const nowMs = clock.now().getTime();
      // Before `sinceMs` the clock was set back, and how long the refusal lasts is unknown.
      if (nowMs < denial.sinceMs || nowMs >= denial.untilMs) {
        denials.delete(key);
        return null;
      }
      const holds = take.cost >= denial.cost && take.limit <= denial.limit;
      return holds ? refusedOutcome(denial.remaining, denial.untilMs - nowMs) : null;
    },
    add(key, take, refusal) {
      const sinceMs = clock.now().getTime();
      denials.delete(key);
      denials.set(key, { ...take, sinceMs, untilMs: sinceMs + refusal.waitMs, remaining: refusal.remaining });
      if (denials.size <= maxKeys) return;
      for (const oldest of denials.keys()) {
        denials.delete(oldest);
        break;
      }
    },
  };
}

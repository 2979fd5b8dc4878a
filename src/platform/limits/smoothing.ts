import type { Clock } from "../clock/clock.ts";
import { allowedOutcome, refusedOutcome, type LimitOutcome } from "./outcome.ts";

/** A steady rate, and how many requests may come at once after a pause. */
export type SmoothingRate = { readonly perSecond: number; readonly burst: number };

/**
 * Evens out requests per second, in this process only: two processes let through twice the rate, and a restart
 * forgets everything. It protects this process from bursts. A documented limit ("1,000 an hour") is kept by the
 * window of `sliding-window.ts`, which all processes share.
 */
export type Smoother = {
  /** A key must always come with the same rate. Throws `RangeError` when `cost` can never fit. */
  take(key: string, rate: SmoothingRate, cost?: number): LimitOutcome;
  /** How many keys are remembered. */
  size(): number;
};

/** About 15 MB when full. */
const DEFAULT_MAX_KEYS = 100_000;

/** Far below one request of any rate, far above the rounding of the sums; in milliseconds. */
const ROUNDING_MS = 1e-6;

export type Advance = { readonly dueMs: number; readonly outcome: LimitOutcome };

/**
 * One step of the generic cell rate algorithm. `dueMs` is when all that was taken so far is paid back at the steady
 * rate. At most `burst + perSecond * t` is let through in any `t` seconds.
 */
export function advance(dueMs: number, nowMs: number, rate: SmoothingRate, cost: number): Advance {
  const intervalMs = 1000 / rate.perSecond;
  const capacityMs = rate.burst * intervalMs;
  // Above the capacity only when the clock was set back: then everything counts as taken just now.
  const owedMs = Math.min(Math.max(dueMs - nowMs, 0), capacityMs);
  const thenOwedMs = owedMs + cost * intervalMs;
  if (thenOwedMs > capacityMs + ROUNDING_MS) {
    const remaining = Math.floor((capacityMs - owedMs + ROUNDING_MS) / intervalMs);
    return { dueMs: nowMs + owedMs, outcome: refusedOutcome(remaining, thenOwedMs - capacityMs) };
  }
  const remaining = Math.floor((capacityMs - thenOwedMs + ROUNDING_MS) / intervalMs);
  const untilNextMs = thenOwedMs - (rate.burst - remaining - 1) * intervalMs;
  return { dueMs: nowMs + thenOwedMs, outcome: allowedOutcome(remaining, untilNextMs) };
}

export type SmootherOptions = { readonly clock: Clock; readonly maxKeys?: number };

/**
 * A smoother with at most `maxKeys` keys. When a further key comes, the key that was quiet for longest is forgotten
 * and starts afresh; by then it has usually paid back everything.
 */
export function createSmoother(options: SmootherOptions): Smoother {
  const maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS;
  // Times count from here: small numbers keep the sums exact.
  const originMs = options.clock.now().getTime();
  /** From the key that was quiet for longest to the latest. */
  const due = new Map<string, number>();
  return {
    take(key, rate, cost = 1) {
      refuseWrongRate(rate, cost);
      const nowMs = options.clock.now().getTime() - originMs;
      const step = advance(due.get(key) ?? nowMs, nowMs, rate, cost);
      due.delete(key);
      due.set(key, step.dueMs);
      if (due.size > maxKeys) forgetOldest(due);
      return step.outcome;
    },
    size: () => due.size,
  };
}

function refuseWrongRate(rate: SmoothingRate, cost: number): void {
  if (!(rate.perSecond > 0) || !(rate.burst >= 1)) {
    throw new RangeError(`a rate of ${rate.perSecond} a second with a burst of ${rate.burst} lets nothing through`);
  }
  if (!(cost > 0) || cost > rate.burst) throw new RangeError(`a cost of ${cost} never fits a burst of ${rate.burst}`);
}

function forgetOldest(due: Map<string, number>): void {
  for (const oldest of due.keys()) {
    due.delete(oldest);
    return;
  }
}

import { createHash } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
import type { Database, Tx } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { Log } from "../log/log.ts";
import { createDenials } from "./denials.ts";
import { allowedOutcome, refusedOutcome, type LimitOutcome, type LimitPolicy } from "./outcome.ts";
import { createSmoother } from "./smoothing.ts";
import { updateWindow, type WindowTakeRow } from "./store.ts";

/** One request against one key's window. `cost` is 1 unless it says otherwise. */
export type WindowRequest = LimitPolicy & { readonly key: string; readonly cost?: number };

/** Longest window; the sums of microseconds stay far from any bound. */
const MAX_WINDOW_SECONDS = 31 * 86_400;
const MAX_LIMIT = 1_000_000_000;

/**
 * Takes from the window of `key` that all processes share: at most `limit` in any `windowSeconds` by the database's
 * clock, and at the moment of a refusal more than 99 % of `limit` were let through in the window before it.
 *
 * With a `Database` this is one round trip, visible at once, and durable shortly after: a crash of PostgreSQL may
 * forget what was taken in the last second. With a `Tx` it happens if and only if that transaction commits, and the
 * key's other requests wait until it ends: take late and commit soon.
 *
 * A window is named by `key` and `windowSeconds`; a changed `limit` counts what was taken before. Throws `RangeError`
 * when `cost` can never fit, and the database's error when that cannot be reached.
 */
export async function takeFromWindow(runner: Database | Tx, request: WindowRequest): Promise<LimitOutcome> {
  return outcomeOf(await takeRow(runner, request));
}

function takeRow(runner: Database | Tx, request: WindowRequest): Promise<WindowTakeRow> {
  refuseWrongRequest(request);
  const { limit, windowSeconds, cost = 1 } = request;
  return updateWindow(runner, { keyHash: hashWindowKey(request), limit, windowSeconds, cost });
}

function outcomeOf(row: WindowTakeRow): LimitOutcome {
  const waitMs = row.wait_us / 1000;
  return row.is_allowed ? allowedOutcome(row.remaining, waitMs) : refusedOutcome(row.remaining, waitMs);
}

/** What stands in the table for a window: keys name tokens and addresses, which need not be readable there. */
export function hashWindowKey(window: { readonly key: string; readonly windowSeconds: number }): Buffer {
  return createHash("sha256").update(`${window.windowSeconds}:${window.key}`).digest();
}

function refuseWrongRequest(request: WindowRequest): void {
  const { limit, windowSeconds, cost = 1 } = request;
  if (!isWithin(limit, MAX_LIMIT) || !isWithin(windowSeconds, MAX_WINDOW_SECONDS)) {
    throw new RangeError(`${limit} in ${windowSeconds} s is not a limit`);
  }
  if (!isWithin(cost, limit)) throw new RangeError(`a cost of ${cost} never fits a limit of ${limit}`);
}

function isWithin(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max;
}

/**
 * What to answer when the database cannot be asked. `open`: go on below a ceiling of this process, for general API
 * limits. `closed`: refuse, for authentication and for whatever costs money.
 */
export type WhenUnreachable = "open" | "closed";

export type WindowLimiter = {
  /**
   * As `takeFromWindow` with a database; a key that was refused is refused without asking again until its retry
   * moment. Throws `platform.unavailable` when the database is unreachable and `whenUnreachable` is `closed`.
   */
  take(request: WindowRequest, whenUnreachable: WhenUnreachable): Promise<LimitOutcome>;
};

export type WindowLimiterOptions = {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** How long one check may take before the database counts as unreachable. */
  readonly timeoutMs?: number;
  readonly maxDeniedKeys?: number;
};

const DEFAULT_TIMEOUT_MS = 1_000;
const DEFAULT_MAX_DENIED_KEYS = 50_000;
/** After a failure the database is left alone for so long; then one request tries again. */
const PAUSE_MS = 1_000;
/** While the database is away, a key may use this part of its limit at once, then its average rate. */
const CEILING_BURST_PART = 0.1;

/** One for each process. Owns its refusals, its ceilings and the knowledge whether the database answers. */
export function createWindowLimiter(options: WindowLimiterOptions): WindowLimiter {
  const { db, clock, log, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const denials = createDenials(clock, options.maxDeniedKeys ?? DEFAULT_MAX_DENIED_KEYS);
  const ceilings = createSmoother({ clock });
  const outage = createOutage(clock, PAUSE_MS + timeoutMs);

  function withoutDatabase(request: WindowRequest, whenUnreachable: WhenUnreachable, cause?: unknown): LimitOutcome {
    if (whenUnreachable === "closed") {
      throw platformError("unavailable", "Limits cannot be checked at the moment.", {
        cause,
        retryAfterSeconds: Math.ceil((PAUSE_MS + timeoutMs) / 1000),
      });
    }
    const { key, limit, windowSeconds, cost = 1 } = request;
    const burst = Math.max(Math.ceil(limit * CEILING_BURST_PART), cost);
    return ceilings.take(`${windowSeconds}:${key}`, { perSecond: limit / windowSeconds, burst }, cost);
  }

  return {
    async take(request, whenUnreachable) {
      refuseWrongRequest(request);
      const asked = { limit: request.limit, cost: request.cost ?? 1 };
      const name = `${request.windowSeconds}:${request.key}`;
      const denied = denials.find(name, asked);
      if (denied !== null) return denied;
      if (!outage.mayAsk()) return withoutDatabase(request, whenUnreachable);
      let row: WindowTakeRow;
      try {
        row = await inTime(takeRow(db, request), timeoutMs);
      } catch (error) {
        if (outage.begin())
          log.error({ error }, "limits cannot be checked; general limits now hold for each process alone");
        return withoutDatabase(request, whenUnreachable, error);
      }
      if (outage.end()) log.info("limits are checked again");
      if (!row.is_allowed) denials.add(name, asked, { remaining: row.remaining, waitMs: row.wait_us / 1000 });
      return outcomeOf(row);
    },
  };
}

type Outage = {
  /** Whether the database may be asked; after a pause, one caller of many. */
  mayAsk(): boolean;
  /** Answers whether this began just now. */
  begin(): boolean;
  end(): boolean;
};

/** `pauseMs` covers the pause and the time of the one attempt after it. */
function createOutage(clock: Clock, pauseMs: number): Outage {
  /** When the pause began; null while the database answers. */
  let sinceMs: number | null = null;
  return {
    mayAsk() {
      if (sinceMs === null) return true;
      const nowMs = clock.now().getTime();
      // Before `sinceMs` the clock was set back.
      if (nowMs >= sinceMs && nowMs < sinceMs + pauseMs) return false;
      sinceMs = nowMs;
      return true;
    },
    begin() {
      const isNew = sinceMs === null;
      sinceMs = clock.now().getTime();
      return isNew;
    },
    end() {
      const wasAway = sinceMs !== null;
      sinceMs = null;
      return wasAway;
    },
  };
}

/** The work itself goes on when the time is over; then it takes quota that nobody used. */
function inTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = (): void => reject(new Error(`no answer within ${limitMs} ms`));
  // After a pause of the whole process timers come first: an answer that waits already is read before giving up.
  const timer = setTimeout(() => setImmediate(giveUp), limitMs);
  work.then(resolve, reject).finally(() => clearTimeout(timer));
  return promise;
}

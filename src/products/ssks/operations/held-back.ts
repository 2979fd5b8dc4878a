import { recordAudit, type AuditActor } from "../../../platform/audit/audit.ts";
import { isAppError, type AppError } from "../../../platform/errors/errors.ts";
import { minuteOf, Minutes } from "../../../platform/limits/minutes.ts";
import type { Services } from "../../../platform/product.ts";
import { userInAudit } from "./acts.ts";
import type { AppLookup } from "./app-lookup.ts";

/** A call that a budget held back: of which application, about whom, by whom. */
export type Held = {
  readonly appId: string;
  readonly operation: string;
  readonly userId: string | null;
  /** Without an address: one row tells of all of them. */
  readonly actor: Pick<AuditActor, "type" | "id">;
  readonly at: Date;
};

/**
 * Puts on record what budgets held back, so that a flood writes little: one row of each minute, application, operation, user
 * and actor, with its number, once the minute is over. Owns the counts of the running minute in this process; a crash loses them.
 */
export type HeldBack = {
  note(held: Held): void;
  /** Writes what was counted in minutes that are over; what cannot be written is kept for the next time. */
  flush(): Promise<void>;
  /** Writes what was counted in any minute. */
  stop(): Promise<void>;
};

const FLUSH_MS = 5_000;
/** Users and actors of an application that are told apart in one minute; beyond them each operation has one count. */
export const MAX_COUNTS_AN_APP = 50;
/** Counts of all applications in one minute; beyond them the server's log has one. */
const MAX_COUNTS = 10_000;

type Count = Omit<Held, "at"> & { calls: number; firstAt: Date; lastAt: Date };
type Minute = { counts: Map<string, Count>; readonly perApp: Map<string, number>; untold: number };
type Tools = Pick<Services, "db" | "keyring" | "clock" | "log">;

export function createHeldBack(tools: Tools, apps: AppLookup): HeldBack {
  const minutes = new Minutes<Minute>({
    log: tools.log,
    what: "calls of SSKS that were held back",
    make: () => ({ counts: new Map(), perApp: new Map(), untold: 0 }),
    countOf: ({ counts, untold }) => counts.values().reduce((sum, { calls }) => sum + calls, untold),
  });
  let flushing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;
  const flushBefore = (end: number): Promise<void> => {
    flushing = flushing.then(() => flushMinutes({ ...tools, apps }, minutes, end));
    return flushing;
  };
  const flush = (): Promise<void> => flushBefore(minuteOf(tools.clock.now()));
  return {
    note(held) {
      timer ??= setInterval(() => void flush(), FLUSH_MS).unref();
      const { at, ...rest } = held;
      add(minutes.at(minuteOf(at)), { ...rest, calls: 1, firstAt: at, lastAt: at });
    },
    flush,
    stop() {
      if (timer !== null) clearInterval(timer);
      return flushBefore(Number.POSITIVE_INFINITY);
    },
  };
}

function add(minute: Minute, count: Count): void {
  const { counts, perApp } = minute;
  const { appId, operation, userId, actor } = count;
  const own = JSON.stringify([appId, operation, userId, actor.type, actor.id]);
  if (addTo(counts, own, count)) return;
  const ofApp = perApp.get(appId) ?? 0;
  // There are few operations: theirs are few counts.
  const isOwn = ofApp < MAX_COUNTS_AN_APP;
  const all: Count = { ...count, userId: null, actor: { type: "system", id: "budgets" } };
  const [key, made] = isOwn ? [own, count] : [JSON.stringify([appId, operation]), all];
  if (!isOwn && addTo(counts, key, made)) return;
  if (counts.size >= MAX_COUNTS) {
    minute.untold += count.calls;
    return;
  }
  if (isOwn) perApp.set(appId, ofApp + 1);
  counts.set(key, { ...made });
}

/** False: there is no such count yet. */
function addTo(counts: Map<string, Count>, key: string, count: Count): boolean {
  const earlier = counts.get(key);
  if (earlier === undefined) return false;
  earlier.calls += count.calls;
  if (count.firstAt < earlier.firstAt) earlier.firstAt = count.firstAt;
  if (count.lastAt > earlier.lastAt) earlier.lastAt = count.lastAt;
  return true;
}

type Writing = Tools & { readonly apps: AppLookup };

async function flushMinutes(writing: Writing, minutes: Minutes<Minute>, end: number): Promise<void> {
  const { log } = writing;
  for (const [start, minute] of minutes.entries()) {
    if (start >= end) continue;
    const { counts, untold } = minute;
    minute.counts = new Map();
    minute.untold = 0;
    if (untold > 0) log.warn({ calls: untold }, "calls of SSKS were held back and are in no row");
    for (const count of counts.values()) {
      await record(writing, count).catch((error: unknown) => {
        log.warn({ error }, "a count of calls that were held back could not be written");
        add(minute, count);
      });
    }
    if (minute.counts.size === 0) minutes.forget(start);
  }
}

async function record({ db, keyring, apps }: Writing, count: Count): Promise<void> {
  const { appId, operation, userId, actor, calls, firstAt, lastAt } = count;
  const found = await apps.find(appId).catch((error: unknown) => {
    // Deleted meanwhile, or its organisation is.
    if (isAppError(error, "ssks", "application_unknown")) return null;
    throw error;
  });
  if (found === null) return;
  const { app } = found;
  const user = userId === null ? {} : { user: userInAudit(keyring, app, userId) };
  const details = { ...user, reason: "throttled", calls, from: firstAt.toISOString(), to: lastAt.toISOString() };
  await db.tenant(app.tenant_id, (tx) =>
    recordAudit(tx, app.tenant_id, {
      action: `ssks.${operation}`,
      at: lastAt,
      actor,
      resource: { type: "app", id: app.id },
      outcome: "denied",
      details,
    }),
  );
}

/** Whether a budget, or what an application may send in an hour, held the call back. */
export function isHeldBack(error: unknown): error is AppError {
  return isAppError(error, "ssks", "throttled") || isAppError(error, "notify", "too_many_notifications");
}

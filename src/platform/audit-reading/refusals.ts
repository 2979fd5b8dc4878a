import type { Database } from "../db/tx.ts";
import { minuteOf, Minutes } from "../limits/minutes.ts";
import { networkOf } from "../limits/network.ts";
import type { Log } from "../log/log.ts";
import { insertRefusals, type RefusalCount } from "./store/refusals.ts";

/**
 * Counts refusals of callers that nobody knows: wrong tokens, links that open nothing, paths that do not exist. Owns the
 * counts of the running minute; they are added to the table every few seconds, so that a flood writes few rows. A crash
 * loses what was not written yet.
 */
export type RefusalLog = {
  note(address: string, reason: string, at: Date): void;
  /** Adds what is counted to the table. What cannot be written now is kept for the next time. */
  flush(): Promise<void>;
  stop(): Promise<void>;
};

const FLUSH_MS = 5_000;
/** Sources and reasons told apart in one minute; what comes from further ones is counted together. */
export const MAX_KEYS_A_MINUTE = 200;
export const OTHERS = "others";

/** The counts of one minute that are not in the table yet, and which keys it has had. */
type Minute = { readonly known: Set<string>; readonly counts: Map<string, RefusalCount> };

export function createRefusalLog(options: { db: Database; log: Log }): RefusalLog {
  const { db, log } = options;
  const minutes = new Minutes<Minute>({
    log,
    what: "refusals",
    make: () => ({ known: new Set(), counts: new Map() }),
    countOf: ({ counts }) => counts.values().reduce((sum, { count }) => sum + count, 0),
  });
  let flushing: Promise<void> = Promise.resolve();

  async function flushOnce(): Promise<void> {
    for (const [start, minute] of minutes.entries()) {
      const counts = [...minute.counts.values()];
      minute.counts.clear();
      try {
        if (counts.length > 0) await db.directory((tx) => insertRefusals(tx, counts), { durability: "buffered" });
      } catch (error) {
        for (const count of counts) add(minute, count);
        throw error;
      }
      if (start !== minutes.entries().at(-1)?.[0] && minute.counts.size === 0) minutes.forget(start);
    }
  }

  const flush = (): Promise<void> => {
    flushing = flushing.catch(() => undefined).then(flushOnce);
    return flushing;
  };
  const flushOrTell = (): Promise<void> =>
    flush().catch((error: unknown) => log.warn({ error }, "refusals could not be written"));
  const timer = setInterval(() => void flushOrTell(), FLUSH_MS);
  timer.unref();

  return {
    note(address, reason, at) {
      const start = minuteOf(at);
      add(minutes.at(start), { minute: new Date(start), source: networkOf(address), reason, count: 1, lastAt: at });
    },
    flush,
    async stop() {
      clearInterval(timer);
      await flushOrTell();
    },
  };
}

function add(minute: Minute, counted: RefusalCount): void {
  const wanted = `${counted.source} ${counted.reason}`;
  const isKnown = minute.known.has(wanted) || minute.known.size < MAX_KEYS_A_MINUTE;
  const entry = isKnown ? counted : { ...counted, source: OTHERS, reason: OTHERS };
  const key = isKnown ? wanted : OTHERS;
  minute.known.add(isKnown ? wanted : OTHERS);
  const before = minute.counts.get(key);
  minute.counts.set(key, before === undefined ? entry : { ...entry, count: before.count + entry.count });
}

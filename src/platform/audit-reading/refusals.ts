import type { Database } from "../db/tx.ts";
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
const MINUTE_MS = 60_000;
/** Sources and reasons told apart in one minute; what comes from further ones is counted together. */
export const MAX_KEYS_A_MINUTE = 200;
/** Minutes that are kept while the table cannot be written. */
const MAX_MINUTES = 60;
export const OTHERS = "others";

/** The counts of one minute that are not in the table yet, and which keys it has had. */
type Minute = { readonly known: Set<string>; readonly counts: Map<string, RefusalCount> };

export function createRefusalLog(options: { db: Database; log: Log }): RefusalLog {
  const { db, log } = options;
  const minutes = new Map<number, Minute>();
  let flushing: Promise<void> = Promise.resolve();

  function minuteAt(start: number): Minute {
    const found = minutes.get(start);
    if (found !== undefined) return found;
    const oldest = minutes.keys().next().value;
    if (minutes.size >= MAX_MINUTES && oldest !== undefined) minutes.delete(oldest);
    const made: Minute = { known: new Set(), counts: new Map() };
    minutes.set(start, made);
    return made;
  }

  async function flushOnce(): Promise<void> {
    for (const [start, minute] of minutes) {
      const counts = [...minute.counts.values()];
      minute.counts.clear();
      try {
        if (counts.length > 0) await db.directory((tx) => insertRefusals(tx, counts), { durability: "buffered" });
      } catch (error) {
        for (const count of counts) add(minute, count);
        throw error;
      }
      if (start !== [...minutes.keys()].at(-1) && minute.counts.size === 0) minutes.delete(start);
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
      const start = Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS;
      add(minuteAt(start), { minute: new Date(start), source: networkOf(address), reason, count: 1, lastAt: at });
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

import type { Log } from "../log/log.ts";

const MINUTE_MS = 60_000;
/** Minutes that are kept while what was counted cannot be written. */
export const MAX_MINUTES = 60;

export type MinutesOptions<M> = {
  readonly log: Log;
  /** What is counted, for the log: "refusals". */
  readonly what: string;
  make(): M;
  /** What of a minute is in no row yet. */
  countOf(minute: M): number;
};

/** Start of a moment's minute, in milliseconds since 1970. */
export function minuteOf(moment: Date): number {
  return Math.floor(moment.getTime() / MINUTE_MS) * MINUTE_MS;
}

/**
 * Counts by the minute, by its start, until they are written. Owns them; the oldest are given up, and told of in the log, where
 * nothing could be written for an hour.
 */
export class Minutes<M> {
  readonly #all = new Map<number, M>();
  readonly #options: MinutesOptions<M>;

  constructor(options: MinutesOptions<M>) {
    this.#options = options;
  }

  /** Made where there is none. */
  at(start: number): M {
    const found = this.#all.get(start);
    if (found !== undefined) return found;
    const [oldest] = this.#all;
    if (this.#all.size >= MAX_MINUTES && oldest !== undefined) this.#giveUp(...oldest);
    const made = this.#options.make();
    this.#all.set(start, made);
    return made;
  }

  /** Those that there are now, the oldest first. */
  entries(): [number, M][] {
    return [...this.#all];
  }

  forget(start: number): void {
    this.#all.delete(start);
  }

  #giveUp(start: number, minute: M): void {
    const { log, what, countOf } = this.#options;
    const count = countOf(minute);
    if (count > 0) log.warn({ minute: new Date(start).toISOString(), count }, `${what} of a minute are in no row`);
    this.#all.delete(start);
  }
}

import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../db/tx.ts";
import type { Filter } from "./filters.ts";
import { readPageNow } from "./log-pages.ts";
import type { LogRow } from "./store/log.ts";

const PAGE_RECORDS = 200;
const LOOK_EVERY_MS = 250;
const HEARTBEAT_MS = 10_000;
/** What a client waits before it comes back. */
const RETRY_MS = 1_000;

export type FollowOptions = {
  readonly db: Database;
  readonly tenantId: string;
  readonly filter: Filter;
  /** The first index of interest. */
  readonly from: number;
  /** Aborted when the reader has gone away or the server stops. */
  readonly signal: AbortSignal;
  /** Asked at each look: false ends the stream. */
  isAllowed(): Promise<boolean>;
  show(row: LogRow): string;
};

/**
 * Server-sent events (HTML, section 9.2) of all records from an index on, as they come. The id of an event is its index; a
 * heartbeat carries the last index that was looked at, so that a reader whose filter fits little does not go back far.
 */
export async function* followLog(options: FollowOptions): AsyncGenerator<string> {
  const { db, tenantId, filter, signal } = options;
  yield `retry: ${RETRY_MS}\n\n`;
  let { from } = options;
  let quietSinceMs = performance.now();
  while (!signal.aborted && (await options.isAllowed())) {
    const page = await readPageNow(db, tenantId, { from, until: null, filter, limit: PAGE_RECORDS });
    from = page.rest?.from ?? Math.max(from, page.size);
    if (page.rows.length > 0) {
      yield page.rows.map((row) => `id: ${row.index}\ndata: ${options.show(row)}\n\n`).join("");
      quietSinceMs = performance.now();
    } else if (performance.now() - quietSinceMs > HEARTBEAT_MS) {
      yield from === 0 ? ": heartbeat\n\n" : `: heartbeat\nid: ${from - 1}\n\n`;
      quietSinceMs = performance.now();
    }
    if (page.rest === null) await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

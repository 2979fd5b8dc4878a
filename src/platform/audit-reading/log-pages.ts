import { readLog } from "../audit/audit.ts";
import type { Database, Tx } from "../db/tx.ts";
import { isEmpty, type Filter } from "./filters.ts";
import { findLogSize, listLogRows, type IndexRange, type LogRow } from "./store/log.ts";

/** How many records one statement looks at for those that a filter wants. */
const WINDOW_RECORDS = 5_000;
/** Windows that one page looks through; what it has not seen by then is left to the next page. */
const MAX_WINDOWS = 20;

export type Page = {
  readonly rows: readonly LogRow[];
  /** Where the next page goes on, or null when the range is seen to its end. */
  readonly rest: IndexRange | null;
};

export type PageWish = {
  readonly range: IndexRange;
  readonly filter: Filter;
  readonly limit: number;
  readonly isBackwards?: boolean;
};

/**
 * Records of a range that the filter wants. A page of a filter that fits little may hold fewer than `limit`, even none,
 * and still have a rest: so no reader makes the database look at a whole log at once.
 */
export async function readPage(tx: Tx, tenantId: string, wish: PageWish): Promise<Page> {
  const { filter, isBackwards = false } = wish;
  const rows: LogRow[] = [];
  let { from, until } = wish.range;
  for (let window = 0; window < MAX_WINDOWS && from < until && rows.length < wish.limit; window++) {
    const limit = wish.limit - rows.length;
    const size = isEmpty(filter) ? limit : WINDOW_RECORDS;
    const part = isBackwards
      ? { from: Math.max(from, until - size), until }
      : { from, until: Math.min(until, from + size) };
    const found = await listLogRows(tx, tenantId, part, { filter, limit, isBackwards });
    rows.push(...found);
    // A full page ends at its last record; else all of the window was looked at.
    const last = found.length === limit ? Number(found.at(-1)?.index) : null;
    if (isBackwards) until = last ?? part.from;
    else from = last === null ? part.until : last + 1;
  }
  return { rows, rest: from < until ? { from, until } : null };
}

/** One page in a transaction of its own, up to the log's present end or to `until`. */
export async function readPageNow(
  db: Database,
  tenantId: string,
  wish: { readonly from: number; readonly until: number | null; readonly filter: Filter; readonly limit: number },
): Promise<Page & { readonly size: number }> {
  return db.tenant(tenantId, async (tx) => {
    const size = (await findLogSize(tx, tenantId)) ?? 0;
    const until = wish.until === null ? size : Math.min(size, wish.until);
    const { from, filter, limit } = wish;
    const page = await readLog(tx, () => readPage(tx, tenantId, { range: { from, until }, filter, limit }));
    return { ...page, size };
  });
}

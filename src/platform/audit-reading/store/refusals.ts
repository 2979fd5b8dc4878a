import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type RefusalCount = {
  readonly minute: Date;
  readonly source: string;
  readonly reason: string;
  readonly count: number;
  readonly lastAt: Date;
};

export type RefusalRow = { minute: Date; source: string; reason: string; count: string; last_at: Date };

/** Adds counts to those of their minute. No key may come twice. */
export async function insertRefusals(tx: Tx, counts: readonly RefusalCount[]): Promise<number> {
  return tx.run(sql`
    insert into platform.refusals as r (minute, source, reason, count, last_at)
    select * from unnest(
      ${counts.map((entry) => entry.minute)}::timestamptz[], ${counts.map((entry) => entry.source)}::text[],
      ${counts.map((entry) => entry.reason)}::text[], ${counts.map((entry) => entry.count)}::bigint[],
      ${counts.map((entry) => entry.lastAt)}::timestamptz[])
    on conflict (minute, source, reason)
      do update set count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)`);
}

/** The newest first: after a minute, source and reason when there is a page before. */
export async function listRefusals(
  tx: Tx,
  after: { minute: Date; source: string; reason: string } | null,
  range: { from: Date | null; to: Date | null; limit: number },
): Promise<RefusalRow[]> {
  return tx.many(sql<RefusalRow>`
    select minute, source, reason, count, last_at
      from platform.refusals
     where (${after === null} or (minute, source, reason) < (${after?.minute ?? null}, ${after?.source ?? null}, ${after?.reason ?? null}))
       and (${range.from}::timestamptz is null or minute >= ${range.from})
       and (${range.to}::timestamptz is null or minute < ${range.to})
     order by minute desc, source desc, reason desc
     limit ${range.limit}`);
}

/** Removes what is older. Zero rows: there was none. */
export async function deleteRefusalsBefore(tx: Tx, before: Date): Promise<number> {
  return tx.run(sql`delete from platform.refusals where minute < ${before}`);
}

import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

const NAME = "sequencer";

/**
 * Takes or prolongs the lease by the database's clock; null while another holds it. A change of hands raises the fence.
 * `isForced` takes it from whoever held it: for a process that has the database to itself.
 */
export async function updateLease(
  tx: Tx,
  lease: { holder: string; seconds: number; isForced: boolean },
): Promise<{ fence: string } | null> {
  return tx.one(sql<{ fence: string }>`
    insert into platform.log_lease as l (name, holder, fence, ends_at)
    values (${NAME}, ${lease.holder}, 1, clock_timestamp() + make_interval(secs => ${lease.seconds}))
    on conflict (name) do update
       set holder = excluded.holder, ends_at = excluded.ends_at,
           fence = case when l.holder = excluded.holder then l.fence else l.fence + 1 end
     where l.holder = excluded.holder or l.ends_at < clock_timestamp() or ${lease.isForced}
    returning fence`);
}

/** Zero rows: another holds the lease. */
export async function updateLeaseEnded(tx: Tx, holder: string): Promise<number> {
  return tx.run(sql`
    update platform.log_lease set ends_at = clock_timestamp() where name = ${NAME} and holder = ${holder}`);
}

/** The fence of whoever holds the lease now, or held it last. */
export async function findFence(tx: Tx): Promise<number | null> {
  const row = await tx.one(sql<{ fence: string }>`select fence from platform.log_lease where name = ${NAME}`);
  return row === null ? null : Number(row.fence);
}

/** A session that stands still within its transaction is ended by the database, so that its locks do not stay. */
export async function updateIdleLimit(tx: Tx, limitMs: number): Promise<void> {
  await tx.one(sql`select set_config('idle_in_transaction_session_timeout', ${String(limitMs)}, true) as limit_ms`);
}

import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type LaneRow = { readonly tenant_id: string; readonly stream_id: string };

export async function insertStreamLane(tx: Tx, tenantId: string, streamId: string): Promise<number> {
  return tx.run(sql`
    insert into platform.audit_stream_lanes (tenant_id, stream_id, due_at, owner, lease_until)
    values (${tenantId}, ${streamId}, clock_timestamp(), null, '-infinity')`);
}

/** Zero rows: there was none. */
export async function deleteStreamLane(tx: Tx, tenantId: string, streamId: string): Promise<number> {
  return tx.run(sql`
    delete from platform.audit_stream_lanes where tenant_id = ${tenantId} and stream_id = ${streamId}`);
}

/** Takes streams that are due and that nobody works on, by the database's clock; a dead worker's lease ends by itself. */
export async function lockDueStreams(
  tx: Tx,
  claim: { owner: string; leaseMs: number; limit: number },
): Promise<LaneRow[]> {
  return tx.many(sql<LaneRow>`
    update platform.audit_stream_lanes as lane
       set owner = ${claim.owner}, lease_until = clock_timestamp() + ${claim.leaseMs} * interval '1 millisecond'
      from (select tenant_id, stream_id
              from platform.audit_stream_lanes
             where due_at <= clock_timestamp() and lease_until < clock_timestamp()
             order by due_at
             limit ${claim.limit}
               for update skip locked) as due
     where lane.tenant_id = due.tenant_id and lane.stream_id = due.stream_id
    returning lane.tenant_id, lane.stream_id`);
}

/** Gives a stream back. Zero rows: it is gone, or somebody else has it by now. */
export async function updateLaneFree(
  tx: Tx,
  lane: LaneRow,
  release: { owner: string; afterMs: number },
): Promise<number> {
  return tx.run(sql`
    update platform.audit_stream_lanes
       set owner = null, lease_until = '-infinity',
           due_at = clock_timestamp() + ${release.afterMs}::float8 * interval '1 millisecond'
     where tenant_id = ${lane.tenant_id} and stream_id = ${lane.stream_id} and owner = ${release.owner}`);
}

/** Zero rows: the stream is gone. */
export async function updateLaneDue(tx: Tx, tenantId: string, streamId: string, isDue: boolean): Promise<number> {
  return tx.run(sql`
    update platform.audit_stream_lanes
       set due_at = case when ${isDue} then clock_timestamp() else 'infinity'::timestamptz end
     where tenant_id = ${tenantId} and stream_id = ${streamId}`);
}

/** No other process works on this database: what a dead one held is free. */
export async function updateAllStreamsFree(tx: Tx): Promise<number> {
  return tx.run(sql`
    update platform.audit_stream_lanes set owner = null, lease_until = '-infinity' where owner is not null`);
}

import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";
import type { Filter } from "../filters.ts";

/** Which records: indexes from `from` on and below `until`. */
export type IndexRange = { readonly from: number; readonly until: number };

export type LogRow = {
  readonly index: string;
  readonly id: string;
  readonly event: string;
  readonly salt: Buffer;
  readonly leaf_hash: Buffer;
};

/** How many events of the tenant have a place in its log; null before the first. */
export async function findLogSize(tx: Tx, tenantId: string): Promise<number | null> {
  const row = await tx.one(sql<{ size: string }>`
    select size from platform.log_heads where tenant_id = ${tenantId} and log = 'audit'`);
  return row === null ? null : Number(row.size);
}

/**
 * In the order of their indexes, or backwards. The range must be small: all of it is looked at and sorted, whatever the
 * limit.
 */
export async function listLogRows(
  tx: Tx,
  tenantId: string,
  range: IndexRange,
  options: { filter: Filter; limit: number; isBackwards: boolean },
): Promise<LogRow[]> {
  const { filter, limit } = options;
  const direction = options.isBackwards ? -1 : 1;
  return tx.many(sql<LogRow>`
    select l.index, e.id, e.event, e.salt, e.leaf_hash
      from platform.audit_leaves l
      join platform.audit_events e on e.tenant_id = l.tenant_id and e.id = l.event_id
     where l.tenant_id = ${tenantId} and l.index >= ${range.from} and l.index < ${range.until}
       and (${filter.user}::text is null or lower(e.actor_id) = ${filter.user}
            or lower(e.event::json -> 'actor' ->> 'email') = ${filter.user})
       and (${filter.bucket}::text is null or e.bucket = ${filter.bucket})
       and (${filter.action}::text is null or e.action = ${filter.action})
       and (${filter.actionStart}::text is null or starts_with(e.action, ${filter.actionStart}))
       and (${filter.resourceType}::text is null or e.resource_type = ${filter.resourceType})
       and (${filter.resourceId}::text is null or e.resource_id = ${filter.resourceId})
       and (${filter.from}::timestamptz is null or e.at >= ${filter.from})
       and (${filter.to}::timestamptz is null or e.at < ${filter.to})
       and (${filter.outcome}::text is null or e.outcome = ${filter.outcome})
     order by l.index * ${direction}::bigint
     limit ${limit}`);
}

export type RecordRow = Omit<LogRow, "index"> & { readonly index: string | null };

/** One event; `index` is null while it has no place in the log. */
export async function findRecord(tx: Tx, tenantId: string, id: string): Promise<RecordRow | null> {
  return tx.one(sql<RecordRow>`
    select l.index, e.id, e.event, e.salt, e.leaf_hash
      from platform.audit_events e
      left join platform.audit_leaves l on l.tenant_id = e.tenant_id and l.event_id = e.id
     where e.tenant_id = ${tenantId} and e.id = ${id}`);
}

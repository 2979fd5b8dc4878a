import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";
import type { AuditEntry } from "../audit.ts";

/** The event and its place in the queue for an index, in one round trip. */
export async function insertAuditEvent(
  tx: Tx,
  tenantId: string,
  row: { id: string; entry: AuditEntry; event: string; salt: Buffer; salted: Buffer; leafHash: Buffer },
): Promise<number> {
  const { entry } = row;
  return tx.run(sql`
    with queued as (
      insert into platform.audit_queue (tenant_id, event_id, entry) values (${tenantId}, ${row.id}, ${row.salted})
    )
    insert into platform.audit_events
      (tenant_id, id, at, action, actor_type, actor_id, bucket, resource_type, resource_id, outcome, event, salt, leaf_hash)
    values (${tenantId}, ${row.id}, ${entry.at}, ${entry.action}, ${entry.actor.type}, ${entry.actor.id},
            ${entry.bucket ?? null}, ${entry.resource?.type ?? null}, ${entry.resource?.id ?? null}, ${entry.outcome},
            ${row.event}, ${row.salt}, ${row.leafHash})`);
}

/** From here to its end the transaction waits no longer than this for any lock. */
export async function updateLockLimit(tx: Tx, limitMs: number): Promise<void> {
  await tx.one(sql`select set_config('lock_timeout', ${String(limitMs)}, true) as limit_ms`);
}

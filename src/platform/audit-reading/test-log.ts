import { recordAudit } from "../audit/audit.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";

/** Records `count` events, each with its number in its details. */
export async function recordMany(db: Database, tenantId: string, count: number): Promise<void> {
  await db.tenant(tenantId, async (tx) => {
    for (let number = 0; number < count; number++) {
      await recordAudit(tx, tenantId, {
        action: number % 2 === 0 ? "secufile.getDocument" : "secufile.createDocument",
        at: new Date(Date.UTC(2026, 10, 22, 9, 30, 0, number % 1000)),
        actor: { type: "token", id: `tok_${number % 3}`, ip: "203.0.113.7" },
        bucket: number % 5 === 0 ? "deeds" : "default",
        resource: { type: "document", id: `doc_${number % 7}` },
        outcome: number % 4 === 0 ? "denied" : "success",
        details: { number },
      });
    }
  });
}

/** Gives every event that has none its place in the log, as the sequencer does, where a test runs none. */
export async function placeAll(db: Database, tenantId: string): Promise<void> {
  await db.tenant(tenantId, async (tx) => {
    await tx.run(sql`
      insert into platform.audit_leaves (tenant_id, index, event_id, entry)
      select ${tenantId}, (select count(*) from platform.audit_leaves where tenant_id = ${tenantId}) - 1
                          + row_number() over (order by at, id), id, leaf_hash
        from platform.audit_events
       where tenant_id = ${tenantId} and id not in (select event_id from platform.audit_leaves where tenant_id = ${tenantId})`);
    await tx.run(sql`
      insert into platform.log_heads (tenant_id, log, origin, size, fence)
      select ${tenantId}, 'audit', 'test', count(*), 0 from platform.audit_leaves where tenant_id = ${tenantId}
      on conflict (tenant_id, log) do update set size = excluded.size`);
  });
}

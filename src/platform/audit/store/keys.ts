import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type LogKeyRow = { readonly id: string; readonly sealed_seed: Buffer };

/** The newest key, or null before the first. */
export async function findLogKey(tx: Tx, serverTenantId: string): Promise<LogKeyRow | null> {
  return tx.one(sql<LogKeyRow>`
    select id, sealed_seed from platform.log_keys
     where tenant_id = ${serverTenantId}
     order by id desc
     limit 1`);
}

/** Zero rows: there is one of that id; of two processes that start at once the first makes it. */
export async function insertLogKey(
  tx: Tx,
  serverTenantId: string,
  row: LogKeyRow & { readonly now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.log_keys (tenant_id, id, sealed_seed, created_at)
    values (${serverTenantId}, ${row.id}, ${row.sealed_seed}, ${row.now})
    on conflict (tenant_id, id) do nothing`);
}

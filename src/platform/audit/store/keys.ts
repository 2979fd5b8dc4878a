import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type LogKeyRow = {
  /** `log-<number>`, one more with each rotation. */
  readonly id: string;
  readonly sealed_seed: Buffer;
  readonly created_at: Date;
  /** Until when the keys of before sign beside this one; null where there are none. */
  readonly previous_until: Date | null;
};

const MAX_KEYS = 1_000;

/** Every key that ever signed, the newest first. */
export async function listLogKeys(tx: Tx, serverTenantId: string): Promise<LogKeyRow[]> {
  return tx.many(sql<LogKeyRow>`
    select id, sealed_seed, created_at, previous_until from platform.log_keys
     where tenant_id = ${serverTenantId}
     order by length(id) desc, id desc
     limit ${MAX_KEYS}`);
}

/** Zero rows: there is one of that id; of two transactions that make it at once the second waits for the first's end. */
export async function insertLogKey(tx: Tx, serverTenantId: string, row: LogKeyRow): Promise<number> {
  return tx.run(sql`
    insert into platform.log_keys (tenant_id, id, sealed_seed, created_at, previous_until)
    values (${serverTenantId}, ${row.id}, ${row.sealed_seed}, ${row.created_at}, ${row.previous_until})
    on conflict (tenant_id, id) do nothing`);
}

import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";

export type TokenKeyRow = {
  readonly id: string;
  readonly public_key: Buffer;
  readonly sealed_private: Buffer;
  readonly created_at: Date;
};

/** The newest first. */
export async function listTokenKeys(tx: Tx, tenantId: string): Promise<TokenKeyRow[]> {
  return tx.many(sql<TokenKeyRow>`
    select id, public_key, sealed_private, created_at
      from ssks.token_keys
     where tenant_id = ${tenantId}
     order by created_at desc, id desc
     limit 20`);
}

export async function insertTokenKey(tx: Tx, tenantId: string, row: TokenKeyRow): Promise<number> {
  return tx.run(sql`
    insert into ssks.token_keys (tenant_id, id, public_key, sealed_private, created_at)
    values (${tenantId}, ${row.id}, ${row.public_key}, ${row.sealed_private}, ${row.created_at})`);
}

/** Held until the end of the transaction: of those who find a key due at once, one makes it. */
export async function lockTokenKeys(tx: Tx): Promise<number> {
  return tx.run(sql`select pg_advisory_xact_lock(hashtextextended('ssks token keys', 0))`);
}

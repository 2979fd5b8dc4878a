import { sql, type Statement } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

/** Before the organisation is known; the hash holds the account. */
export function findKnownAddress(knownHash: Buffer): Statement<{ member_id: string }> {
  return sql<{ member_id: string }>`
    select member_id from platform.known_addresses where known_hash = ${knownHash} limit 1`;
}

/** One that is known already was seen now. */
export async function insertKnownAddress(
  tx: Tx,
  tenantId: string,
  row: { hash: Buffer; memberId: string; now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.known_addresses (known_hash, tenant_id, member_id, seen_at)
    values (${row.hash}, ${tenantId}, ${row.memberId}, ${row.now})
    on conflict (known_hash, tenant_id) do update set seen_at = excluded.seen_at, member_id = excluded.member_id`);
}

/** Deletes all but `hash` and the `kept` others that were seen last. Zero rows: there were not more. */
export async function deleteSpareAddresses(
  tx: Tx,
  tenantId: string,
  spare: { memberId: string; hash: Buffer | null; kept: number },
): Promise<number> {
  return tx.run(sql`
    delete from platform.known_addresses
     where tenant_id = ${tenantId} and known_hash in (
       select known_hash from platform.known_addresses
        where tenant_id = ${tenantId} and member_id = ${spare.memberId}
          and known_hash is distinct from ${spare.hash}::bytea
        order by seen_at desc, known_hash
       offset ${spare.kept})`);
}

/** Deletes at most `limit` that were not seen since; zero: none is left. */
export async function deleteOldAddresses(tx: Tx, before: Date, limit: number): Promise<number> {
  return tx.run(sql`
    delete from platform.known_addresses
     where (known_hash, tenant_id) in (
       select known_hash, tenant_id from platform.known_addresses
        where seen_at < ${before} order by seen_at limit ${limit})`);
}

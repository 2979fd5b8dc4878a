import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";

export type TenantKeyRow = { tenant_id: string; generation: number; root_generation: number; wrapped_key: Buffer };

/**
 * All generations of a tenant's key, the newest first; none when the tenant was shredded. `is_settled`: every process
 * has had the time to learn of it.
 */
export async function listTenantKeys(tx: Tx, tenantId: string): Promise<(TenantKeyRow & { is_settled: boolean })[]> {
  return tx.many(sql<TenantKeyRow & { is_settled: boolean }>`
    select tenant_id, generation, root_generation, wrapped_key,
           created_at < clock_timestamp() - interval '3 seconds' as is_settled
      from platform.tenant_keys
     where tenant_id = ${tenantId}
     order by generation desc`);
}

export async function countTenantKeys(tx: Tx): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`select count(*) as count from platform.tenant_keys`);
  return Number(row?.count);
}

/** Keys still wrapped by another generation of the root key, a page at a time. */
export async function listKeysOfOtherRoot(tx: Tx, rootGeneration: number, limit: number): Promise<TenantKeyRow[]> {
  return tx.many(sql<TenantKeyRow>`
    select tenant_id, generation, root_generation, wrapped_key
      from platform.tenant_keys
     where root_generation <> ${rootGeneration}
     order by tenant_id, generation
     limit ${limit}
       for update`);
}

/** Zero rows: another process made this generation first. */
export async function insertTenantKey(tx: Tx, row: TenantKeyRow): Promise<number> {
  return tx.run(sql`
    insert into platform.tenant_keys (tenant_id, generation, root_generation, wrapped_key)
    values (${row.tenant_id}, ${row.generation}, ${row.root_generation}, ${row.wrapped_key})
    on conflict do nothing`);
}

/** Zero rows: the key was shredded meanwhile. */
export async function updateTenantKey(tx: Tx, row: TenantKeyRow): Promise<number> {
  return tx.run(sql`
    update platform.tenant_keys
       set wrapped_key = ${row.wrapped_key}, root_generation = ${row.root_generation}
     where tenant_id = ${row.tenant_id} and generation = ${row.generation}`);
}

/** Shreds a tenant. Zero rows: it was shredded before. */
export async function deleteTenantKeys(tx: Tx, tenantId: string): Promise<number> {
  return tx.run(sql`delete from platform.tenant_keys where tenant_id = ${tenantId}`);
}

export type KmsKeyRow = { id: string; generation: number; name: string; sealed_key: Buffer; created_at: Date };

export async function insertKmsKey(
  tx: Tx,
  tenantId: string,
  row: { id: string; generation: number; name: string; sealedKey: Buffer; now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.kms_keys (tenant_id, id, generation, name, sealed_key, created_at)
    values (${tenantId}, ${row.id}, ${row.generation}, ${row.name}, ${row.sealedKey}, ${row.now})`);
}

/** The generation asked for, or the newest. */
export async function findKmsKey(
  tx: Tx,
  tenantId: string,
  id: string,
  generation: number | null,
): Promise<KmsKeyRow | null> {
  return tx.one(sql<KmsKeyRow>`
    select id, generation, name, sealed_key, created_at
      from platform.kms_keys
     where tenant_id = ${tenantId} and id = ${id} and (${generation}::integer is null or generation = ${generation})
     order by generation desc
     limit 1`);
}

/** The newest generation of each key, in the order of their ids, one more than the page holds. */
export async function listKmsKeys(
  tx: Tx,
  tenantId: string,
  position: { afterId: string | null; offset: number; limit: number },
): Promise<KmsKeyRow[]> {
  return tx.many(sql<KmsKeyRow>`
    select distinct on (id) id, generation, name, sealed_key, created_at
      from platform.kms_keys
     where tenant_id = ${tenantId} and id > ${position.afterId ?? ""}
     order by id, generation desc
     limit ${position.limit + 1} offset ${position.offset}`);
}

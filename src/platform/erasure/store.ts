import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";

/** A page of shredded tenants of which something may be left. */
export async function listTenantsToErase(
  tx: Tx,
  afterId: string,
  limit: number,
): Promise<{ id: string; deleted_at: Date }[]> {
  return tx.many(sql<{ id: string; deleted_at: Date }>`
    select id, deleted_at from platform.tenants
     where id > ${afterId} and deleted_at is not null and erased_at is null
     order by id
     limit ${limit}`);
}

/** The tables whose rows go with their tenant, in the order in which they can be deleted. */
export async function listErasableTables(tx: Tx): Promise<string[]> {
  const rows = await tx.many(sql<{ name: string }>`select target::text as name from platform.erasable_tables()`);
  return rows.map((row) => row.name);
}

/** Deletes rows of the shredded tenant behind whose wall `tx` stands; zero: the table has none of it left. */
export async function deleteTenantRows(tx: Tx, table: string, limit: number): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`
    select platform.erase_rows(${table}::text::regclass, ${limit}::int) as count`);
  return Number(row?.count);
}

/** Whether the events of this tenant may be gone: it is shredded and has no keys. Never so for the server's own. */
export async function findIsShredded(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.one(sql<{ is_shredded: boolean }>`select platform.is_shredded(${id}) as is_shredded`);
  return row?.is_shredded === true;
}

/** Zero rows: it lives, or was wholly erased before. */
export async function updateTenantErased(tx: Tx, id: string, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.tenants set erased_at = ${now} where id = ${id} and deleted_at is not null and erased_at is null`);
}

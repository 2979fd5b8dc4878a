import { lockNumbers } from "../db/lock-numbers.ts";
import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { Position } from "../db/paging.ts";

export type TenantRow = { id: string; name: string; is_demo: boolean; created_at: Date; deleted_at: Date | null };

export async function insertTenant(
  tx: Tx,
  row: { id: string; name: string; isDemo: boolean; now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.tenants (id, name, is_demo, created_at) values (${row.id}, ${row.name}, ${row.isDemo}, ${row.now})`);
}

export async function findTenant(tx: Tx, id: string): Promise<TenantRow | null> {
  return tx.one(sql<TenantRow>`
    select id, name, is_demo, created_at, deleted_at from platform.tenants where id = ${id} and deleted_at is null`);
}

export async function countTenants(tx: Tx): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`select count(*) as count from platform.tenants`);
  return Number(row?.count);
}

/** Held to the end of the transaction: of servers that start at once, one makes the demo organisation. */
export async function lockDemoTenant(tx: Tx): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(${lockNumbers.demoTenant})`);
}

/** The demo organisation of the first start. */
export async function findDemoTenant(tx: Tx): Promise<TenantRow | null> {
  return tx.one(sql<TenantRow>`
    select id, name, is_demo, created_at, deleted_at
      from platform.tenants
     where is_demo and deleted_at is null
     order by id
     limit 1`);
}

export async function listTenants(tx: Tx, position: Position): Promise<TenantRow[]> {
  return tx.many(sql<TenantRow>`
    select id, name, is_demo, created_at, deleted_at
      from platform.tenants
     where id > ${position.afterId ?? ""} and deleted_at is null
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** A page of the ids of living tenants, for sweeps that go from tenant to tenant. */
export async function listTenantIds(tx: Tx, afterId: string, limit: number): Promise<string[]> {
  const rows = await tx.many(sql<{ id: string }>`
    select id from platform.tenants where id > ${afterId} and deleted_at is null order by id limit ${limit}`);
  return rows.map((row) => row.id);
}

/** The same with those that were shredded: their audit logs stay. */
export async function listTenantIdsEver(tx: Tx, afterId: string, limit: number): Promise<string[]> {
  const rows = await tx.many(sql<{ id: string }>`
    select id from platform.tenants where id > ${afterId} order by id limit ${limit}`);
  return rows.map((row) => row.id);
}

/** Zero rows: there is no such tenant, or it was deleted before. */
export async function updateTenantDeleted(tx: Tx, id: string, now: Date): Promise<number> {
  return tx.run(sql`update platform.tenants set deleted_at = ${now} where id = ${id} and deleted_at is null`);
}

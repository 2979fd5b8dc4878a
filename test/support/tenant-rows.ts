import type { Query } from "./log-rows.ts";

/** What stays of a shredded organisation, so that the tree of its log can be verified for ever. */
const HASHES = /^platform\.(?:audit_leaves|audit_queue|log_heads|log_tiles|log_checkpoints|top_queue)$/;

/** How many rows each table has of an organisation; `query` sees behind every wall. Empty tables are left out. */
export async function rowsOfTenant(query: Query, tenantId: string): Promise<Record<string, number>> {
  const tables = await query(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.columns
      where column_name = 'tenant_id' and table_schema not in ('pg_catalog', 'information_schema')`,
    [],
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await query(`select count(*)::int as count from ${String(name)} where tenant_id = $1`, [tenantId]);
    const count = Number(row?.count);
    if (count > 0) counts[String(name)] = count;
  }
  return counts;
}

/** The tables that still hold something of an organisation besides hashes of its log. */
export async function tablesLeft(query: Query, tenantId: string): Promise<string[]> {
  return Object.keys(await rowsOfTenant(query, tenantId)).filter((name) => !HASHES.test(name));
}

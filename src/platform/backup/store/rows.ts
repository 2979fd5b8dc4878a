import type { Client } from "pg";
import type { CatalogTable } from "./catalog.ts";

export type TextRow = (string | null)[];

/** How PostgreSQL writes values as text must not depend on settings of the role or the database. */
const EXACT_TEXT = `
  set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local timezone = 'UTC';
  set local extra_float_digits = 1; set local bytea_output = 'hex'; set local xmloption = 'content';
  set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0;`;

/** What one fetch should hold. */
const FETCH_BYTES = 2 * 1024 * 1024;
const FIRST_FETCH_ROWS = 64;
const MOST_FETCH_ROWS = 5_000;

/**
 * Opens the transaction whose snapshot the backup is. All tables are locked against changes of their form first, and
 * the snapshot is taken by the first statement after that, so both tell the same.
 */
export async function lockTables(client: Client, tables: readonly CatalogTable[]): Promise<void> {
  await client.query("begin isolation level repeatable read read only");
  await client.query(EXACT_TEXT);
  const names = [...tables.map((table) => table.name), "platform.migrations", "platform.table_access"];
  await client.query(`lock table ${names.join(", ")} in access share mode`);
}

/** Opens the transaction in which a restore writes. */
export async function lockForRestore(client: Client): Promise<void> {
  await client.query("begin");
  await client.query(`${EXACT_TEXT} set local synchronous_commit = on;`);
}

/** From here on the transaction sees and writes the rows of `tenantId`. */
export async function updateTenantSetting(client: Client, tenantId: string): Promise<void> {
  await client.query({
    name: "tenant",
    text: "select set_config('tabellion.tenant_id', $1, true)",
    values: [tenantId],
  });
}

/**
 * The id of everybody who may own rows behind the wall. The wall shows nobody's rows without an id, so they come from
 * where ids must be known before: the tenants, dead ones included, the keys (`server` has one too) and all other
 * tables before the wall.
 */
export async function listTenantIds(client: Client, tables: readonly CatalogTable[]): Promise<string[]> {
  const sources = tables
    .filter((table) => !table.isWalled && table.columns.some((column) => column.name === "tenant_id"))
    .map((table) => `select tenant_id as id from ${table.name} where tenant_id is not null`);
  const { rows } = await client.query<{ id: string }>(
    `select id from (${["select id from platform.tenants", ...sources].join(" union ")}) as known order by id collate "C"`,
  );
  return rows.map((row) => row.id);
}

export async function listRootGenerations(client: Client): Promise<number[]> {
  const { rows } = await client.query<{ generation: number }>(
    "select distinct root_generation as generation from platform.tenant_keys order by 1",
  );
  return rows.map((row) => row.generation);
}

export type WrappedKeyRow = { tenant_id: string; generation: number; wrapped_key: Buffer };

/** One of the keys, to see whether the root key fits; null where no server has run yet. */
export async function findTenantKey(client: Client): Promise<WrappedKeyRow | null> {
  const { rows } = await client.query<WrappedKeyRow>(
    "select tenant_id, generation, wrapped_key from platform.tenant_keys order by root_generation desc, tenant_id limit 1",
  );
  return rows[0] ?? null;
}

/** Which of the tables have rows of the tenant set, in one round trip: most tenants use few of them. */
export async function listFilled(client: Client, tables: readonly CatalogTable[]): Promise<CatalogTable[]> {
  if (tables.length === 0) return [];
  const probes = tables.map((table) => `exists (select 1 from ${table.name})`);
  const { rows } = await client.query<[boolean[]]>({
    name: "filled",
    text: `select array[${probes.join(", ")}]`,
    values: [],
    rowMode: "array",
  });
  const isFilled = rows[0]?.[0] ?? [];
  return tables.filter((_, index) => isFilled[index] === true);
}

/** The rows of a table, those of the tenant set where it is walled; in batches of about 2 MiB, whatever their size. */
export async function* listRows(client: Client, table: CatalogTable): AsyncGenerator<TextRow[], void, void> {
  const columns = table.columns.map((column) => `${column.name}::text`).join(", ");
  await client.query(`declare backup_rows no scroll cursor for select ${columns} from ${table.name}`);
  let count = FIRST_FETCH_ROWS;
  for (;;) {
    const { rows } = await client.query<TextRow>({ text: `fetch ${count} from backup_rows`, rowMode: "array" });
    if (rows.length > 0) yield rows;
    if (rows.length < count) break;
    count = Math.max(1, Math.min(MOST_FETCH_ROWS, Math.floor(FETCH_BYTES / averageBytes(rows)), count * 8));
  }
  await client.query("close backup_rows");
}

function averageBytes(rows: readonly TextRow[]): number {
  let total = rows.length;
  for (const row of rows) for (const value of row) total += value?.length ?? 0;
  return total / rows.length;
}

/** Inserts rows whose values are in the order of `columns`, each by the name it has there. */
export async function insertRows(
  client: Client,
  table: CatalogTable,
  columns: readonly string[],
  rows: readonly TextRow[],
): Promise<void> {
  const types = new Map(table.columns.map((column) => [column.name, column.type]));
  const values = columns.map((name, index) => `(r.v->>${index})::${types.get(name) ?? ""}`);
  await client.query({
    name: `insert ${table.name}`.slice(0, 63),
    text: `insert into ${table.name} (${columns.join(", ")}) overriding system value
           select ${values.join(", ")} from jsonb_array_elements($1::jsonb) as r(v)`,
    values: [JSON.stringify(rows)],
  });
}

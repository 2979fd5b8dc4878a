import type { Client } from "pg";
import type { LedgerEntry, Sequence } from "../manifest.ts";

/** A table that `platform.table_access` declares; all names are quoted where they need it. */
export type CatalogTable = {
  readonly name: string;
  readonly isWalled: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly references: readonly string[];
};

type TableRow = { name: string; is_walled: boolean; columns: { name: string; type: string }[]; refers_to: string[] };

/** Every declared table with its columns (but generated ones) and the tables it refers to. */
export async function listTables(client: Client): Promise<CatalogTable[]> {
  const { rows } = await client.query<TableRow>(`
    select format('%I.%I', n.nspname, c.relname) as name, t.is_walled,
           (select json_agg(json_build_object('name', quote_ident(a.attname),
                                              'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
              from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
           coalesce((select json_agg(distinct format('%I.%I', fn.nspname, fc.relname))
                       from pg_constraint k join pg_class fc on fc.oid = k.confrelid
                       join pg_namespace fn on fn.oid = fc.relnamespace
                      where k.conrelid = c.oid and k.contype = 'f'), '[]') as refers_to
      from platform.table_access t
      join pg_class c on c.oid = t.table_name::regclass
      join pg_namespace n on n.oid = c.relnamespace
     order by 1`);
  return rows.map((row) => ({
    name: row.name,
    isWalled: row.is_walled,
    columns: row.columns,
    references: row.refers_to,
  }));
}

/** Tables in our schemas that nobody declared: a backup would miss them. */
export async function listUndeclaredTables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`
    select format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition
       and n.nspname in (select split_part(table_name, '.', 1) from platform.table_access)
       and c.oid not in (select table_name::regclass from platform.table_access)
       and format('%I.%I', n.nspname, c.relname) not in ('platform.table_access', 'platform.migrations')
     order by 1`);
  return rows.map((row) => row.name);
}

/** Sequences of ours that have given a value. */
export async function listSequences(client: Client): Promise<Sequence[]> {
  const { rows } = await client.query<Sequence>(`
    select format('%I.%I', schemaname, sequencename) as name, last_value::text as value
      from pg_sequences
     where last_value is not null
       and schemaname in (select split_part(table_name, '.', 1) from platform.table_access)
     order by 1`);
  return rows;
}

export async function updateSequence(client: Client, sequence: Sequence): Promise<void> {
  await client.query("select setval($1::regclass, $2::bigint, true)", [sequence.name, sequence.value]);
}

/** The migrations that ran here, or null where there are no tables at all. */
export async function findLedger(client: Client): Promise<LedgerEntry[] | null> {
  const { rows } = await client.query<{ is_there: boolean }>(
    "select to_regclass('platform.migrations') is not null as is_there",
  );
  if (rows[0]?.is_there !== true) return null;
  const ledger = await client.query<LedgerEntry>(
    "select area, name, checksum from platform.migrations order by area, name",
  );
  return ledger.rows;
}

/** The first table before the wall that has a row, or null. Where all are empty, no tenant exists here. */
export async function findFilledTable(client: Client): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>(
    "select table_name as name from platform.table_access where not is_walled order by 1",
  );
  const jobs = await client.query<{ name: string | null }>(
    "select to_regclass('graphile_worker._private_jobs')::text as name",
  );
  const names = [...rows, ...jobs.rows].map((row) => row.name).filter((name) => name !== null);
  for (const name of names) {
    const found = await client.query(`select 1 from ${name} limit 1`);
    if (found.rowCount !== 0) return name;
  }
  return null;
}

export async function findPostgresVersion(client: Client): Promise<string> {
  const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version");
  return rows[0]?.version ?? "";
}

/** So that the first queries after a restore are planned on the rows that are there. */
export async function updateStatistics(client: Client, tables: readonly CatalogTable[]): Promise<void> {
  for (const table of tables) await client.query(`analyze ${table.name}`);
}

import type { Client } from "pg";

/*
 * The mark of a restore that has begun: a schema of its own, made before any other table and dropped in the transaction
 * that commits all rows. So a database either has no mark, or holds nothing that anybody should serve.
 */

/** The id of the backup whose restore has begun and not ended here, or null. */
export async function findMark(client: Client): Promise<string | null> {
  const { rows } = await client.query<{ is_there: boolean }>(
    "select to_regclass('tabellion_restore.mark') is not null as is_there",
  );
  if (rows[0]?.is_there !== true) return null;
  const mark = await client.query<{ backup_id: string }>("select backup_id from tabellion_restore.mark");
  return mark.rows[0]?.backup_id ?? "";
}

/** Durable on return. A mark that is there already becomes that of this backup. */
export async function insertMark(client: Client, backupId: string): Promise<void> {
  await client.query(`
    begin;
    drop schema if exists tabellion_restore cascade;
    create schema tabellion_restore;
    create table tabellion_restore.mark (backup_id text not null, begun_at timestamptz not null default now());`);
  await client.query("insert into tabellion_restore.mark (backup_id) values ($1)", [backupId]);
  await client.query("commit");
}

/** In the caller's transaction. */
export async function deleteMark(client: Client): Promise<void> {
  await client.query("drop schema tabellion_restore cascade");
}

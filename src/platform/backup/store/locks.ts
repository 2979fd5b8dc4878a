import type { Client } from "pg";
import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

/** Numbers of advisory locks, beside those of `db/` and `jobs/`. */
const BACKUP_LOCK = 8_443_003;
const RESTORE_LOCK = 8_443_004;

/** A session that dies releases its lock; that of a machine which vanished is noticed within about a minute. */
const NOTICE_LOSS = `
  set tcp_keepalives_idle = 20; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3;`;

/** From its return until the session ends, `isBackupRunning` is true everywhere. */
export async function lockBackup(client: Client): Promise<void> {
  await client.query(NOTICE_LOSS);
  await client.query("select pg_advisory_lock_shared($1)", [BACKUP_LOCK]);
}

/** False when another restore is at work on this database. */
export async function lockRestore(client: Client): Promise<boolean> {
  await client.query(NOTICE_LOSS);
  const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [RESTORE_LOCK]);
  return rows[0]?.taken === true;
}

/** A session that holds the backup lock of this database, or null. */
export async function findBackupLock(tx: Tx): Promise<{ pid: number } | null> {
  return tx.one(sql<{ pid: number }>`
    select pid
      from pg_locks
     where locktype = 'advisory' and classid = 0 and objid = ${BACKUP_LOCK}::bigint::oid and objsubid = 1 and granted
       and database = (select oid from pg_database where datname = current_database())
     order by pid
     limit 1`);
}

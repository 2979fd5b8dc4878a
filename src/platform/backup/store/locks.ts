import type { Client } from "pg";
import { lockNumbers } from "../../db/lock-numbers.ts";
import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

/** A session that dies releases its lock; that of a machine which vanished is noticed within about a minute. */
const NOTICE_LOSS = `
  set tcp_keepalives_idle = 20; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3;`;

/** From its return until the session ends, `isBackupRunning` is true everywhere. */
export async function lockBackup(client: Client): Promise<void> {
  await client.query(NOTICE_LOSS);
  await client.query("select pg_advisory_lock_shared($1)", [lockNumbers.backup]);
}

/** False when another restore is at work on this database. */
export async function lockRestore(client: Client): Promise<boolean> {
  await client.query(NOTICE_LOSS);
  const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [
    lockNumbers.restore,
  ]);
  return rows[0]?.taken === true;
}

/** A session that holds the backup lock of this database, or null. */
export async function findBackupLock(tx: Tx): Promise<{ pid: number } | null> {
  return tx.one(sql<{ pid: number }>`
    select pid
      from pg_locks
     where locktype = 'advisory' and classid = 0 and objid = ${lockNumbers.backup}::bigint::oid and objsubid = 1 and granted
       and database = (select oid from pg_database where datname = current_database())
     order by pid
     limit 1`);
}

import type { Client } from "pg";
import { lockNumbers } from "../../db/lock-numbers.ts";

/** The library's tables, which row-level security closes to everybody but their owner. */
const TABLES = ["_private_jobs", "_private_job_queues", "_private_tasks", "_private_known_crontabs"];

/** The library's own migrations do not stand two starters; the second waits here until the first one's session ends. */
export async function lockInstallation(client: Client): Promise<void> {
  await client.query("select pg_advisory_lock($1)", [lockNumbers.jobTables]);
}

/**
 * Gives the application's role the use of the job tables. They hold ids of what is to be done, no tenant's content, so
 * they stand before the tenant wall. Only the tables' owner can do this.
 */
export async function updateRights(client: Client, appRole: string): Promise<void> {
  const role = client.escapeIdentifier(appRole);
  await client.query(`
    grant usage on schema graphile_worker to ${role};
    grant select, insert, update, delete on all tables in schema graphile_worker to ${role};
    grant usage, select on all sequences in schema graphile_worker to ${role};
    grant execute on all functions in schema graphile_worker to ${role}`);
  for (const table of TABLES) {
    await client.query(`
      drop policy if exists tabellion_worker on graphile_worker.${table};
      create policy tabellion_worker on graphile_worker.${table} using (true) with check (true)`);
  }
}

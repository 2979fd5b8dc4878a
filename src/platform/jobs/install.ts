import { runMigrations } from "graphile-worker";
import pg from "pg";
import { workerLog } from "./runner.ts";
import type { Log } from "../log/log.ts";

const TABLES = ["_private_jobs", "_private_job_queues", "_private_tasks", "_private_known_crontabs"];

/**
 * Makes or updates the job tables as their owner, and gives the application's role the use of them. They hold ids
 * of what is to be done, no tenant's content, so they stand before the tenant wall.
 */
export async function installJobs(options: { ownerUrl: string; appRole: string; log: Log }): Promise<void> {
  const client = new pg.Client({ connectionString: options.ownerUrl, application_name: "tabellion-migrate" });
  await client.connect();
  try {
    // The library's own migrations do not stand two starters; this lock makes the second wait.
    await client.query("select pg_advisory_lock(8443002)");
    await runMigrations({ connectionString: options.ownerUrl, logger: workerLog(options.log) });
    const role = client.escapeIdentifier(options.appRole);
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
  } finally {
    await client.end();
  }
}

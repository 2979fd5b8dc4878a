import { runMigrations } from "graphile-worker";
import pg from "pg";
import { workerLog } from "./worker-log.ts";
import type { Log } from "../log/log.ts";
import { updateRights, lockInstallation } from "./store/rights.ts";

/** Makes or updates the job tables as their owner, and gives the application's role the use of them. */
export async function installJobs(options: { ownerUrl: string; appRole: string; log: Log }): Promise<void> {
  const client = new pg.Client({ connectionString: options.ownerUrl, application_name: "tabellion-migrate" });
  await client.connect();
  try {
    await lockInstallation(client);
    await runMigrations({ connectionString: options.ownerUrl, logger: workerLog(options.log) });
    await updateRights(client, options.appRole);
  } finally {
    await client.end();
  }
}

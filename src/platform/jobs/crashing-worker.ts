/**
 * A worker process for crash tests: takes jobs of the kind `test.hang`, says so, and holds them until it is killed.
 * Reads the database's URL from its first argument.
 */
import { z } from "zod";
import { createPool } from "../db/pool.ts";
import { createDatabase } from "../db/tx.ts";
import { createLog } from "../log/log.ts";
import { job } from "./jobs.ts";
import { startJobs } from "./runner.ts";

const log = createLog("silent");
const pool = createPool({ url: process.argv[2] ?? "", connections: 6, applicationName: "crashing", log });
await startJobs({
  db: createDatabase({ pool, log }),
  log,
  concurrency: 2,
  isAlone: false,
  pace: { beatMs: 100, pollMs: 20 },
  definitions: [
    job({
      name: "test.hang",
      payload: z.object({}),
      maxAttempts: 3,
      handle: async () => {
        process.stdout.write("took one\n");
        await new Promise(() => undefined);
      },
    }),
  ],
});
process.stdout.write("started\n");

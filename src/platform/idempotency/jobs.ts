import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import type { Database } from "../db/tx.ts";
import { listTenantIds } from "../tenants/store.ts";
import { KEPT_SECONDS, PROMISED_SECONDS } from "./idempotency.ts";
import { deleteOldKeys, updateOldSecrets } from "./store.ts";

const TENANTS_A_PAGE = 500;

/** Each hour: keys past their retention go, and with them what their answers said. */
export function idempotencyJobs(db: Database): JobDefinition[] {
  return [
    job({
      name: "platform.sweepIdempotencyKeys",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "17 * * * *",
      async handle(_payload, run) {
        for (let after = ""; ;) {
          const page = await db.directory((tx) => listTenantIds(tx, after, TENANTS_A_PAGE));
          for (const tenantId of page) {
            run.signal.throwIfAborted();
            await db.tenant(tenantId, async (tx) => {
              await updateOldSecrets(tx, tenantId, PROMISED_SECONDS);
              await deleteOldKeys(tx, tenantId, KEPT_SECONDS);
            });
          }
          const last = page.at(-1);
          if (last === undefined) return;
          after = last;
        }
      },
    }),
  ];
}

import { z } from "zod";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import { deleteRefusalsBefore } from "./store/refusals.ts";

/** How long counts of refusals are kept. */
export const REFUSAL_DAYS = 30;
const DAY_MS = 24 * 3_600_000;

export function refusalJobs(services: { readonly db: Database; readonly clock: Clock }): JobDefinition[] {
  return [
    job({
      name: "audit-reading.deleteOldRefusals",
      payload: z.looseObject({}),
      maxAttempts: 3,
      schedule: "23 3 * * *",
      async handle() {
        const before = new Date(services.clock.now().getTime() - REFUSAL_DAYS * DAY_MS);
        await services.db.directory((tx) => deleteRefusalsBefore(tx, before));
      },
    }),
  ];
}

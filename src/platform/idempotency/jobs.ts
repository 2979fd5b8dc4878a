import { z } from "zod";
import type { Database } from "../db/tx.ts";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import { sweepIdempotencyKeys } from "./operations.ts";

/** Each hour: keys past their retention go, and with them what their answers said. */
export function idempotencyJobs(db: Database): JobDefinition[] {
  return [
    job({
      name: "platform.sweepIdempotencyKeys",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "17 * * * *",
      handle: (_payload, run) => sweepIdempotencyKeys(db, run),
    }),
  ];
}

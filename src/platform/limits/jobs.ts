import { z } from "zod";
import type { Database } from "../db/tx.ts";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import { sweepRateBuckets, sweepRateWindows, sweepUsedValues } from "./operations.ts";

/** Removes windows that are over, empty buckets and one-time values that nobody would accept any more. */
export function limitsJobs(db: Database): JobDefinition[] {
  return [
    job({
      name: "platform.sweepRateWindows",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "41 * * * *",
      handle: (_payload, run) => sweepRateWindows(db, run),
    }),
    job({
      name: "platform.sweepRateBuckets",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "51 * * * *",
      handle: (_payload, run) => sweepRateBuckets(db, run),
    }),
    job({
      name: "platform.sweepUsedValues",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "*/10 * * * *",
      handle: (_payload, run) => sweepUsedValues(db, run),
    }),
  ];
}

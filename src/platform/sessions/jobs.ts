import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import type { Services } from "../product.ts";
import { sweepSessions } from "./sweep.ts";

/** Each night, what is long over goes. */
export function sessionJobs(services: Services): JobDefinition[] {
  return [
    job({
      name: "platform.sweepSessions",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "33 3 * * *",
      handle: (_payload, run) => sweepSessions(services, run),
    }),
  ];
}

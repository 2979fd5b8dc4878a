import { job, type JobDefinition } from "../../platform/jobs/jobs.ts";
import type { Services } from "../../platform/product.ts";
import { sweepSessions } from "./operations/sweeping.ts";
import { emptyPayload } from "./schema.ts";

/** What SSKS does in the background. Challenges are sent by the platform's own job. */
export function ssksJobs(services: Services): JobDefinition[] {
  return [
    job({
      name: "ssks.sweepSessions",
      payload: emptyPayload,
      maxAttempts: 3,
      schedule: "23 * * * *",
      handle: (_payload, run) => sweepSessions(services, run),
    }),
  ];
}

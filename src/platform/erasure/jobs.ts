import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import { eraseTenant, eraseTenants, type ErasureContext } from "./erasure.ts";

/** What shredding leaves behind is erased: soon after, and once a day what appeared meanwhile. */
export function erasureJobs(context: ErasureContext): JobDefinition[] {
  return [
    job({
      name: "platform.eraseTenant",
      payload: z.strictObject({ tenantId: z.string() }),
      maxAttempts: 25,
      handle: ({ tenantId }, run) => eraseTenant(context, tenantId, run.signal),
    }),
    job({
      name: "platform.eraseTenants",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "11 3 * * *",
      handle: (_payload, run) => eraseTenants(context, run.signal),
    }),
  ];
}

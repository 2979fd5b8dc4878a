import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import type { Services } from "../product.ts";
import { RESET_JOB, sendReset } from "./operations/passwords.ts";

const payload = z.strictObject({
  addressHash: z.string().regex(/^[0-9a-f]{64}$/),
  tenantId: z.string().max(64).nullable(),
});

export function memberJobs(services: Services): JobDefinition[] {
  return [
    job({
      name: RESET_JOB,
      payload,
      maxAttempts: 5,
      handle: (given) => sendReset(services, given, services.clock.now()),
    }),
  ];
}

import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import type { Services } from "../product.ts";
import { RESET_JOB, sendReset } from "./operations/passwords.ts";
import { sweepMembers } from "./operations/sweep.ts";
import { DISABLED_WEBHOOK_JOB, mailDisabledWebhook } from "./operations/webhook-mails.ts";

const payload = z.strictObject({
  addressHash: z.string().regex(/^[0-9a-f]{64}$/),
  tenantId: z.string().max(64).nullable(),
});

const disabledPayload = z.strictObject({
  tenantId: z.string().max(64),
  endpointId: z.string().max(64),
  reason: z.string().max(500),
  at: z.iso.datetime(),
});

export function memberJobs(services: Services): JobDefinition[] {
  return [
    job({
      name: "platform.sweepMembers",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "23 3 * * *",
      handle: (_payload, run) => sweepMembers(services, run),
    }),
    job({
      name: RESET_JOB,
      payload,
      maxAttempts: 5,
      handle: (given) => sendReset(services, given, services.clock.now()),
    }),
    job({
      name: DISABLED_WEBHOOK_JOB,
      payload: disabledPayload,
      maxAttempts: 25,
      handle: (given) => mailDisabledWebhook(services, given),
    }),
  ];
}

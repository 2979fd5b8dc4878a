import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import type { Services } from "../product.ts";
import {
  mailReset,
  RESET_ATTEMPTS,
  RESET_JOB,
  RESET_MAIL_ATTEMPTS,
  RESET_MAIL_JOB,
  sendReset,
} from "./operations/passwords.ts";
import { sweepMembers } from "./operations/sweep.ts";
import { DISABLED_WEBHOOK_JOB, mailDisabledWebhook } from "./operations/webhook-mails.ts";

const resetPayload = z.strictObject({
  addressHash: z.string().regex(/^[0-9a-f]{64}$/),
  tenantId: z.string().max(64).nullable(),
  expiresAt: z.iso.datetime(),
});

const resetMailPayload = z.strictObject({
  tenantId: z.string().max(64),
  memberId: z.string().max(64),
  expiresAt: z.iso.datetime(),
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
      payload: resetPayload,
      maxAttempts: RESET_ATTEMPTS,
      handle: (given) => sendReset(services, given),
    }),
    job({
      name: RESET_MAIL_JOB,
      payload: resetMailPayload,
      maxAttempts: RESET_MAIL_ATTEMPTS,
      handle: (given) => mailReset(services, given, services.clock.now()),
    }),
    job({
      name: DISABLED_WEBHOOK_JOB,
      payload: disabledPayload,
      maxAttempts: 25,
      handle: (given) => mailDisabledWebhook(services, given),
    }),
  ];
}

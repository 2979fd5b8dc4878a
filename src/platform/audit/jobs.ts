import { z } from "zod";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import { recordAudit } from "./audit.ts";
import { everyVerifier, type LogKeyContext } from "./log-key.ts";
import { verifyLog, type CheckedLog } from "./verify-log.ts";

export type AuditJobsOptions = LogKeyContext & {
  readonly log: Log;
  /** A page of the ids of tenants, behind `after`. */
  listTenants(after: string): Promise<readonly string[]>;
  /** Whether a tenant was shredded, so that its events may be gone. */
  isShredded(tenantId: string): Promise<boolean>;
};

/** Once a night every log is hashed anew; what does not fit is told loudly. */
export function auditJobs(options: AuditJobsOptions): JobDefinition[] {
  return [
    job({
      name: "platform.verifyAuditLogs",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "23 2 * * *",
      handle: async (_payload, run) => {
        await verifyAll(options, run.signal);
      },
    }),
  ];
}

async function verifyAll(options: AuditJobsOptions, signal: AbortSignal): Promise<void> {
  await verifyOne(options, SERVER_TENANT, "audit");
  for (let after = "", ids = await options.listTenants(after); ids.length > 0; ids = await options.listTenants(after)) {
    for (const tenantId of ids) {
      signal.throwIfAborted();
      await verifyOne(options, tenantId, "audit");
    }
    after = ids.at(-1) ?? "";
  }
  signal.throwIfAborted();
  await verifyOne(options, SERVER_TENANT, "top");
}

async function verifyOne(options: AuditJobsOptions, tenantId: string, log: CheckedLog["log"]): Promise<void> {
  const { db, clock } = options;
  const { size, findings } = await verifyLog(
    db,
    { tenantId, log },
    { verifiers: (origin) => everyVerifier(options, origin), isShredded: options.isShredded },
  );
  if (findings.length === 0) return;
  options.log.fatal({ tenantId, log, size, findings }, "an audit log is not what was signed");
  await db.tenant(SERVER_TENANT, (tx) =>
    recordAudit(tx, SERVER_TENANT, {
      action: "platform.verifyAuditLogs",
      at: clock.now(),
      actor: { type: "system", id: "platform.verifyAuditLogs" },
      resource: { type: "tenant", id: tenantId },
      outcome: "failed",
      details: { log, size, findings: findings.map(({ what, index }) => ({ what, index })) },
    }),
  );
}

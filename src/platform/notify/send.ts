import { recordAudit } from "../audit/audit.ts";
import { newId } from "../ids/ids.ts";
import { enqueueJob, type JobRun } from "../jobs/jobs.ts";
import { TenantShreddedError, type TenantKeys } from "../keys/keyring.ts";
import type { Services } from "../product.ts";
import { openContent, type MailContent, type NotificationContent, type SmsContent } from "./content.ts";
import type { FinalState, NotificationRow } from "./notification.ts";
import { SEND_JOB } from "./notify.ts";
import {
  deleteContent,
  findContent,
  findNotification,
  updateFinished,
  updateSending,
  updateUncertain,
  updateWaiting,
} from "./store.ts";
import type { Attempt, Outcome, Transport } from "./transport.ts";

export type Transports = { readonly mail: Transport<MailContent>; readonly sms: Transport<SmsContent> };
export type SendServices = Pick<Services, "db" | "keyring" | "clock" | "log">;

const SECOND_MS = 1_000;
/** What passes before the second attempt, before the third, and so on: about a day and a half. */
const GAPS_SECONDS = [30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600] as const;
/** Each gap is spread by this part each way, so that what failed together does not return together. */
const JITTER = 0.2;

/** Another attempt was first; this one must send nothing. */
class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

/**
 * One attempt. Runs again after a crash: what had passed the point of no return is then uncertain and is not sent again.
 */
export async function sendNotification(
  services: SendServices,
  transports: Transports,
  { tenantId, id }: { tenantId: string; id: string },
  run: Pick<JobRun, "signal">,
): Promise<void> {
  const row = await services.db.tenant(tenantId, (tx) => findNotification(tx, tenantId, id));
  if (row === null || row.finished_at !== null) return;
  if (row.state === "sending") return giveUp(services, row);
  const now = services.clock.now();
  if (row.expires_at !== null && row.expires_at <= now) {
    return finish(services, row, { attempt: null, state: "expired", error: "It was not sent in time" });
  }
  const content = await contentOf(services, row);
  if (content === null) {
    return finish(services, row, { attempt: null, state: "failed", error: "Its content cannot be opened any more" });
  }
  const attempt = attemptAt(services, row, run.signal);
  let outcome: Outcome;
  try {
    const parcel = { id, purpose: row.purpose, createdAt: row.created_at };
    outcome =
      content.kind === "mail"
        ? await transports.mail.deliver({ ...parcel, content }, attempt)
        : await transports.sms.deliver({ ...parcel, content }, attempt);
  } catch (error) {
    if (error instanceof OvertakenError) return;
    throw error;
  }
  await settle(services, row, outcome, attempt.id());
}

/** `id` is null until the point of no return was passed. */
function attemptAt(
  { db, clock }: SendServices,
  { tenant_id: tenantId, id }: NotificationRow,
  signal: AbortSignal,
): Attempt & { id(): string | null } {
  let passed: string | null = null;
  return {
    signal,
    id: () => passed,
    async begin() {
      const attemptId = newId("att", clock.now());
      const touched = await db.tenant(tenantId, (tx) => updateSending(tx, tenantId, id, attemptId));
      if (touched === 0) throw new OvertakenError("another attempt was first");
      passed = attemptId;
    },
  };
}

/** Null when the organisation or the content is gone. */
async function contentOf(
  { db, keyring }: SendServices,
  { tenant_id: tenantId, id }: NotificationRow,
): Promise<NotificationContent | null> {
  let keys: TenantKeys;
  try {
    keys = await keyring.of(tenantId);
  } catch (error) {
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
  const sealed = await db.tenant(tenantId, (tx) => findContent(tx, tenantId, id));
  return sealed === null ? null : openContent(keys, id, sealed);
}

async function settle(
  services: SendServices,
  row: NotificationRow,
  outcome: Outcome,
  attempt: string | null,
): Promise<void> {
  switch (outcome.kind) {
    case "sent":
      return finish(services, row, { attempt, state: "sent", error: null });
    case "refused":
      return finish(services, row, { attempt, state: "failed", error: outcome.error });
    case "uncertain":
      return finish(services, row, { attempt, state: "uncertain", error: outcome.error });
    case "later":
      return tryLater(services, row, { attempt, error: outcome.error });
  }
}

async function tryLater(
  services: SendServices,
  row: NotificationRow,
  outcome: { attempt: string | null; error: string },
): Promise<void> {
  const { tenant_id: tenantId, id } = row;
  const gapSeconds = GAPS_SECONDS[row.attempts];
  if (gapSeconds === undefined) return finish(services, row, { ...outcome, state: "failed" });
  // The queue goes by the system's clock.
  const waitMs = gapSeconds * SECOND_MS * (1 + JITTER * (2 * Math.random() - 1));
  await services.db.tenant(tenantId, async (tx) => {
    if ((await updateWaiting(tx, tenantId, id, outcome)) === 0) return;
    await enqueueJob(tx, { name: SEND_JOB, payload: { tenantId, id }, runAt: new Date(Date.now() + waitMs) });
  });
  const { kind, purpose } = row;
  services.log.warn({ notification: id, kind, purpose, reason: outcome.error }, "a notification was not sent yet");
}

async function finish(
  services: SendServices,
  row: NotificationRow,
  end: { attempt: string | null; state: FinalState; error: string | null },
): Promise<void> {
  const { tenant_id: tenantId, id } = row;
  const at = services.clock.now();
  await services.db.tenant(tenantId, async (tx) => {
    if ((await updateFinished(tx, tenantId, id, { ...end, at })) === 0) return;
    await deleteContent(tx, tenantId, id);
    if (end.state !== "sent") await recordAudit(tx, tenantId, auditOf(row, { ...end, at }));
  });
  tell(services, row, end);
}

/** The worker that had begun it is gone. */
async function giveUp(services: SendServices, row: NotificationRow): Promise<void> {
  const { tenant_id: tenantId, id } = row;
  const at = services.clock.now();
  const error = "The server ended after it had begun to send; it is not known whether it was sent";
  await services.db.tenant(tenantId, async (tx) => {
    if ((await updateUncertain(tx, tenantId, id, { error, at })) === 0) return;
    await deleteContent(tx, tenantId, id);
    await recordAudit(tx, tenantId, auditOf(row, { state: "uncertain", error, at }));
  });
  tell(services, row, { state: "uncertain", error });
}

function auditOf(row: NotificationRow, end: { state: FinalState; error: string | null; at: Date }) {
  return {
    action: "platform.sendNotification",
    at: end.at,
    actor: { type: "system", id: "notify" },
    resource: { type: "notification", id: row.id },
    outcome: "failed",
    details: { kind: row.kind, purpose: row.purpose, state: end.state, reason: end.error ?? "" },
  } as const;
}

function tell(services: SendServices, row: NotificationRow, end: { state: FinalState; error: string | null }): void {
  const facts = { notification: row.id, kind: row.kind, purpose: row.purpose, state: end.state };
  if (end.state === "sent") services.log.info(facts, "a notification was sent");
  else services.log.error({ ...facts, reason: end.error }, "a notification was not sent for certain");
}

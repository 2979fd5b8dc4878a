import { recordAudit } from "../audit/audit.ts";
import type { Tx } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { enqueueJob, type JobRun } from "../jobs/jobs.ts";
import { TenantShreddedError, type TenantKeys } from "../keys/keyring.ts";
import type { Services } from "../product.ts";
import { openContent, type MailContent, type NotificationContent, type SmsContent } from "./content.ts";
import type { FinalState, NotificationKind, NotificationRow } from "./notification.ts";
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
export type SendServices = Pick<Services, "db" | "keyring" | "clock" | "log"> & AskedByPurpose;

/** What is asked of whoever has asked for a notification, within the tenant's wall: whether anybody still waits for it. */
export type Wanted = (tx: Tx, tenantId: string, of: WantedOf) => Promise<boolean>;
export type WantedOf = { readonly about: string; readonly enqueuedAt: Date; readonly now: Date };
/** Those of a purpose that is not named here go whatever happens. */
export type WantedByPurpose = Readonly<Record<string, Wanted>>;

/**
 * What is told to whoever has asked for a notification, once and in the transaction in which it ends: that it certainly was not
 * sent. Nothing of what is uncertain, also where that turns out later.
 */
export type Unsent = (tx: Tx, tenantId: string, of: UnsentOf) => Promise<void>;
export type UnsentOf = { readonly kind: NotificationKind; readonly about: string; readonly enqueuedAt: Date };
export type UnsentByPurpose = Readonly<Record<string, Unsent>>;

/** By purpose, of those that are about something. */
export type AskedByPurpose = { readonly wanted: WantedByPurpose; readonly unsent: UnsentByPurpose };

const SECOND_MS = 1_000;
/** What passes before the second attempt, before the third, and so on: about a day and a half. */
const GAPS_SECONDS = [30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600] as const;
/** Each gap is spread by this part each way, so that what failed together does not return together. */
const JITTER = 0.2;

/** Another attempt was first; this one must send nothing. */
class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

/** Nobody waits for it any more. */
class WithdrawnError extends Error {
  override readonly name = "WithdrawnError";
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
  const parcel = await parcelOf(services, row);
  if (parcel === "withdrawn") return finish(services, row, { attempt: null, state: "withdrawn", error: null });
  if (parcel === null) {
    return finish(services, row, { attempt: null, state: "failed", error: "Its content cannot be opened any more" });
  }
  const attempt = attemptAt(services, row, { about: parcel.about, signal: run.signal });
  let outcome: Outcome;
  try {
    outcome = await deliver(transports, row, parcel.content, attempt);
  } catch (error) {
    if (error instanceof OvertakenError) return;
    if (error instanceof WithdrawnError) {
      return finish(services, row, { attempt: null, state: "withdrawn", error: null });
    }
    throw error;
  }
  await settle(services, row, outcome, attempt.id());
}

function deliver(
  transports: Transports,
  { id, purpose, created_at: createdAt, expires_at: expiresAt }: NotificationRow,
  content: NotificationContent,
  attempt: Attempt,
): Promise<Outcome> {
  const parcel = { id, purpose, createdAt, expiresAt };
  return content.kind === "mail"
    ? transports.mail.deliver({ ...parcel, content }, attempt)
    : transports.sms.deliver({ ...parcel, content }, attempt);
}

async function isWanted(
  { wanted, clock }: SendServices,
  tx: Tx,
  row: NotificationRow,
  about: string | null,
): Promise<boolean> {
  const ask = wanted[row.purpose];
  if (about === null || ask === undefined) return true;
  return ask(tx, row.tenant_id, { about, enqueuedAt: row.created_at, now: clock.now() });
}

/** `id` is null until the point of no return was passed. */
function attemptAt(
  services: SendServices,
  row: NotificationRow,
  { about, signal }: { about: string | null; signal: AbortSignal },
): Attempt & { id(): string | null } {
  const { db, clock } = services;
  const { tenant_id: tenantId, id } = row;
  let passed: string | null = null;
  return {
    signal,
    id: () => passed,
    async begin() {
      const attemptId = newId("att", clock.now());
      const touched = await db.tenant(tenantId, async (tx) => {
        if (!(await isWanted(services, tx, row, about))) throw new WithdrawnError("nobody waits for it any more");
        return updateSending(tx, tenantId, id, attemptId);
      });
      if (touched === 0) throw new OvertakenError("another attempt was first");
      passed = attemptId;
    },
  };
}

type OpenParcel = { readonly content: NotificationContent; readonly about: string | null };

/** Null when the organisation is gone; `withdrawn` when the content is, or nobody waits for it. */
async function parcelOf(services: SendServices, row: NotificationRow): Promise<OpenParcel | "withdrawn" | null> {
  const { db, keyring } = services;
  const { tenant_id: tenantId, id } = row;
  let keys: TenantKeys;
  try {
    keys = await keyring.of(tenantId);
  } catch (error) {
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
  const found = await db.tenant(tenantId, async (tx) => {
    const content = await findContent(tx, tenantId, id);
    return content === null || !(await isWanted(services, tx, row, content.about)) ? null : content;
  });
  if (found === null) return "withdrawn";
  return { content: openContent(keys, id, found.sealed), about: found.about };
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
  const gapMs = gapSeconds * SECOND_MS * (1 + JITTER * (2 * Math.random() - 1));
  // Not later than it expires: then it is erased.
  const leftMs = row.expires_at === null ? gapMs : row.expires_at.getTime() - services.clock.now().getTime();
  const waitMs = Math.max(0, Math.min(gapMs, leftMs));
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
    const content = await deleteContent(tx, tenantId, id);
    if (isUnsent(end.state)) await tellUnsent(services, tx, row, content?.about ?? null);
    if (!isQuiet(end.state)) await recordAudit(tx, tenantId, auditOf(row, { ...end, at }));
  });
  tell(services, row, end);
}

/** What was uncertain before has no content any more, and nobody is told. */
async function tellUnsent({ unsent }: SendServices, tx: Tx, row: NotificationRow, about: string | null): Promise<void> {
  if (about === null) return;
  await unsent[row.purpose]?.(tx, row.tenant_id, { kind: row.kind, about, enqueuedAt: row.created_at });
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

function isUnsent(state: FinalState): boolean {
  return state === "failed" || state === "expired" || state === "withdrawn";
}

/** What went as it should: no failure to be told of. */
function isQuiet(state: FinalState): boolean {
  return state === "sent" || state === "withdrawn";
}

function tell(services: SendServices, row: NotificationRow, end: { state: FinalState; error: string | null }): void {
  const facts = { notification: row.id, kind: row.kind, purpose: row.purpose, state: end.state };
  if (end.state === "sent") services.log.info(facts, "a notification was sent");
  else if (end.state === "withdrawn") services.log.info(facts, "a notification was not wanted any more");
  else services.log.error({ ...facts, reason: end.error }, "a notification was not sent for certain");
}

/** How far a request for signatures is. */
export type SignatureStatus =
  | "pending"
  | "viewed"
  | "partially_signed"
  | "completed"
  | "declined"
  | "expired"
  | "cancelled";

/** Where one signer stands. */
export type SignerState = "waiting" | "invited" | "viewed" | "signed" | "declined" | "delegated";

type Standing = { readonly state: SignerState; readonly signing_order: number | null };

const OPEN: ReadonlySet<SignatureStatus> = new Set(["pending", "viewed", "partially_signed"]);

/** Whether somebody may still act on the request. */
export function isOpenStatus(status: SignatureStatus): boolean {
  return OPEN.has(status);
}

/** The status as of `now`: time ends a request, also where no job has said so yet. */
export function statusAt(request: { status: SignatureStatus; expires_at: Date }, now: Date): SignatureStatus {
  return isOpenStatus(request.status) && request.expires_at <= now ? "expired" : request.status;
}

const DAY_MS = 86_400_000;

/**
 * When something is next to be done for an open request: the first reminder after `after`, or its end. Reminders whose
 * time has passed meanwhile are not made up for one by one.
 */
export function nextDueAt(
  request: { readonly created_at: Date; readonly expires_at: Date; readonly reminder_days: readonly number[] },
  after: Date,
): Date {
  const ends = request.expires_at.getTime();
  const reminders = request.reminder_days.map((days) => request.created_at.getTime() + days * DAY_MS);
  return new Date(Math.min(ends, ...reminders.filter((at) => at > after.getTime())));
}

/**
 * Whose turn it is: of those who have not signed, all of the lowest order. Signers without an order come first, and
 * so all at once when nobody has one.
 */
export function dueSigners<S extends Standing>(signers: readonly S[]): S[] {
  const missing = signers.filter(({ state }) => state !== "signed" && state !== "delegated");
  const turn = Math.min(...missing.map(orderOf));
  return missing.filter((signer) => signer.state !== "declined" && orderOf(signer) === turn);
}

function orderOf({ signing_order: order }: Standing): number {
  return order ?? 0;
}

/** How a signer gets codes. A delegate has no telephone on record and gets them by mail, whatever the request asks for. */
export function codeChannel<C extends "none" | "mail" | "sms">(
  required: C,
  signer: { readonly phone: string | null },
): C | "mail" {
  return required === "sms" && signer.phone === null ? "mail" : required;
}

/** What the standings of all signers make of an open request. */
export function statusOf(signers: readonly Standing[]): SignatureStatus {
  const acting = signers.filter(({ state }) => state !== "delegated");
  if (acting.some(({ state }) => state === "declined")) return "declined";
  if (acting.every(({ state }) => state === "signed")) return "completed";
  if (acting.some(({ state }) => state === "signed")) return "partially_signed";
  return signers.some(({ state }) => state === "viewed" || state === "delegated") ? "viewed" : "pending";
}

/**
 * Who hears how a request ended: of a completed one those who signed, of one that nobody can sign any more those who
 * were written to. Whoever declined knows; whoever named another person is out of it.
 */
export function hearsOfEnd(
  status: SignatureStatus,
  signer: { readonly state: SignerState; readonly invited_at: Date | null },
): boolean {
  if (status === "completed") return signer.state === "signed";
  if (status !== "declined" && status !== "cancelled") return false;
  return signer.invited_at !== null && signer.state !== "declined" && signer.state !== "delegated";
}

/** Enough to recognise oneself, too little to write to. */
export function maskEmail(email: string): string {
  const [local = "", domain = ""] = email.split("@");
  return `${local.slice(0, 1)}…@${domain.slice(0, 1)}…${domain.slice(domain.lastIndexOf("."))}`;
}

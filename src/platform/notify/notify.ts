import type { Tx } from "../db/tx.ts";
import type { Html } from "../http/html.ts";
import { newId } from "../ids/ids.ts";
import { enqueueJob } from "../jobs/jobs.ts";
import type { TenantKeys } from "../keys/keyring.ts";
import type { LimitOutcome } from "../limits/outcome.ts";
import { takeFromWindow } from "../limits/sliding-window.ts";
import { headerText, isPhoneNumber, mailAddress } from "./address.ts";
import { sealContent, type NotificationContent } from "./content.ts";
import { notifyError } from "./errors.ts";
import type { MailLocale } from "./layout.ts";
import type { NotificationKind } from "./notification.ts";
import {
  insertContent,
  insertNotification,
  updateFamilyWithdrawn,
  updateWithdrawn,
  type WithdrawnRow,
} from "./store.ts";

export type NewMail = {
  readonly to: string;
  readonly toName?: string;
  /** Null where a customer wrote the text, in whatever language. */
  readonly locale: MailLocale | null;
  readonly subject: string;
  readonly text: string;
  /** Markup of ours, or of a customer who answers for it: mail programmes run no scripts. */
  readonly html?: Html | CustomerMarkup;
  /** `<product>.<what>`, shown in logs and in the outbox: never a name or an address. */
  readonly purpose: string;
  /** Now. It is sent as soon as the transaction has committed. */
  readonly at: Date;
  /** What was not sent by then is dropped. */
  readonly expiresAt?: Date;
  /** Counts against this instead of the organisation's hour. */
  readonly hour?: OwnHour;
  /** What it is about, by an id of the caller's: what waits is taken back by it, and asked about right before it goes. */
  readonly about?: string;
};

export type CustomerMarkup = { readonly markup: string };

/** What may be sent in any hour under a name of the caller's own. */
export type OwnHour = { readonly key: string; readonly limit: number };

export type NewSms = {
  /** E.164, such as +33612345678. */
  readonly to: string;
  readonly text: string;
  readonly purpose: string;
  readonly at: Date;
  readonly expiresAt?: Date;
  readonly hour?: OwnHour;
  readonly about?: string;
};

export const SEND_JOB = "platform.sendNotification";
const HOUR_SECONDS = 3_600;
/** What one organisation may send in any hour. */
export const HOURLY_LIMITS: Readonly<Record<NotificationKind, number>> = { mail: 1_000, sms: 100 };
const MAX_TEXT = 100_000;
const MAX_SMS_TEXT = 1_000;
const PURPOSE = /^[a-z][a-zA-Z0-9-]*\.[a-zA-Z][a-zA-Z0-9]*$/;

/**
 * The mail goes out if and only if `tx` commits, and never twice. Answers its id. Throws `notify.invalid_address` and
 * `notify.too_many_notifications`. Call it late: other mails of the same organisation wait for `tx`.
 */
export async function enqueueMail(tx: Tx, keys: TenantKeys, mail: NewMail): Promise<string> {
  const to = mailAddress(mail.to);
  if (to === null) throw notifyError("invalid_address", "This is no mail address that can be written to.");
  refuseTooLong(mail.text, MAX_TEXT);
  const markup = mail.html === undefined ? null : "markup" in mail.html ? mail.html.markup : mail.html.toString();
  if (markup !== null) refuseTooLong(markup, MAX_TEXT);
  const content: NotificationContent = {
    kind: "mail",
    to,
    toName: headerText(mail.toName ?? ""),
    locale: mail.locale,
    subject: headerText(mail.subject),
    text: mail.text,
    html: markup,
  };
  return enqueue(tx, keys, content, mail);
}

/** The same for a text message; `to` is an E.164 number. */
export async function enqueueSms(tx: Tx, keys: TenantKeys, sms: NewSms): Promise<string> {
  if (!isPhoneNumber(sms.to)) {
    throw notifyError("invalid_address", "This is no phone number in international form, such as +33612345678.");
  }
  refuseTooLong(sms.text, MAX_SMS_TEXT);
  return enqueue(tx, keys, { kind: "sms", to: sms.to, text: sms.text }, sms);
}

/**
 * Takes back what waits about any of these, erases it, and answers what it was: `Product.unsent` is not told of that. What has
 * passed the point of no return goes on.
 */
export async function withdrawNotifications(
  tx: Tx,
  tenantId: string,
  of: { readonly abouts: readonly string[]; readonly at: Date },
): Promise<WithdrawnRow[]> {
  return of.abouts.length === 0 ? [] : updateWithdrawn(tx, tenantId, of);
}

/** The same of all whose about is `<family>/<anything>`. */
export async function withdrawFamily(
  tx: Tx,
  tenantId: string,
  of: { readonly family: string; readonly at: Date },
): Promise<void> {
  await updateFamilyWithdrawn(tx, tenantId, of);
}

type Order = Pick<NewSms, "purpose" | "at" | "expiresAt" | "hour" | "about">;

async function enqueue(tx: Tx, keys: TenantKeys, content: NotificationContent, order: Order): Promise<string> {
  if (!PURPOSE.test(order.purpose)) throw new Error("a purpose is <product>.<what>");
  const { tenantId } = keys;
  const { kind } = content;
  const id = newId("ntf", order.at);
  const expiresAt = order.expiresAt ?? null;
  // Sent together, in this order: one round trip. The window is the last, because other requests wait for it.
  const [, , , outcome] = await Promise.all([
    insertNotification(tx, tenantId, { id, kind, purpose: order.purpose, createdAt: order.at, expiresAt }),
    insertContent(tx, tenantId, id, { sealed: sealContent(keys, id, content), about: order.about ?? null }),
    enqueueJob(tx, { name: SEND_JOB, payload: { tenantId, id } }),
    takeFromWindow(tx, { ...hourOf(tenantId, kind, order), windowSeconds: HOUR_SECONDS }),
  ]);
  if (!outcome.isAllowed) throw fullHour(kind, order, outcome);
  return id;
}

function hourOf(tenantId: string, kind: NotificationKind, { hour }: Pick<Order, "hour">): OwnHour {
  if (hour === undefined) return { key: `notify:${kind}:${tenantId}`, limit: HOURLY_LIMITS[kind] };
  return { key: `notify:${kind}:${tenantId}:${hour.key}`, limit: hour.limit };
}

function fullHour(kind: NotificationKind, { hour }: Pick<Order, "hour">, { retryAfterSeconds }: LimitOutcome): Error {
  const what = kind === "mail" ? "mails" : "text messages";
  const limit = hour?.limit ?? HOURLY_LIMITS[kind];
  const whose = hour === undefined ? "An organisation" : "This sender";
  return notifyError("too_many_notifications", `${whose} may send ${limit} ${what} in an hour.`, { retryAfterSeconds });
}

function refuseTooLong(text: string, max: number): void {
  if (text.length > max) throw new Error(`a text of ${text.length} characters; ${max} is the wall`);
}

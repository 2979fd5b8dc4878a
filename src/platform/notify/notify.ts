import type { Tx } from "../db/tx.ts";
import type { Html } from "../http/html.ts";
import { newId } from "../ids/ids.ts";
import { enqueueJob } from "../jobs/jobs.ts";
import type { TenantKeys } from "../keys/keyring.ts";
import { takeFromWindow } from "../limits/sliding-window.ts";
import { headerText, isPhoneNumber, mailAddress } from "./address.ts";
import { sealContent, type NotificationContent } from "./content.ts";
import { notifyError } from "./errors.ts";
import type { MailLocale } from "./layout.ts";
import type { NotificationKind } from "./notification.ts";
import { insertContent, insertNotification } from "./store.ts";

export type NewMail = {
  readonly to: string;
  readonly toName?: string;
  readonly locale: MailLocale;
  readonly subject: string;
  readonly text: string;
  readonly html?: Html;
  /** `<product>.<what>`, shown in logs and in the outbox: never a name or an address. */
  readonly purpose: string;
  /** Now. It is sent as soon as the transaction has committed. */
  readonly at: Date;
  /** What was not sent by then is dropped. */
  readonly expiresAt?: Date;
};

export type NewSms = {
  /** E.164, such as +33612345678. */
  readonly to: string;
  readonly text: string;
  readonly purpose: string;
  readonly at: Date;
  readonly expiresAt?: Date;
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
  const markup = mail.html?.toString() ?? null;
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

type Order = { readonly purpose: string; readonly at: Date; readonly expiresAt?: Date };

async function enqueue(tx: Tx, keys: TenantKeys, content: NotificationContent, order: Order): Promise<string> {
  if (!PURPOSE.test(order.purpose)) throw new Error("a purpose is <product>.<what>");
  const { tenantId } = keys;
  const { kind } = content;
  const id = newId("ntf", order.at);
  await insertNotification(tx, tenantId, {
    id,
    kind,
    purpose: order.purpose,
    createdAt: order.at,
    expiresAt: order.expiresAt ?? null,
  });
  await insertContent(tx, tenantId, id, sealContent(keys, id, content));
  await enqueueJob(tx, { name: SEND_JOB, payload: { tenantId, id } });
  await takeFromHour(tx, tenantId, kind);
  return id;
}

async function takeFromHour(tx: Tx, tenantId: string, kind: NotificationKind): Promise<void> {
  const limit = HOURLY_LIMITS[kind];
  const outcome = await takeFromWindow(tx, { key: `notify:${kind}:${tenantId}`, limit, windowSeconds: HOUR_SECONDS });
  if (outcome.isAllowed) return;
  const what = kind === "mail" ? "mails" : "text messages";
  throw notifyError("too_many_notifications", `An organisation may send ${limit} ${what} in an hour.`, {
    retryAfterSeconds: outcome.retryAfterSeconds,
  });
}

function refuseTooLong(text: string, max: number): void {
  if (text.length > max) throw new Error(`a text of ${text.length} characters; ${max} is the wall`);
}

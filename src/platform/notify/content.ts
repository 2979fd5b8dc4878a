import { z } from "zod";
import type { TenantKeys } from "../keys/keyring.ts";

const mailContent = z.strictObject({
  kind: z.literal("mail"),
  to: z.string(),
  toName: z.string(),
  locale: z.enum(["en", "fr"]).nullable(),
  subject: z.string(),
  text: z.string(),
  html: z.string().nullable(),
});
const smsContent = z.strictObject({ kind: z.literal("sms"), to: z.string(), text: z.string() });
const content = z.discriminatedUnion("kind", [mailContent, smsContent]);

export type MailContent = z.infer<typeof mailContent>;
export type SmsContent = z.infer<typeof smsContent>;
export type NotificationContent = MailContent | SmsContent;

/** Bound to the notification: sealed bytes of one do not open as another's. */
export function sealContent(keys: TenantKeys, id: string, plain: NotificationContent): Buffer {
  return keys.seal("notifications", Buffer.from(JSON.stringify(plain), "utf8"), id);
}

export function openContent(keys: TenantKeys, id: string, sealed: Buffer): NotificationContent {
  return content.parse(JSON.parse(keys.open("notifications", sealed, id).toString("utf8")));
}

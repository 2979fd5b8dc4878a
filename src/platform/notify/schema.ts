import { z } from "zod";
import { idShape, instantShape, pageQuery, pageShape } from "../http/body.ts";
import type { NotificationRow } from "./notification.ts";

const states = z.enum(["waiting", "sending", "sent", "failed", "expired", "uncertain", "withdrawn"]);

export const notificationView = z.strictObject({
  notification_id: idShape("ntf", "Id of the notification."),
  tenant_id: z
    .string()
    .max(64)
    .meta({ description: "The organisation that it is sent for, or `server`.", examples: ["server"] }),
  kind: z.enum(["mail", "sms"]),
  purpose: z
    .string()
    .max(200)
    .meta({ description: "What it is for.", examples: ["platform.memberInvitation"] }),
  state: states,
  attempts: z.int().min(0).max(1_000),
  error: z
    .string()
    .max(1_000)
    .nullable()
    .meta({
      description: "Why it was not sent. Names no address.",
      examples: ["The conversation with the mail server failed at RCPT: 550"],
    }),
  created_at: instantShape("When it was enqueued"),
  expires_at: instantShape("When it is dropped if it was not sent").nullable(),
  finished_at: instantShape("When it was over").nullable(),
});
export const notificationParams = z.strictObject({ id: idShape("ntf", "Id of the notification.") });
export const listNotificationsQuery = z.strictObject({ ...pageQuery, state: states.optional() });
export const notificationList = pageShape(notificationView);
export const testRequest = z.strictObject({
  to: z
    .string()
    .min(3)
    .max(254)
    .meta({
      description: "A mail address, or a phone number such as +33612345678.",
      examples: ["ops@example.org"],
    }),
  lang: z.enum(["en", "fr"]).default("en").meta({ description: "Language of the test." }),
});

export type NotificationView = z.output<typeof notificationView>;
export type ListNotificationsQuery = z.output<typeof listNotificationsQuery>;
export type TestRequest = z.output<typeof testRequest>;

export function viewOf(row: NotificationRow): NotificationView {
  return {
    notification_id: row.id,
    tenant_id: row.tenant_id,
    kind: row.kind,
    purpose: row.purpose,
    state: row.state,
    attempts: row.attempts,
    error: row.error,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

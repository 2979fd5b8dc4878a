import type { DeliveryAnswer, WebhookAnswer } from "./schema.ts";

/** For the published document. */
export const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD9RGf1GR0vCc=";

export const webhook: WebhookAnswer = {
  webhook_id: "whk_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  url: "https://example.com/hooks/tabellion",
  events: ["*"],
  description: "Archive",
  active: true,
  disabled_reason: null,
  disabled_at: null,
  failing_since: null,
  public_key: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
  secret_flips_at: null,
  previous_secret_ends_at: null,
  created_at: "2026-11-22T09:30:00.000Z",
  updated_at: "2026-11-22T09:30:00.000Z",
};

export const disabledWebhook: WebhookAnswer = {
  ...webhook,
  active: false,
  disabled_reason: "by_user",
  disabled_at: "2026-11-22T10:00:00.000Z",
  updated_at: "2026-11-22T10:00:00.000Z",
};

export const delivery: DeliveryAnswer = {
  delivery_id: "dlv_01KB2Q8S3W6N0Y5A7GJ2M4P9RX",
  webhook_id: webhook.webhook_id,
  event_id: "evt_01KB2Q8S3VBD1F4H6K8M0P2R5T",
  event: "webhook.test",
  seq: 1,
  status: "delivered",
  attempt_count: 1,
  next_attempt_at: null,
  created_at: "2026-11-22T09:31:02.780Z",
  finished_at: "2026-11-22T09:31:02.812Z",
  attempts: [
    { number: 1, at: "2026-11-22T09:31:02.812Z", status_code: 204, duration_ms: 31, error: null, answer: null },
  ],
};

export const pendingDelivery: DeliveryAnswer = {
  ...delivery,
  status: "pending",
  attempt_count: 0,
  next_attempt_at: "2026-11-22T09:31:02.780Z",
  finished_at: null,
  attempts: [],
};

import type { Call } from "../product.ts";
import type { DeliveryAnswer, WebhookAnswer } from "./schema.ts";
import { openUrl, settleSecrets } from "./secrets.ts";
import type { AttemptRow, DeliveryRow } from "./store/deliveries.ts";
import type { DisabledReason, EndpointRow } from "./store/endpoints.ts";

/** A webhook as its owner sees it; never a secret but its URL. */
export function webhookAnswer(row: EndpointRow, call: Pick<Call, "keys" | "now">): WebhookAnswer {
  const secrets = settleSecrets(row, call.now);
  return {
    webhook_id: row.id,
    url: openUrl(call.keys, row),
    events: row.events,
    description: row.description,
    active: row.is_active,
    disabled_reason: reasonOf(row.disabled_reason),
    disabled_at: instant(row.disabled_at),
    failing_since: instant(row.first_failure_at),
    public_key: row.public_key,
    secret_flips_at: instant(secrets.pending_flips_at),
    previous_secret_ends_at: instant(secrets.previous_ends_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

export function deliveryAnswer(row: DeliveryRow, attempts: readonly AttemptRow[]): DeliveryAnswer {
  return {
    delivery_id: row.id,
    webhook_id: row.endpoint_id,
    event_id: row.event_id,
    event: row.type,
    seq: Number(row.seq),
    status: row.state,
    attempt_count: row.attempts,
    next_attempt_at: instant(row.next_attempt_at),
    created_at: row.created_at.toISOString(),
    finished_at: instant(row.finished_at),
    attempts: attempts.map((attempt) => ({
      number: attempt.number,
      at: attempt.at.toISOString(),
      status_code: attempt.status_code,
      duration_ms: attempt.duration_ms,
      error: attempt.error,
      answer: attempt.answer,
    })),
  };
}

function instant(at: Date | null): string | null {
  return at === null ? null : at.toISOString();
}

function reasonOf(text: string | null): DisabledReason | null {
  return text === "by_user" || text === "gone" || text === "failing" ? text : null;
}

import { platformError } from "../../errors/platform-errors.ts";
import type { Call } from "../../product.ts";
import { webhookAnswer } from "../answers.ts";
import { webhookError } from "../errors.ts";
import type { RotateSecretRequest, WebhookWithSecret } from "../schema.ts";
import {
  DEFAULT_FLIP_MS,
  flip,
  MAX_FLIP_MS,
  newSecret,
  sealSecret,
  settleSecrets,
  type SecretColumns,
} from "../secrets.ts";
import { findEndpoint, lockEndpoint, updateSecrets } from "../store/endpoints.ts";
import { audit, checkSecret, found, type WebhookScope } from "./endpoints.ts";

/**
 * Gives a webhook a new secret. From now on the standard header is signed with both; the signature header, which has
 * room for one, changes at the chosen instant.
 */
export async function rotateWebhookSecret(
  call: Call,
  scope: WebhookScope,
  target: { webhookId: string; request: RotateSecretRequest },
): Promise<WebhookWithSecret> {
  const { webhookId, request } = target;
  const secret = request.secret ?? newSecret();
  checkSecret(secret);
  const flipsAt = flipInstant(request.flip, call.now);
  const sealed = sealSecret(call.keys, webhookId, secret);
  return call.write(async (tx) => {
    const { tenantId } = call.caller;
    const key = { endpointId: webhookId, product: scope.product };
    const row = found(await lockEndpoint(tx, tenantId, key));
    const secrets = rotate(settleSecrets(row, call.now), { sealed, flipsAt, now: call.now });
    await updateSecrets(tx, tenantId, { endpointId: webhookId, secrets, at: call.now });
    const details = { flips_at: flipsAt.toISOString() };
    await audit(tx, call, { scope, operation: "rotateWebhookSecret", webhookId, details });
    return { ...webhookAnswer(found(await findEndpoint(tx, tenantId, key)), call), secret };
  });
}

/** A flip at once is for a leak: it always works, and also puts aside a secret that was still pending. */
function rotate(settled: SecretColumns, fresh: { sealed: Buffer; flipsAt: Date; now: Date }): SecretColumns {
  if (fresh.flipsAt <= fresh.now) return flip(settled, fresh.sealed, fresh.now);
  if (settled.pending_secret !== null) {
    throw webhookError(
      "rotation_pending",
      'A new secret is pending already. Wait for its instant, or rotate with flip "now".',
    );
  }
  return { ...settled, pending_secret: fresh.sealed, pending_flips_at: fresh.flipsAt };
}

function flipInstant(asked: RotateSecretRequest["flip"], now: Date): Date {
  if (asked === undefined) return new Date(now.getTime() + DEFAULT_FLIP_MS);
  if (asked === "now") return now;
  const at = typeof asked === "number" ? new Date(now.getTime() + asked * 1000) : new Date(asked);
  const isUtc = typeof asked === "number" || /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(asked);
  if (!isUtc || Number.isNaN(at.getTime()) || at.getTime() > now.getTime() + MAX_FLIP_MS) {
    throw platformError("validation_failed", "The instant is not taken.", {
      fields: [{ parameter: "flip", reason: 'must be "now", seconds, or an instant in UTC within 30 days' }],
    });
  }
  return at;
}

import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const webhookErrors = {
  webhook_not_found: { status: 404, wire: "webhook_not_found", title: "Webhook not found", retry: "no" },
  delivery_not_found: { status: 404, wire: "delivery_not_found", title: "Delivery not found", retry: "no" },
  webhook_disabled: { status: 409, wire: "webhook_disabled", title: "Webhook is disabled", retry: "later" },
  webhook_limit_reached: {
    status: 409,
    wire: "webhook_limit_reached",
    title: "No further webhook can be registered",
    retry: "later",
  },
  rotation_pending: {
    status: 409,
    wire: "webhook_rotation_pending",
    title: "An earlier rotation is not over",
    retry: "later",
  },
  test_too_soon: { status: 429, wire: "webhook_test_too_soon", title: "Tested a moment ago", retry: "later" },
} as const satisfies ErrorTable;

export const webhookError = errorsOf("webhooks", webhookErrors);

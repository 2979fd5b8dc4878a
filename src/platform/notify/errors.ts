import { errorsOf, type ErrorTable } from "../errors/errors.ts";

/** Why a notification is not taken. */
export const notifyErrors = {
  invalid_address: { status: 422, wire: "invalid_address", title: "The address cannot be written to", retry: "no" },
  too_many_notifications: {
    status: 429,
    wire: "too_many_notifications",
    title: "Too many mails or text messages in this hour",
    retry: "later",
  },
} as const satisfies ErrorTable;

export const notifyError = errorsOf("notify", notifyErrors);

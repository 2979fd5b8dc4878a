import { platformError } from "../../platform/errors/platform-errors.ts";
import { errorsOf, type ErrorTable } from "../../platform/errors/errors.ts";

/** `wire` is the word that clients compare: a model for 404, a detail otherwise. */
export const ssksErrors = {
  application_unknown: {
    status: 401,
    wire: "Invalid application credentials.",
    title: "There is no such application, or the key is not one of its own",
    retry: "no",
  },
  user_not_found: { status: 404, wire: "TMRUser", title: "There is no such user", retry: "no" },
  session_not_found: { status: 404, wire: "TMRSession", title: "There is no such session", retry: "no" },
  identity_not_found: { status: 404, wire: "TMRKey", title: "Nothing is stored for this user", retry: "no" },
  password_user_not_found: {
    status: 404,
    wire: "StrictUser",
    title: "Nothing is stored under a password for this user",
    retry: "no",
  },
  password_wrong: { status: 404, wire: "StrictKey", title: "Nothing is stored under this password", retry: "no" },
  challenge_wrong: {
    status: 403,
    wire: "Incorrect authentication credentials.",
    title: "The challenge or the factor is wrong",
    retry: "no",
  },
  session_not_authenticated: {
    status: 403,
    wire: "The session is not authenticated.",
    title: "The session is not authenticated",
    retry: "no",
  },
  factor_differs: {
    status: 403,
    wire: "The factor is not the one of the session.",
    title: "The factor is not the one of the session",
    retry: "no",
  },
  too_many_slots: {
    status: 403,
    wire: "TooManySlots",
    title: "This user has as many slots as one may have",
    retry: "no",
  },
  sms_quota: {
    status: 406,
    wire: "SMSQuotaFailed",
    title: "The text messages of the month are used up",
    retry: "later",
  },
  fake_challenge_forbidden: {
    status: 406,
    wire: "FakeOTPForbidden",
    title: "Not in the environment of this application",
    retry: "no",
  },
  throttled: { status: 429, wire: "throttled", title: "Too many attempts", retry: "later" },
  app_not_found: { status: 404, wire: "app_not_found", title: "Application not found", retry: "no" },
  key_not_found: { status: 404, wire: "key_not_found", title: "Key not found", retry: "no" },
  key_ended: { status: 409, wire: "key_ended", title: "The key is revoked or expired", retry: "no" },
  template_not_found: { status: 404, wire: "template_not_found", title: "Template not found", retry: "no" },
  too_many_templates: { status: 409, wire: "too_many_templates", title: "Too many templates", retry: "no" },
} as const satisfies ErrorTable;

export const ssksError = errorsOf("ssks", ssksErrors);

/** A field of a body that its schema lets pass and the operation does not. */
export function refusedField(parameter: string, reason: string): Error {
  return platformError("validation_failed", "The body is not valid.", { fields: [{ parameter, reason }] });
}

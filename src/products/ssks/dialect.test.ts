import assert from "node:assert/strict";
import { test } from "node:test";
import { platformError } from "../../platform/errors/platform-errors.ts";
import { ssksDialect } from "./dialect.ts";
import { ssksError } from "./errors.ts";

const context = { requestId: "req_1", path: "/search/" };
const said = (error: Parameters<typeof ssksDialect.failure>[0]): string => {
  const { status, body } = ssksDialect.failure(error, context);
  return `${status} ${body}`;
};

test("failures that clients compare are said byte for byte", () => {
  assert.equal(said(ssksError("password_user_not_found", "x")), '404 {"model":"StrictUser"}');
  assert.equal(said(ssksError("password_wrong", "x")), '404 {"model":"StrictKey"}');
  assert.equal(said(ssksError("identity_not_found", "x")), '404 {"model":"TMRKey"}');
  assert.equal(said(ssksError("challenge_wrong", "x")), '403 {"detail":"Incorrect authentication credentials."}');
  assert.equal(said(ssksError("sms_quota", "x")), '406 {"detail":"SMSQuotaFailed"}');
  const invalid = '401 {"detail":"Invalid application credentials."}';
  assert.equal(said(ssksError("application_unknown", "x")), invalid);
  assert.equal(said(platformError("unauthorized", "The token was revoked.")), invalid);
});

test("waiting is told in whole seconds, also where a failure of the platform forgot to say how long", () => {
  const throttled = ssksDialect.failure(ssksError("throttled", "x", { retryAfterSeconds: 2.1 }), context);
  assert.equal(throttled.headers["retry-after"], "3");
  assert.equal(throttled.body, '{"detail":"Request was throttled. Expected available in 3 seconds."}');
  assert.equal(ssksDialect.failure(platformError("rate_limited", "x"), context).headers["retry-after"], "1");
});

test("wrong input is a 400 with the fields under their own names", () => {
  const fields = [
    { parameter: "auth_factor.type", reason: "is required" },
    { parameter: "auth_factor.value", reason: "is required" },
    { parameter: "user_id", reason: "is required" },
    { parameter: "detail", reason: "is odd" },
  ];
  assert.equal(
    said(platformError("validation_failed", "The body is not valid.", { fields })),
    '400 {"auth_factor":["type is required","value is required"],"user_id":["is required"],"detail":"The body is not valid."}',
  );
});

import { z } from "zod";
import { instantShape, pageQuery, pageShape } from "../../platform/http/body.ts";
import { environments } from "./app.ts";
import { usualLimits, type LimitName } from "./limits.ts";

/** 256 KiB as base64: as long as the longest of long-lived identities, several times over. */
const MAX_DATA_CHARACTERS = 349_528;
/** So that markup and text, in which a letter may count twice, fit into a mail. */
const MAX_TEMPLATE_CHARACTERS = 48_000;
const UUID_PARAMETER_PATTERN =
  /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$/;
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function uuidShape(what: string): z.ZodString {
  return z
    .string()
    .min(36)
    .max(36)
    .regex(UUID_PATTERN)
    .meta({ description: what, examples: ["0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"] });
}

/** In a path; capitals mean the same, and what is answered and kept has none. */
function uuidParameter(what: string): z.ZodString {
  return z.string().min(36).max(36).regex(UUID_PARAMETER_PATTERN).meta({ description: what });
}

/** Clients of other makes send booleans as text, too, and null for what they leave to the server. */
function flagShape(what: string) {
  return z
    .union([z.boolean(), z.enum(["true", "false"]), z.null()])
    .default(false)
    .meta({ description: what });
}

export function isTrue(flag: boolean | "true" | "false" | null): boolean {
  return flag === true || flag === "true";
}

const userId = z
  .string()
  .min(1)
  .max(256)
  .meta({ description: "Your id of the user, kept in clear.", examples: ["user-1234"] });
const factorType = z.enum(["EM", "SMS"]).meta({ description: "`EM`: a mail address. `SMS`: a telephone number." });
const factorValue = z
  .string()
  .min(1)
  .max(1024)
  .meta({
    description:
      "Mail address, or telephone number in international form without separators. Only a keyed hash of it is kept.",
    examples: ["user@example.com"],
  });
const factor = z
  .looseObject({ type: factorType, value: factorValue })
  .meta({ description: "A factor of the user.", examples: [{ type: "EM", value: "user@example.com" }] });
const optionalFactor = factor.nullable().optional();
/** Where it only narrows a question, its members ask for each other alone, and one without both is none. */
const narrowingFactor = z.looseObject({ type: factorType.optional(), value: factorValue.optional() }).meta({
  description: "A factor of the user; without `type` and `value` it counts as absent.",
  examples: [{ type: "EM", value: "user@example.com" }],
  dependentRequired: { type: ["value"], value: ["type"] },
});
const email = factorValue
  .nullable()
  .optional()
  .meta({ description: "Deprecated: a factor of type `EM`.", examples: ["user@example.com"], deprecated: true });

export const challengeSendRequest = z.looseObject({
  create_user: flagShape("Make the user where it is missing; otherwise that is a 404."),
  user_id: userId,
  auth_factor: optionalFactor,
  email,
  force_auth: flagShape("Ask for a challenge even where nothing is stored with this factor."),
  template: z
    .string()
    .max(MAX_TEMPLATE_CHARACTERS)
    .nullable()
    .optional()
    .meta({
      description:
        "HTML of the mail, in which `$$CHALLENGE$$` is replaced. Needed unless the application has a template of its own.",
      examples: ["<p>Your code: $$CHALLENGE$$</p>"],
    }),
  template_id: z
    .string()
    .max(64)
    .nullable()
    .optional()
    .meta({
      description: "A template of the application, instead of `template`.",
      examples: ["0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"],
    }),
  subject: z
    .string()
    .max(1_000)
    .nullable()
    .optional()
    .meta({ description: "Of the mail; `End-to-end encryption challenge` unless given. Not used for a text message." }),
  fake_otp: flagShape("Send nothing; the challenge is `aaaaaaaa`. Not in production."),
});
export const challengeSendResponse = z.strictObject({
  session_id: uuidShape("For the front end."),
  must_authenticate: z.boolean().meta({ description: "Whether the session needs the challenge that was sent." }),
});

export const mustAuthenticateRequest = z.looseObject({ type: factorType, value: factorValue });
export const mustAuthenticateResponse = challengeSendResponse.pick({ must_authenticate: true });

export const pairRequest = z.looseObject({ user_id: userId, auth_factor: optionalFactor, email });
export const identityCheckRequest = z.looseObject({
  user_id: userId,
  auth_factor: narrowingFactor.nullable().optional(),
  email,
});
export const userRequest = z.looseObject({ user_id: userId });
export const doneResponse = z.strictObject({ status: z.literal("ok") });
export const deletedResponse = z.strictObject({
  status: z.literal("ok"),
  deleted: z.int().min(0).max(1_000_000_000).meta({ description: "Identities that were deleted." }),
});
export const countResponse = z.strictObject({
  identities_count: z.int().min(0).max(1_000_000_000),
  user: z.strictObject({ user_id: z.string().max(256), app_id: uuidShape("Id of the application.") }),
});

const data = z
  .string()
  .max(MAX_DATA_CHARACTERS)
  .meta({
    description: "What the client encrypted; kept sealed and given back unchanged.",
    examples: ["AAECAwQFBgc="],
  });

export const challengeValidateRequest = z.looseObject({
  challenge: z
    .string()
    .min(1)
    .max(256)
    .meta({ description: "As it was sent to the user.", examples: ["abcd2345"] }),
  auth_factor: optionalFactor,
  email,
});
export const challengeValidateResponse = z.strictObject({
  new_id: uuidShape("The session from now on; the id before is over."),
});
export const identityPushRequest = z.looseObject({ data_b64: data, auth_factor: optionalFactor, email });
export const storedResponse = z.strictObject({ id: uuidShape("Of what is stored; the same when it is stored again.") });
export const identityResponse = z.strictObject({
  data_b64: data,
  authenticated: z.boolean().meta({ description: "Whether the session that stored it was authenticated." }),
});
export const factorTokenRequest = z.looseObject({ auth_factor_type: factorType, auth_factor_value: factorValue });
export const factorTokenResponse = z.strictObject({
  factor_token: z
    .string()
    .max(4096)
    .meta({ description: "A JWT (EdDSA) that says that the session's user has this factor. Ten minutes." }),
});

const appId = z
  .string()
  .min(1)
  .max(64)
  .meta({ description: "As in `X-SEALD-APPID`.", examples: ["0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"] });
export const MAX_SLOT_USER_CHARACTERS = 64;
const slotUser = z
  .string()
  .min(1)
  .max(MAX_SLOT_USER_CHARACTERS)
  .meta({ description: "Your id of the user.", examples: ["user-1234"] });
const secret = z
  .string()
  .min(1)
  .max(256)
  .meta({ description: "What the client derived from the password. Only a keyed hash of it is kept." });
export const slotPushRequest = z.looseObject({ app_id: appId, user_id: slotUser, secret, data_b64: data });
export const slotSearchRequest = z.looseObject({ app_id: appId, user_id: slotUser, secret });
export const slotResponse = z.strictObject({ data_b64: data });

/** The form of failures of the published contract. */
export const failureShape = z
  .looseObject({
    detail: z.string().max(4096).optional().meta({ description: "Why, for people and for clients that compare it." }),
    model: z.string().max(64).optional().meta({ description: "What is not there." }),
  })
  .meta({ id: "Failure", description: "Why a request failed; wrong fields stand under their own names." });

const budget = z.strictObject({
  burst: z.int().min(1).max(1_000_000).meta({ description: "How many at once." }),
  every_seconds: z.number().min(0.001).max(86_400).meta({ description: "Seconds after which there is one more." }),
});

function limitsShape() {
  const shape = Object.fromEntries(Object.keys(usualLimits).map((name) => [name, budget.optional()])) as Record<
    LimitName,
    z.ZodOptional<typeof budget>
  >;
  return z.strictObject(shape).meta({
    description: "Budgets that differ from the usual ones.",
    examples: [{ sends_per_user: usualLimits.sends_per_user }],
  });
}

const settings = {
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\u0000-\u001f\u007f]+$/)
    .meta({ description: "What it is, as people call it.", examples: ["Customer portal"] }),
  environment: z
    .enum(environments)
    .meta({ description: "`fake_otp` is taken in `staging` and `test` alone.", examples: ["staging"] }),
  sms_quota: z.int().min(0).max(10_000_000).meta({ description: "Text messages in a month (UTC)." }),
  mails_per_hour: z.int().min(1).max(1_000_000).meta({ description: "Mails, and text messages, in any hour." }),
  slots_per_user: z.int().min(1).max(10_000).meta({ description: "Slots under passwords that one user may have." }),
  is_mark_waived: z
    .boolean()
    .meta({ description: "Outside production: templates without `$$CHALLENGE$$` are taken, too." }),
  audit_users: z.enum(["hashed", "clear"]).meta({ description: "How ids of users stand in the audit log." }),
};

export const createAppRequest = z.strictObject({
  name: settings.name,
  environment: settings.environment.default("production"),
  sms_quota: settings.sms_quota.default(1_000),
  mails_per_hour: settings.mails_per_hour.default(10_000),
  slots_per_user: settings.slots_per_user.default(100),
  is_mark_waived: settings.is_mark_waived.default(false),
  audit_users: settings.audit_users.default("hashed"),
  limits: limitsShape().default({}),
});
export const updateAppRequest = z
  .strictObject({ ...settings, limits: limitsShape() })
  .partial()
  .meta({ description: "What is left out stays as it is; `limits` are set as a whole." });
export const appView = z.strictObject({
  app_id: uuidShape("Id of the application, for `X-SEALD-APPID`."),
  ...settings,
  sms_sent: z.int().min(0).max(10_000_000).meta({ description: "Text messages of this month." }),
  limits: limitsShape(),
  created_at: instantShape("When it was made"),
});
export const appParams = z.strictObject({ id: uuidParameter("Id of the application.") });
export const listAppsQuery = z.strictObject({ ...pageQuery });
export const appList = pageShape(appView);

const keyId = z
  .string()
  .min(30)
  .max(30)
  .regex(/^tok_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  .meta({ description: "Id of the key; not the key itself.", examples: ["tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"] });
export const createKeyRequest = z.strictObject({
  name: settings.name.default("key").meta({ description: "What it is for, as people call it." }),
});
export const rotateKeyRequest = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(7 * 24 * 3600)
    .default(24 * 3600)
    .meta({ description: "How long the old key stays valid." }),
});
export const apiKeyView = z.strictObject({
  key_id: keyId,
  name: z.string().max(200),
  status: z.enum(["active", "expired", "revoked"]),
  created_at: instantShape("When it was made"),
  expires_at: instantShape("When it ends"),
  last_used_at: instantShape("Last use, to the minute").nullable(),
});
export const newKeyResponse = z.strictObject({
  ...apiKeyView.shape,
  api_key: z.string().max(100).meta({ description: "The key, for `X-SEALD-APIKEY`. Shown once, kept nowhere." }),
});
export const keyList = pageShape(apiKeyView);
export const keyParams = z.strictObject({ id: uuidParameter("Id of the application."), key_id: keyId });
export const listKeysQuery = z.strictObject({ ...pageQuery });

const template = {
  name: settings.name.meta({ description: "What it is for, as people call it." }),
  subject: z.string().min(1).max(200).nullable().meta({ description: "Of the mail, where a request names none." }),
  html: z
    .string()
    .min(1)
    .max(MAX_TEMPLATE_CHARACTERS)
    .meta({ description: "Markup in which `$$CHALLENGE$$` is replaced.", examples: ["<p>$$CHALLENGE$$</p>"] }),
  is_default: z.boolean().meta({ description: "Used where a request names no template." }),
};
export const createTemplateRequest = z.strictObject({
  name: template.name,
  subject: template.subject.default(null),
  html: template.html,
  is_default: template.is_default.default(false),
});
export const updateTemplateRequest = z
  .strictObject(template)
  .partial()
  .meta({ description: "What is left out stays as it is." });
export const templateView = z.strictObject({
  template_id: uuidShape("Id of the template, for `template_id`."),
  ...template,
  created_at: instantShape("When it was made"),
});
export const templateList = z.strictObject({ data: z.array(templateView).max(200) });
export const templateParams = z.strictObject({
  id: uuidParameter("Id of the application."),
  template_id: uuidParameter("Id of the template."),
});

export const tokenKeys = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        kty: z.literal("OKP"),
        crv: z.literal("Ed25519"),
        x: z.string().max(64),
        kid: z.string().max(30),
        use: z.literal("sig"),
        alg: z.literal("EdDSA"),
      }),
    )
    .max(20),
});

export const emptyPayload = z.object({});

export type ChallengeSendRequest = z.output<typeof challengeSendRequest>;
export type IdentityCheckRequest = z.output<typeof identityCheckRequest>;
export type PairRequest = z.output<typeof pairRequest>;
export type CountResponse = z.output<typeof countResponse>;
export type ChallengeValidateRequest = z.output<typeof challengeValidateRequest>;
export type IdentityPushRequest = z.output<typeof identityPushRequest>;
export type FactorTokenRequest = z.output<typeof factorTokenRequest>;
export type SlotPushRequest = z.output<typeof slotPushRequest>;
export type SlotSearchRequest = z.output<typeof slotSearchRequest>;
export type CreateAppRequest = z.output<typeof createAppRequest>;
export type UpdateAppRequest = z.output<typeof updateAppRequest>;
export type AppView = z.output<typeof appView>;
export type KeyView = z.output<typeof apiKeyView>;
export type NewKeyResponse = z.output<typeof newKeyResponse>;
export type CreateTemplateRequest = z.output<typeof createTemplateRequest>;
export type UpdateTemplateRequest = z.output<typeof updateTemplateRequest>;
export type TemplateView = z.output<typeof templateView>;
export type TokenKeys = z.output<typeof tokenKeys>;

import { z } from "zod";
import { idShape, instantShape } from "../http/body.ts";
import { codeShape, emailShape, passwordShape } from "../members/schema.ts";
import { memberRoles } from "../members/roles.ts";

const accessToken = z
  .string()
  .max(4_000)
  .meta({
    description: "Send it as `Authorization: Bearer …`.",
    examples: ["eyJhbGciOiJFZERTQSIsImtpZCI6IjFmM2E1YjdjIn0.eyJzdWIiOiJtZW1fMDEifQ.c2lnbmF0dXJl"],
  });
const refreshExample = {
  examples: ["tbr_01KB2Q6V9XJ4M8T3RZ5C7D1E0F_01KB2Q6V9XJ4M8T3RZ5C7D1E0F_1_q3Zt0PdUeK5vYhJ8mR2xWcB7nL4sF6gA9iT1oE-yVu_"],
};
const secondStepExample = {
  examples: [
    "tbm_01KB2Q6V9XJ4M8T3RZ5C7D1E0F_01KB2Q6V9XJ4M8T3RZ5C7D1E0F_1795426200_1_q3Zt0PdUeK5vYhJ8mR2xWcB7nL4sF6gA9iT1oE-yVu_",
  ],
};
const expiresIn = z
  .int()
  .min(1)
  .max(86_400)
  .meta({ description: "Seconds until it ends.", examples: [600] });

export const tokensView = z.strictObject({
  access_token: accessToken,
  token_type: z.literal("Bearer"),
  expires_in: expiresIn,
  refresh_token: z
    .string()
    .max(200)
    .meta({ description: "Works once, for the next tokens. Keep it secret.", ...refreshExample }),
  session_id: idShape("ses", "Id of the session."),
  member_id: idShape("mem", "Id of the member."),
  tenant_id: idShape("ten", "Id of the organisation."),
});
const secondStepView = z.strictObject({
  mfa_required: z.literal(true),
  mfa_token: z
    .string()
    .max(200)
    .meta({ description: "Goes with the code to `/v1/auth/login/totp`.", ...secondStepExample }),
  expires_in: expiresIn,
});
export const loginView = z.union([tokensView, secondStepView]);
export const loginRequest = z.strictObject({
  email: emailShape,
  password: passwordShape,
  tenant_id: idShape("ten", "Where the address belongs to several organisations.").optional(),
});
export const codeRequest = z.strictObject({
  mfa_token: z.string().min(1).max(200).meta(secondStepExample),
  code: codeShape,
});
export const refreshRequest = z.strictObject({ refresh_token: z.string().min(1).max(200).meta(refreshExample) });
export const stepUpRequest = z.strictObject({ password: passwordShape.optional(), code: codeShape.optional() });
export const stepUpView = z.strictObject({
  access_token: accessToken,
  token_type: z.literal("Bearer"),
  expires_in: expiresIn,
});
export const meView = z.strictObject({
  member_id: idShape("mem", "Id of the member."),
  tenant_id: idShape("ten", "Id of the organisation."),
  session_id: idShape("ses", "Id of this session."),
  email: emailShape,
  name: z
    .string()
    .max(200)
    .meta({ examples: ["Ada Lovelace"] }),
  role: z.enum(memberRoles),
  locale: z.enum(["en", "fr"]),
  has_totp: z.boolean(),
  recovery_codes_left: z.int().min(0).max(100),
  proved_at: instantShape("When the member last proved who they are"),
});
export const sessionParams = z.strictObject({ id: idShape("ses", "Id of the session.") });
export const sessionList = z.strictObject({
  data: z
    .array(
      z.strictObject({
        session_id: idShape("ses", "Id of the session."),
        is_current: z.boolean(),
        created_at: instantShape("When it began"),
        used_at: instantShape("When it was last refreshed"),
      }),
    )
    .max(200),
});
export const keySet = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        kty: z
          .string()
          .max(10)
          .meta({ examples: ["OKP"] }),
        crv: z
          .string()
          .max(20)
          .meta({ examples: ["Ed25519"] }),
        x: z
          .string()
          .max(100)
          .meta({ examples: ["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"] }),
        kid: z
          .string()
          .max(64)
          .meta({ examples: ["sgk_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"] }),
        use: z
          .string()
          .max(10)
          .meta({ examples: ["sig"] }),
        alg: z
          .string()
          .max(10)
          .meta({ examples: ["EdDSA"] }),
      }),
    )
    .max(20),
});

export type SessionList = z.output<typeof sessionList>;
export type TokensView = z.output<typeof tokensView>;

import { z } from "zod";
import { idShape, instantShape, pageQuery, pageShape } from "../http/body.ts";
import { MAX_NAME, MAX_PASSWORD } from "./member.ts";
import { memberRoles } from "./roles.ts";

const role = z.enum(memberRoles).meta({ description: "What the member may do." });
const locale = z.enum(["en", "fr"]).meta({ description: "Language of mails." });
export const emailShape = z
  .string()
  .min(3)
  .max(254)
  .meta({ examples: ["clerk@example.org"] });
export const passwordShape = z
  .string()
  .min(1)
  .max(MAX_PASSWORD)
  .meta({
    description: "A password. New ones hold 12 characters or more.",
    examples: ["seven quiet herons by the lock"],
  });
export const codeShape = z
  .string()
  .min(6)
  .max(20)
  .regex(/^[0-9A-Za-z -]+$/)
  .meta({ description: "One-time code of six digits, or a recovery code.", examples: ["492039"] });
const linkToken = z
  .string()
  .min(43)
  .max(43)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({
    description: "The end of the link in the mail.",
    examples: ["q3Zt0PdUeK5vYhJ8mR2xWcB7nL4sF6gA9iT1oE-yVu_"],
  });
const nameExample = { examples: ["Ada Lovelace"] };

export const inviteRequest = z.strictObject({
  email: emailShape,
  role: role.default("reader"),
  locale: locale.default("en"),
});
export const invitationView = z.strictObject({
  invitation_id: idShape("inv", "Id of the invitation."),
  email: emailShape,
  role,
  locale,
  invited_by: z
    .string()
    .max(64)
    .meta({
      description: "Id of the member, or what stands for the operator.",
      examples: ["operator"],
    }),
  created_at: instantShape("When it was mailed"),
  expires_at: instantShape("When its link ends"),
});
export const invitationList = pageShape(invitationView);
export const invitationParams = z.strictObject({ id: idShape("inv", "Id of the invitation.") });
export const tenantInvitationParams = z.strictObject({
  id: idShape("ten", "Id of the organisation."),
  invitation_id: idShape("inv", "Id of the invitation."),
});
export const memberParams = z.strictObject({ id: idShape("mem", "Id of the member.") });
export const tenantMemberParams = z.strictObject({
  id: idShape("ten", "Id of the organisation."),
  member_id: idShape("mem", "Id of the member."),
});
export const listQuery = z.strictObject({ ...pageQuery });
export const memberView = z.strictObject({
  member_id: idShape("mem", "Id of the member."),
  email: emailShape,
  name: z.string().max(MAX_NAME).meta(nameExample),
  role,
  state: z.enum(["active", "suspended"]),
  locale,
  has_totp: z.boolean().meta({ description: "Whether signing in asks for a one-time code." }),
  created_at: instantShape("When the invitation was accepted"),
});
export const memberList = pageShape(memberView);
export const changeMemberRequest = z.strictObject({
  role: role.optional(),
  state: z.enum(["active", "suspended"]).optional(),
});

export const acceptRequest = z.strictObject({
  token: linkToken,
  name: z.string().min(1).max(MAX_NAME).meta(nameExample),
  password: passwordShape,
});
export const acceptedView = z.strictObject({
  member_id: idShape("mem", "Id of the member."),
  tenant_id: idShape("ten", "Id of the organisation."),
});
export const resetRequest = z.strictObject({
  email: emailShape,
  tenant_id: idShape("ten", "Where the address belongs to several organisations.").optional(),
});
export const resetAnswer = z.strictObject({ status: z.literal("accepted") });
export const completeResetRequest = z.strictObject({ token: linkToken, password: passwordShape });

export const changePasswordRequest = z.strictObject({ current_password: passwordShape, new_password: passwordShape });
export const totpView = z.strictObject({
  secret: z
    .string()
    .max(64)
    .meta({
      description: "In base 32, for typing. Shown once.",
      examples: ["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
    }),
  otpauth_uri: z
    .string()
    .max(1000)
    .meta({
      description: "For a picture that authenticator apps read.",
      examples: [
        "otpauth://totp/Tabellion:clerk%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Tabellion&algorithm=SHA1&digits=6&period=30",
      ],
    }),
});
export const confirmTotpRequest = z.strictObject({ code: codeShape });
export const recoveryCodesView = z.strictObject({
  recovery_codes: z
    .array(
      z
        .string()
        .max(20)
        .meta({ examples: ["7A2F9C41-4D3B8E06"] }),
    )
    .max(20)
    .meta({ description: "Each works once. Shown once." }),
});

/** Of the pages: which link. */
export const linkParams = z.strictObject({ token: z.string().min(1).max(200) });

export type InvitationView = z.output<typeof invitationView>;
export type InviteRequest = z.output<typeof inviteRequest>;
export type MemberView = z.output<typeof memberView>;
export type ChangeMemberRequest = z.output<typeof changeMemberRequest>;

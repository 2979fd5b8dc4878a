import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const memberErrors = {
  member_not_found: { status: 404, wire: "member_not_found", title: "Member not found", retry: "no" },
  last_owner: { status: 409, wire: "last_owner", title: "An organisation keeps one active owner", retry: "no" },
  owner_needed: { status: 403, wire: "owner_needed", title: "Only an owner can do this to an owner", retry: "no" },
  member_exists: { status: 409, wire: "member_exists", title: "The address belongs to a member", retry: "no" },
  invitation_not_found: { status: 404, wire: "invitation_not_found", title: "Invitation not found", retry: "no" },
  invitation_over: {
    status: 409,
    wire: "invitation_over",
    title: "The invitation was accepted or withdrawn, or its time is over",
    retry: "no",
  },
  link_not_valid: { status: 410, wire: "link_not_valid", title: "The link is used, replaced or over", retry: "no" },
  password_refused: { status: 422, wire: "password_refused", title: "The password cannot be taken", retry: "no" },
  password_guessable: {
    status: 422,
    wire: "password_guessable",
    title: "The password is one of those that are tried first",
    retry: "no",
  },
  code_wrong: {
    status: 422,
    wire: "code_wrong",
    title: "Code or password is wrong, or the code was used",
    retry: "later",
  },
  totp_not_pending: { status: 409, wire: "totp_not_pending", title: "No one-time codes to confirm", retry: "no" },
  totp_confirmed: { status: 409, wire: "totp_confirmed", title: "One-time codes are on already", retry: "no" },
} as const satisfies ErrorTable;

export const memberError = errorsOf("members", memberErrors);

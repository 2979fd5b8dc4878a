import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { tenantErrors } from "../tenants/errors.ts";
import { memberErrors as errors } from "./errors.ts";
import { invitationRoutes } from "./invitation-routes.ts";
import type { EndSessions } from "./member.ts";
import { confirmTotp, disableTotp, enrolTotp, renewRecoveryCodes } from "./operations/codes.ts";
import { changeMember, listMembers, removeMember } from "./operations/members.ts";
import { changePassword, type PasswordTools } from "./operations/passwords.ts";
import * as schema from "./schema.ts";
import { tenantParams } from "../tenants/schema.ts";

const route = routeFor<Call>();
const TAG = "People";
const ACCOUNT = "Account";
const SELF = ["self"] as const;
const list = { kind: "json", status: 200, schema: schema.memberList, description: "Members, oldest first." } as const;
const view = { kind: "json", status: 200, schema: schema.memberView, description: "The member." } as const;
const codes = { kind: "json", status: 200, schema: schema.recoveryCodesView, description: "Recovery codes." } as const;
const changeErrors = [errors.member_not_found, errors.last_owner, errors.owner_needed];

/** An organisation's people, as its members manage them, and as the operator of the server does. */
export function memberRoutes(endSessions: EndSessions): Route<Call>[] {
  return [...invitationRoutes(), ...ownRoutes(endSessions), ...operatorRoutes(endSessions)];
}

function ownRoutes(endSessions: EndSessions): Route<Call>[] {
  return [
    route({
      operation: "listMembers",
      method: "GET",
      paths: ["/v1/members"],
      scopes: ["members:read"],
      tag: TAG,
      summary: "List members",
      query: schema.listQuery,
      answer: list,
      errors: [],
      handle: (call, { query }) => listMembers(call, query),
    }),
    route({
      operation: "changeMember",
      method: "PATCH",
      paths: ["/v1/members/{id}"],
      scopes: ["members:manage"],
      tag: TAG,
      summary: "Change a member's role, suspend or resume",
      description: "Takes effect on every process within a second. One active owner stays.",
      params: schema.memberParams,
      body: { kind: "json", schema: schema.changeMemberRequest },
      answer: view,
      errors: [...changeErrors],
      needsStepUp: true,
      examples: { request: { role: "auditor" } },
      handle: (call, { params, body }) => changeMember(call, params.id, body, endSessions),
    }),
    route({
      operation: "removeMember",
      method: "DELETE",
      paths: ["/v1/members/{id}"],
      scopes: ["members:manage"],
      tag: TAG,
      summary: "Remove a member",
      params: schema.memberParams,
      answer: { kind: "empty", status: 204, description: "Removed." },
      errors: [...changeErrors],
      needsStepUp: true,
      handle: (call, { params }) => removeMember(call, params.id, endSessions),
    }),
  ];
}

function operatorRoutes(endSessions: EndSessions): Route<Call>[] {
  const common = { scopes: ["operator"], tag: TAG } as const;
  return [
    route({
      ...common,
      operation: "listTenantMembers",
      method: "GET",
      paths: ["/v1/tenants/{id}/members"],
      summary: "List an organisation's members",
      params: tenantParams,
      query: schema.listQuery,
      answer: list,
      errors: [tenantErrors.tenant_not_found],
      handle: (call, { query }) => listMembers(call, query),
    }),
    route({
      ...common,
      operation: "changeTenantMember",
      method: "PATCH",
      paths: ["/v1/tenants/{id}/members/{member_id}"],
      summary: "Change the role of an organisation's member, suspend or resume",
      params: schema.tenantMemberParams,
      body: { kind: "json", schema: schema.changeMemberRequest },
      answer: view,
      errors: [tenantErrors.tenant_not_found, errors.member_not_found, errors.last_owner],
      examples: { request: { state: "suspended" } },
      handle: (call, { params, body }) => changeMember(call, params.member_id, body, endSessions),
    }),
    route({
      ...common,
      operation: "removeTenantMember",
      method: "DELETE",
      paths: ["/v1/tenants/{id}/members/{member_id}"],
      summary: "Remove an organisation's member",
      params: schema.tenantMemberParams,
      answer: { kind: "empty", status: 204, description: "Removed." },
      errors: [tenantErrors.tenant_not_found, errors.member_not_found, errors.last_owner],
      handle: (call, { params }) => removeMember(call, params.member_id, endSessions),
    }),
  ];
}

/** A member's own account. */
export function accountRoutes(tools: PasswordTools): Route<Call>[] {
  const stepUp = { needsStepUp: true, scopes: SELF, tag: ACCOUNT } as const;
  return [
    route({
      operation: "changePassword",
      method: "POST",
      paths: ["/v1/auth/password"],
      scopes: SELF,
      tag: ACCOUNT,
      summary: "Change one's password; every other session ends",
      body: { kind: "json", schema: schema.changePasswordRequest },
      answer: { kind: "empty", status: 204, description: "Changed." },
      errors: [errors.password_refused, errors.password_guessable, errors.member_not_found],
      handle: (call, { body }) => changePassword(call, tools, body),
    }),
    route({
      ...stepUp,
      operation: "enrolTotp",
      method: "POST",
      paths: ["/v1/auth/totp"],
      summary: "Ask for a secret for one-time codes",
      description: "They are asked for from the moment a code of it was confirmed.",
      answer: { kind: "json", status: 201, schema: schema.totpView, description: "The secret, shown once." },
      errors: [errors.totp_confirmed, errors.totp_not_pending, errors.member_not_found],
      isAnswerSecret: true,
      handle: (call) => enrolTotp(call),
    }),
    route({
      operation: "confirmTotp",
      method: "POST",
      paths: ["/v1/auth/totp/confirm"],
      scopes: SELF,
      tag: ACCOUNT,
      summary: "Turn one-time codes on by showing one",
      body: { kind: "json", schema: schema.confirmTotpRequest },
      answer: codes,
      errors: [errors.totp_confirmed, errors.totp_not_pending, errors.code_wrong, errors.member_not_found],
      isAnswerSecret: true,
      handle: (call, { body }) => confirmTotp(call, tools.throttle, body.code),
    }),
    route({
      ...stepUp,
      operation: "disableTotp",
      method: "DELETE",
      paths: ["/v1/auth/totp"],
      summary: "Turn one-time codes off",
      answer: { kind: "empty", status: 204, description: "Off." },
      errors: [errors.totp_not_pending, errors.member_not_found],
      handle: (call) => disableTotp(call),
    }),
    route({
      ...stepUp,
      operation: "renewRecoveryCodes",
      method: "POST",
      paths: ["/v1/auth/recovery-codes"],
      summary: "Get new recovery codes; those from before are void",
      answer: codes,
      errors: [errors.totp_not_pending, errors.member_not_found],
      isAnswerSecret: true,
      handle: (call) => renewRecoveryCodes(call),
    }),
  ];
}

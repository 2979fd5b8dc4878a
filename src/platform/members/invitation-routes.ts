import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { tenantErrors } from "../tenants/errors.ts";
import { tenantParams } from "../tenants/schema.ts";
import { memberErrors as errors } from "./errors.ts";
import { inviteMember, listInvitations, withdrawInvitation } from "./operations/invitations.ts";
import * as schema from "./schema.ts";

const route = routeFor<Call>();
const TAG = "People";
const made = {
  kind: "json",
  status: 201,
  schema: schema.invitationView,
  description: "The invitation. Its link is in the mail alone.",
} as const;
const list = {
  kind: "json",
  status: 200,
  schema: schema.invitationList,
  description: "Invitations that can still be accepted, oldest first.",
} as const;
const withdrawn = { kind: "empty", status: 204, description: "Withdrawn; its link is dead." } as const;
const withdrawErrors = [errors.invitation_not_found, errors.invitation_over];
const inviteExample = { email: "clerk@example.org", role: "operator", locale: "fr" };

/** Invitations, as members manage them, and as the operator of the server does. */
export function invitationRoutes(): Route<Call>[] {
  return [...ownRoutes(), ...operatorRoutes()];
}

function ownRoutes(): Route<Call>[] {
  return [
    route({
      operation: "inviteMember",
      method: "POST",
      paths: ["/v1/members/invitations"],
      scopes: ["members:manage"],
      tag: TAG,
      summary: "Invite somebody by mail",
      body: { kind: "json", schema: schema.inviteRequest },
      answer: made,
      errors: [errors.member_exists, errors.owner_needed],
      needsStepUp: true,
      examples: { request: inviteExample },
      handle: (call, { body }) => inviteMember(call, body),
    }),
    route({
      operation: "listInvitations",
      method: "GET",
      paths: ["/v1/members/invitations"],
      scopes: ["members:read"],
      tag: TAG,
      summary: "List pending invitations",
      query: schema.listQuery,
      answer: list,
      errors: [],
      handle: (call, { query }) => listInvitations(call, query),
    }),
    route({
      operation: "withdrawInvitation",
      method: "DELETE",
      paths: ["/v1/members/invitations/{id}"],
      scopes: ["members:manage"],
      tag: TAG,
      summary: "Withdraw a pending invitation",
      params: schema.invitationParams,
      answer: withdrawn,
      errors: [...withdrawErrors, errors.owner_needed],
      needsStepUp: true,
      handle: (call, { params }) => withdrawInvitation(call, params.id),
    }),
  ];
}

function operatorRoutes(): Route<Call>[] {
  const common = { scopes: ["operator"], tag: TAG } as const;
  return [
    route({
      ...common,
      operation: "inviteTenantMember",
      method: "POST",
      paths: ["/v1/tenants/{id}/invitations"],
      summary: "Invite somebody to an organisation: its first owner",
      params: tenantParams,
      body: { kind: "json", schema: schema.inviteRequest },
      answer: made,
      errors: [tenantErrors.tenant_not_found, errors.member_exists],
      examples: { request: { ...inviteExample, role: "owner" } },
      handle: (call, { body }) => inviteMember(call, body),
    }),
    route({
      ...common,
      operation: "listTenantInvitations",
      method: "GET",
      paths: ["/v1/tenants/{id}/invitations"],
      summary: "List an organisation's pending invitations",
      params: tenantParams,
      query: schema.listQuery,
      answer: list,
      errors: [tenantErrors.tenant_not_found],
      handle: (call, { query }) => listInvitations(call, query),
    }),
    route({
      ...common,
      operation: "withdrawTenantInvitation",
      method: "DELETE",
      paths: ["/v1/tenants/{id}/invitations/{invitation_id}"],
      summary: "Withdraw an organisation's pending invitation",
      params: schema.tenantInvitationParams,
      answer: withdrawn,
      errors: [tenantErrors.tenant_not_found, ...withdrawErrors],
      handle: (call, { params }) => withdrawInvitation(call, params.invitation_id),
    }),
  ];
}

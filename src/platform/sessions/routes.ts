import { routeFor, type Route } from "../http/route.ts";
import { memberErrors } from "../members/errors.ts";
import { nameOf } from "../members/member.ts";
import { ownAccount } from "../members/operations/passwords.ts";
import { countRecoveryCodes } from "../members/store/members.ts";
import type { Call, OpenCall } from "../product.ts";
import { sessionErrors as errors } from "./errors.ts";
import { endOwnSession, listOwnSessions } from "./own-sessions.ts";
import * as schema from "./schema.ts";
import { logIn, logInByCode, refresh, stepUp, type SignInTools } from "./sign-in.ts";
import type { SigningKeys } from "./signing-keys.ts";

const route = routeFor<Call>();
const openRoute = routeFor<OpenCall>();
const TAG = "Account";
const SELF = ["self"] as const;
const tokens = { kind: "json", status: 200, schema: schema.tokensView, description: "The tokens." } as const;

/** Routes that ask for no token: they give one. */
export function signInRoutes(tools: SignInTools, keys: SigningKeys): Route<OpenCall>[] {
  return [
    openRoute({
      operation: "logIn",
      method: "POST",
      paths: ["/v1/auth/login"],
      scopes: null,
      tag: TAG,
      summary: "Sign in with address and password",
      description: "Answers tokens, or `mfa_required` where one-time codes are on.",
      body: { kind: "json", schema: schema.loginRequest },
      answer: { kind: "json", status: 200, schema: schema.loginView, description: "Tokens, or what is asked next." },
      errors: [errors.login_failed],
      handle: (call, { body }) => logIn(call, tools, body),
    }),
    openRoute({
      operation: "logInByCode",
      method: "POST",
      paths: ["/v1/auth/login/totp"],
      scopes: null,
      tag: TAG,
      summary: "Finish signing in with a one-time code or a recovery code",
      body: { kind: "json", schema: schema.codeRequest },
      answer: tokens,
      errors: [errors.login_failed, errors.code_failed],
      handle: (call, { body }) => logInByCode(call, tools, body),
    }),
    openRoute({
      operation: "refresh",
      method: "POST",
      paths: ["/v1/auth/refresh"],
      scopes: null,
      tag: TAG,
      summary: "Spend a refresh token for the next tokens",
      description: "A token that was spent and is shown again, later or by somebody else, ends the session.",
      body: { kind: "json", schema: schema.refreshRequest },
      answer: tokens,
      errors: [errors.session_ended],
      handle: (call, { body, headers }) => refresh(call, tools, { ...body, userAgent: headers["user-agent"] ?? "" }),
    }),
    openRoute({
      operation: "listAccessKeys",
      method: "GET",
      paths: ["/.well-known/jwks.json"],
      scopes: null,
      tag: TAG,
      summary: "Public keys that access tokens are signed with",
      answer: { kind: "json", status: 200, schema: schema.keySet, description: "A JSON Web Key Set (RFC 7517)." },
      errors: [],
      handle: async () => {
        const { keys: published } = await keys.published();
        return {
          keys: published.map(({ kty = "", crv = "", x = "", kid = "", use = "", alg = "" }) => ({
            ...{ kty, crv, x, kid, use, alg },
          })),
        };
      },
    }),
  ];
}

/** Routes of a member who is signed in. */
export function sessionRoutes(tools: SignInTools): Route<Call>[] {
  return [getMeRoute(), listSessionsRoute(), endSessionRoute(tools), logOutRoute(tools), stepUpRoute(tools)];
}

function getMeRoute(): Route<Call> {
  return route({
    operation: "getMe",
    method: "GET",
    paths: ["/v1/auth/me"],
    scopes: SELF,
    tag: TAG,
    summary: "Who is signed in",
    answer: { kind: "json", status: 200, schema: schema.meView, description: "The member." },
    errors: [memberErrors.member_not_found],
    async handle(call) {
      const { row, email, sessionId } = await ownAccount(call);
      const { tenantId, member } = call.caller;
      const left = await call.read((tx) => countRecoveryCodes(tx, tenantId, row.id));
      return {
        member_id: row.id,
        tenant_id: tenantId,
        session_id: sessionId,
        email,
        name: nameOf(call.keys, row),
        role: row.role,
        locale: row.locale,
        has_totp: row.totp_confirmed_at !== null,
        recovery_codes_left: left,
        proved_at: (member?.provedAt ?? call.now).toISOString(),
      };
    },
  });
}

function listSessionsRoute(): Route<Call> {
  return route({
    operation: "listSessions",
    method: "GET",
    paths: ["/v1/auth/sessions"],
    scopes: SELF,
    tag: TAG,
    summary: "List one's own sessions",
    answer: { kind: "json", status: 200, schema: schema.sessionList, description: "Living sessions, newest first." },
    errors: [],
    handle: (call) => listOwnSessions(call),
  });
}

function endSessionRoute(tools: SignInTools): Route<Call> {
  return route({
    operation: "endSession",
    method: "DELETE",
    paths: ["/v1/auth/sessions/{id}"],
    scopes: SELF,
    tag: TAG,
    summary: "End one of one's own sessions",
    description: "Takes effect on every process within a second.",
    params: schema.sessionParams,
    answer: { kind: "empty", status: 204, description: "Ended." },
    errors: [errors.session_not_found],
    handle: (call, { params }) => endOwnSession(call, params.id, "platform.endSession", tools.tokens),
  });
}

function logOutRoute(tools: SignInTools): Route<Call> {
  return route({
    operation: "logOut",
    method: "POST",
    paths: ["/v1/auth/logout"],
    scopes: SELF,
    tag: TAG,
    summary: "Sign out: end this session",
    answer: { kind: "empty", status: 204, description: "Ended." },
    errors: [errors.session_not_found],
    handle: (call) => endOwnSession(call, call.caller.member?.sessionId ?? "", "platform.logOut", tools.tokens),
  });
}

function stepUpRoute(tools: SignInTools): Route<Call> {
  return route({
    operation: "stepUp",
    method: "POST",
    paths: ["/v1/auth/step-up"],
    scopes: SELF,
    tag: TAG,
    summary: "Prove again who is at the keyboard, for what needs it",
    description: "By `code` where one-time codes are on, else by `password`. Holds for five minutes.",
    body: { kind: "json", schema: schema.stepUpRequest },
    answer: { kind: "json", status: 200, schema: schema.stepUpView, description: "A token that says so." },
    errors: [memberErrors.code_wrong, memberErrors.member_not_found],
    isAnswerSecret: true,
    handle: (call, { body }) => stepUp(call, tools, body),
  });
}

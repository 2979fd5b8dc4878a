import { routeFor, type AboutRequest, type RefusedRequest, type Route } from "../../platform/http/route.ts";
import type { Call, OpenCall, Services } from "../../platform/product.ts";
import type { App } from "./app.ts";
import { ssksErrors as errors } from "./errors.ts";
import type { AppLookup } from "./operations/app-lookup.ts";
import { aboutBack, MAX_USER_ID_CHARACTERS, userNamedIn, type FrontCall } from "./operations/acts.ts";
import { sendChallenge } from "./operations/challenges.ts";
import { getFactorToken, listFactorTokenKeys } from "./operations/factor-tokens.ts";
import { pushIdentity, searchIdentity } from "./operations/identities.ts";
import { validateChallenge } from "./operations/proving.ts";
import { isHeldBack, type Held, type HeldBack } from "./operations/held-back.ts";
import { frontUserIn, noteRefusedFront } from "./operations/refusals.ts";
import { pushSlot, searchSlot } from "./operations/slots.ts";
import { checkFactor, checkIdentities, checkSlots, createUser, deleteSlots, deleteUser } from "./operations/users.ts";
import { backContract, passwordContract, sessionContract } from "./published-contract.ts";
import * as schema from "./schema.ts";

const route = routeFor<Call>();
const openRoute = routeFor<OpenCall>();

type Headers = Readonly<Record<string, string | undefined>>;

/** UUIDs have one spelling here, however they are given. */
const appIdOf = (headers: Headers): string => headers["x-seald-appid"]?.toLowerCase() ?? "";

const BACK = { method: "POST", scopes: [], foreign: backContract } as const;
const TWO_MAN_RULE = "Two-man-rule";
const PASSWORD = "Password";
const pairExample = { user_id: "user-1234", auth_factor: { type: "EM", value: "user@example.com" } };
const sessionExample = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";

/** What an application's own server calls. */
export function backRoutes(apps: AppLookup, { keyring }: Pick<Services, "keyring">, heldBack: HeldBack): Route<Call>[] {
  const appOf = async (headers: Headers): Promise<App> => (await apps.find(appIdOf(headers))).app;
  const about = ({ headers, body }: RefusedRequest): Promise<AboutRequest> =>
    aboutBack({ apps, keyring }, appIdOf(headers), body);
  return [...challengeRoutes(appOf), ...userRoutes(appOf), ...strictRoutes(appOf)].map((each): Route<Call> => ({
    ...each,
    about,
    handle: (call, input) =>
      countHeldBack(heldBack, () => each.handle(call, input), {
        appId: appIdOf(input.headers),
        operation: each.operation,
        userId: userNamedIn(input.body, MAX_USER_ID_CHARACTERS),
        actor: { type: "token", id: call.caller.credentialId },
        at: call.now,
      }),
  }));
}

async function countHeldBack<T>(heldBack: HeldBack, work: () => Promise<T>, held: Held): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isHeldBack(error)) heldBack.note(held);
    throw error;
  }
}

type AppOf = (headers: Headers) => Promise<App>;

function challengeRoutes(appOf: AppOf): Route<Call>[] {
  return [
    route({
      ...BACK,
      operation: "sendChallenge",
      paths: ["/tmr/back/challenge_send/"],
      tag: TWO_MAN_RULE,
      summary: "Open a session of a user, and send a challenge where it needs one",
      description:
        "The challenge goes to the user by mail or text message, and is in no answer. It is good for six hours, once, and for " +
        "five tries. A new session ends the one before of the same user and factor.",
      body: { kind: "json", schema: schema.challengeSendRequest },
      answer: { kind: "json", status: 200, schema: schema.challengeSendResponse, description: "The session." },
      errors: [errors.user_not_found, errors.sms_quota, errors.fake_challenge_forbidden, errors.throttled],
      examples: {
        request: {
          ...pairExample,
          create_user: true,
          template: "<p>Your code: $$CHALLENGE$$</p>",
          subject: "Your code",
        },
        answer: { session_id: sessionExample, must_authenticate: true },
      },
      handle: async (call, { body, headers }) => sendChallenge(call, await appOf(headers), body),
    }),
    route({
      ...BACK,
      operation: "checkFactor",
      paths: ["/tmr/back/must_authenticate/"],
      tag: TWO_MAN_RULE,
      summary: "Whether a session with this factor would need a challenge",
      description: "Nothing is sent.",
      body: { kind: "json", schema: schema.mustAuthenticateRequest },
      answer: { kind: "json", status: 200, schema: schema.mustAuthenticateResponse, description: "Whether it would." },
      errors: [],
      examples: { request: { type: "SMS", value: "+12065550100" }, answer: { must_authenticate: false } },
      handle: async (call, { body, headers }) => checkFactor(call, await appOf(headers), body),
    }),
  ];
}

function userRoutes(appOf: AppOf): Route<Call>[] {
  return [
    route({
      ...BACK,
      operation: "createUser",
      paths: ["/tmr/back/create_user/"],
      tag: TWO_MAN_RULE,
      summary: "Make a user for whom nothing is stored yet",
      description: "Again for the same user and factor changes nothing.",
      body: { kind: "json", schema: schema.pairRequest },
      answer: { kind: "json", status: 200, schema: schema.doneResponse, description: "The user is there." },
      errors: [],
      examples: { request: pairExample, answer: { status: "ok" } },
      handle: async (call, { body, headers }) => createUser(call, await appOf(headers), body),
    }),
    route({
      ...BACK,
      operation: "deleteUser",
      paths: ["/tmr/back/delete_user/"],
      tag: TWO_MAN_RULE,
      summary: "Delete a user with sessions and identities",
      description:
        "With `auth_factor`, the user who has that factor alone. What is kept under passwords is not touched.",
      body: { kind: "json", schema: schema.pairRequest },
      answer: { kind: "json", status: 200, schema: schema.deletedResponse, description: "It is gone." },
      errors: [],
      examples: { request: { user_id: "user-1234" }, answer: { status: "ok", deleted: 1 } },
      handle: async (call, { body, headers }) => deleteUser(call, await appOf(headers), body),
    }),
    route({
      ...BACK,
      operation: "checkIdentities",
      paths: ["/tmr/back/identity_check/"],
      tag: TWO_MAN_RULE,
      summary: "How many identities of a user are stored",
      body: { kind: "json", schema: schema.identityCheckRequest },
      answer: {
        kind: "json",
        status: 200,
        schema: schema.countResponse,
        description: "The count; 0 for no such user.",
      },
      errors: [],
      examples: {
        request: { user_id: "user-1234" },
        answer: { identities_count: 1, user: { user_id: "user-1234", app_id: sessionExample } },
      },
      handle: async (call, { body, headers }) => checkIdentities(call, await appOf(headers), body),
    }),
  ];
}

function strictRoutes(appOf: AppOf): Route<Call>[] {
  return [
    route({
      ...BACK,
      operation: "checkSlots",
      paths: ["/strict/back/identity_check/"],
      tag: PASSWORD,
      summary: "How many identities of a user are stored under passwords",
      body: { kind: "json", schema: schema.userRequest },
      answer: {
        kind: "json",
        status: 200,
        schema: schema.countResponse,
        description: "The count; 0 for no such user.",
      },
      errors: [],
      examples: {
        request: { user_id: "user-1234" },
        answer: { identities_count: 1, user: { user_id: "user-1234", app_id: sessionExample } },
      },
      handle: async (call, { body, headers }) => checkSlots(call, await appOf(headers), body.user_id),
    }),
    route({
      ...BACK,
      operation: "deleteSlots",
      paths: ["/strict/back/identity_delete/"],
      tag: PASSWORD,
      summary: "Delete all that a user has stored under passwords",
      body: { kind: "json", schema: schema.userRequest },
      answer: { kind: "json", status: 200, schema: schema.doneResponse, description: "It is gone." },
      errors: [],
      examples: { request: { user_id: "user-1234" }, answer: { status: "ok" } },
      handle: async (call, { body, headers }) => deleteSlots(call, await appOf(headers), body.user_id),
    }),
  ];
}

/** What an application's pages and programs call. There is no token: the session, or what was derived from a password, proves who. */
export function frontRoutes(apps: AppLookup, heldBack: HeldBack): Route<OpenCall>[] {
  const front = async (call: OpenCall, headers: Headers): Promise<FrontCall> => {
    const version = headers["x-seald-version"]?.slice(0, MAX_VERSION_CHARACTERS);
    call.log.debug({ client: version }, "a client of SSKS");
    return { call, ...(await apps.find(appIdOf(headers))) };
  };
  const foreign = [...sessionRoutes(front), factorTokenRoute(front), ...passwordRoutes(front)].map(
    (each): Route<OpenCall> => ({
      ...each,
      noteRefused: (call, { headers, body }, error) =>
        noteRefusedFront({ apps, operation: each.operation }, call, { appId: appIdOf(headers), body, error }),
      handle: (call, input) =>
        countHeldBack(heldBack, () => each.handle(call, input), {
          appId: appIdOf(input.headers),
          operation: each.operation,
          userId: frontUserIn(each.operation, input.body),
          actor: { type: "visitor", id: appIdOf(input.headers) },
          at: call.now,
        }),
    }),
  );
  return [...foreign, tokenKeysRoute()];
}

const MAX_VERSION_CHARACTERS = 100;

type Front = (call: OpenCall, headers: Headers) => Promise<FrontCall>;

const SESSION = { method: "POST", scopes: null, foreign: sessionContract, tag: TWO_MAN_RULE } as const;
const sessionOf = (headers: Headers): string | undefined => headers["x-seald-session"]?.toLowerCase();

function sessionRoutes(front: Front): Route<OpenCall>[] {
  return [
    openRoute({
      ...SESSION,
      operation: "validateChallenge",
      paths: ["/tmr/front/challenge_validate/"],
      summary: "Prove to have the factor, by the challenge that was sent to it",
      description:
        "The session ends; `new_id` is the one that goes on. The fifth wrong challenge ends it without another.",
      body: { kind: "json", schema: schema.challengeValidateRequest },
      answer: { kind: "json", status: 200, schema: schema.challengeValidateResponse, description: "The new session." },
      errors: [errors.session_not_found, errors.challenge_wrong, errors.throttled],
      examples: { request: { challenge: "abcd2345", auth_factor: pairExample.auth_factor } },
      handle: async (call, { body, headers }) =>
        validateChallenge(await front(call, headers), sessionOf(headers), body),
    }),
    openRoute({
      ...SESSION,
      operation: "pushIdentity",
      paths: ["/tmr/front/push/"],
      summary: "Store the identity of the session's user",
      description: "In place of the one before, whose `id` it keeps.",
      body: { kind: "json", schema: schema.identityPushRequest },
      answer: { kind: "json", status: 200, schema: schema.storedResponse, description: "It is stored." },
      errors: [errors.session_not_found, errors.session_not_authenticated, errors.factor_differs, errors.throttled],
      handle: async (call, { body, headers }) => pushIdentity(await front(call, headers), sessionOf(headers), body),
    }),
    openRoute({
      ...SESSION,
      operation: "searchIdentity",
      paths: ["/tmr/front/search/"],
      summary: "Get back the identity of the session's user",
      description: "Needs a session that is authenticated. There is no body.",
      answer: { kind: "json", status: 200, schema: schema.identityResponse, description: "What was stored." },
      errors: [errors.session_not_found, errors.identity_not_found, errors.session_not_authenticated, errors.throttled],
      handle: async (call, { headers }) => searchIdentity(await front(call, headers), sessionOf(headers)),
    }),
  ];
}

function factorTokenRoute(front: Front): Route<OpenCall> {
  return openRoute({
    ...SESSION,
    operation: "getFactorToken",
    paths: ["/tmr/front/get_factor_token/"],
    summary: "A signed statement that the session's user has this factor",
    description:
      "A JWT signed with EdDSA; its keys are at `/v1/ssks/.well-known/jwks.json`. Needs a session that is authenticated.",
    body: { kind: "json", schema: schema.factorTokenRequest },
    answer: { kind: "json", status: 200, schema: schema.factorTokenResponse, description: "The token." },
    errors: [errors.session_not_found, errors.session_not_authenticated, errors.factor_differs, errors.throttled],
    handle: async (call, { body, headers }) => getFactorToken(await front(call, headers), sessionOf(headers), body),
  });
}

const PASSWORD_ROUTE = { method: "POST", scopes: null, foreign: passwordContract, tag: PASSWORD } as const;

function passwordRoutes(front: Front): Route<OpenCall>[] {
  return [
    openRoute({
      ...PASSWORD_ROUTE,
      operation: "pushSlot",
      paths: ["/push/"],
      summary: "Store an identity under a password",
      description:
        "In place of what is stored under the same secret, whose `id` it keeps; another secret is another slot.",
      body: { kind: "json", schema: schema.slotPushRequest },
      answer: { kind: "json", status: 200, schema: schema.storedResponse, description: "It is stored." },
      errors: [errors.too_many_slots, errors.throttled],
      handle: async (call, { body, headers }) => pushSlot(await front(call, headers), body),
    }),
    openRoute({
      ...PASSWORD_ROUTE,
      operation: "searchSlot",
      paths: ["/search/"],
      summary: "Get back an identity by its password",
      description:
        "What is not found uses up a budget of the user at that address, and wider ones; only time fills them again.",
      body: { kind: "json", schema: schema.slotSearchRequest },
      answer: { kind: "json", status: 200, schema: schema.slotResponse, description: "What was stored." },
      errors: [errors.password_user_not_found, errors.password_wrong, errors.throttled],
      handle: async (call, { body, headers }) => searchSlot(await front(call, headers), body),
    }),
  ];
}

function tokenKeysRoute(): Route<OpenCall> {
  return openRoute({
    operation: "listFactorTokenKeys",
    method: "GET",
    paths: ["/v1/ssks/.well-known/jwks.json"],
    scopes: null,
    tag: TWO_MAN_RULE,
    summary: "Public keys of factor tokens",
    answer: { kind: "json", status: 200, schema: schema.tokenKeys, description: "A JSON Web Key Set (RFC 7517)." },
    errors: [],
    handle: (call) => listFactorTokenKeys(call.services),
  });
}

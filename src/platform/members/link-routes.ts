import type { Readable } from "node:stream";
import { AppError, isAppError } from "../errors/errors.ts";
import { isCrossSite, readForm } from "../http/form.ts";
import { languageOf } from "../http/language.ts";
import { firstOf, linkQuery } from "../http/link-query.ts";
import { routeFor, type RawAnswer, type Route } from "../http/route.ts";
import type { OpenCall } from "../product.ts";
import { memberErrors as errors } from "./errors.ts";
import type { MemberLocale } from "./member.ts";
import { acceptInvitation, noteLook, openInvitation } from "./operations/invitations.ts";
import { completeReset, requestReset, type PasswordTools } from "./operations/passwords.ts";
import { memberPageStyle, renderMemberPage, type MemberPage, type WrongField } from "./pages.ts";
import * as schema from "./schema.ts";

const route = routeFor<OpenCall>();
const TAG = "Account";
/** A name of 200 characters and a password of 256, percent-encoded. */
const MAX_FORM_BYTES = 16_384;
const page = { kind: "raw", status: 200, contentType: "text/html", description: "The page." } as const;
const hidden = {
  scopes: null,
  tag: TAG,
  params: schema.linkParams,
  query: linkQuery,
  answer: page,
  errors: [],
  isHidden: true,
} as const;
const formBody = { kind: "stream", description: "`application/x-www-form-urlencoded`." } as const;

/** What a mailed link lets do, for programs and for people. */
export function linkRoutes(tools: PasswordTools): Route<OpenCall>[] {
  return [...restRoutes(tools), ...invitePage(tools), ...resetPage(tools), styleRoute()];
}

function restRoutes(tools: PasswordTools): Route<OpenCall>[] {
  return [
    route({
      operation: "acceptInvitation",
      method: "POST",
      paths: ["/v1/auth/invitations/accept"],
      scopes: null,
      tag: TAG,
      summary: "Accept an invitation",
      body: { kind: "json", schema: schema.acceptRequest },
      answer: { kind: "json", status: 201, schema: schema.acceptedView, description: "The member." },
      errors: [errors.link_not_valid, errors.member_exists, errors.password_refused, errors.password_guessable],
      handle: (call, { body }) => acceptInvitation(call, tools, body),
    }),
    route({
      operation: "requestPasswordReset",
      method: "POST",
      paths: ["/v1/auth/password-reset"],
      scopes: null,
      tag: TAG,
      summary: "Ask for a mail with a link to choose a new password",
      description: "The answer is the same whether the address belongs to anybody.",
      body: { kind: "json", schema: schema.resetRequest },
      answer: { kind: "json", status: 202, schema: schema.resetAnswer, description: "Taken." },
      errors: [],
      async handle(call, { body }) {
        await requestReset(call, tools.throttle, body);
        return { status: "accepted" as const };
      },
    }),
    route({
      operation: "completePasswordReset",
      method: "POST",
      paths: ["/v1/auth/password-reset/complete"],
      scopes: null,
      tag: TAG,
      summary: "Choose a new password by a mailed link; every session ends",
      body: { kind: "json", schema: schema.completeResetRequest },
      answer: { kind: "empty", status: 204, description: "Changed." },
      errors: [errors.link_not_valid, errors.password_refused, errors.password_guessable],
      handle: (call, { body }) => completeReset(call, tools, body),
    }),
  ];
}

function invitePage(tools: PasswordTools): Route<OpenCall>[] {
  const show = async (call: OpenCall, token: string, typed: { name: string; wrong: WrongField | null }) => {
    const { organisation, email } = await openInvitation(call, token);
    return { kind: "invite", organisation, email, ...typed } as const;
  };
  return [
    route({
      ...hidden,
      operation: "getInvitePage",
      method: "GET",
      paths: ["/invite/{token}"],
      summary: "Page of an invitation",
      handle: (call, { params, query, headers }) =>
        shown(languageOf(headers, firstOf(query.lang)), async () => {
          await noteLook(call, tools.throttle, { token: params.token, purpose: "invitation" });
          return show(call, params.token, { name: "", wrong: null });
        }),
    }),
    route({
      ...hidden,
      operation: "actOnInvitePage",
      method: "POST",
      paths: ["/invite/{token}"],
      summary: "The form of that page",
      body: formBody,
      handle: (call, { params, query, headers, stream }) =>
        shown(languageOf(headers, firstOf(query.lang)), async () => {
          const form = await ownForm(call, headers, stream);
          if (form === null) return { kind: "refused" };
          const name = form.get("name") ?? "";
          const request = { token: params.token, name, password: form.get("password") ?? "" };
          const wrong = await wrongOf(acceptInvitation(call, tools, request));
          return wrong === null ? { kind: "accepted" } : show(call, params.token, { name, wrong });
        }),
    }),
  ];
}

function resetPage(tools: PasswordTools): Route<OpenCall>[] {
  return [
    route({
      ...hidden,
      operation: "getResetPage",
      method: "GET",
      paths: ["/reset/{token}"],
      summary: "Page to choose a new password",
      handle: (call, { params, query, headers }) =>
        shown(languageOf(headers, firstOf(query.lang)), async () => {
          await noteLook(call, tools.throttle, { token: params.token, purpose: "reset" });
          return { kind: "reset", wrong: null };
        }),
    }),
    route({
      ...hidden,
      operation: "actOnResetPage",
      method: "POST",
      paths: ["/reset/{token}"],
      summary: "The form of that page",
      body: formBody,
      handle: (call, { params, query, headers, stream }) =>
        shown(languageOf(headers, firstOf(query.lang)), async () => {
          const form = await ownForm(call, headers, stream);
          if (form === null) return { kind: "refused" };
          const request = { token: params.token, password: form.get("password") ?? "" };
          const wrong = await wrongOf(completeReset(call, tools, request));
          return wrong === null ? { kind: "saved" } : { kind: "reset", wrong };
        }),
    }),
  ];
}

function styleRoute(): Route<OpenCall> {
  return route({
    operation: "getPageStyle",
    method: "GET",
    paths: ["/v1/platform/pages.css"],
    scopes: null,
    tag: TAG,
    summary: "Style of these pages",
    answer: { kind: "raw", status: 200, contentType: "text/css", description: "The style sheet." },
    errors: [],
    isHidden: true,
    handle: async () => memberPageStyle(),
  });
}

async function ownForm(
  call: OpenCall,
  headers: Readonly<Record<string, string | undefined>>,
  stream: Readable | null,
): Promise<URLSearchParams | null> {
  if (stream === null) throw new Error("a stream route was called without a stream");
  const form = await readForm(stream, MAX_FORM_BYTES);
  return isCrossSite(headers, call.services.publicUrl()) ? null : form;
}

/** Which field is to be typed again, or null when it was taken. */
async function wrongOf(work: Promise<unknown>): Promise<WrongField | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (isAppError(error, "members", "password_refused")) return "password";
    if (isAppError(error, "members", "password_guessable")) return "guessable";
    if (isAppError(error, "platform", "validation_failed")) return "name";
    throw error;
  }
}

/** The page, or the page that says why there is none. */
async function shown(locale: MemberLocale, draw: () => Promise<MemberPage>): Promise<RawAnswer> {
  try {
    return renderMemberPage(await draw(), locale);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.row.status === 410 || error.row.status === 409) return renderMemberPage({ kind: "over" }, locale);
    if (error.row.status === 429) {
      return renderMemberPage({ kind: "limited", retryAfterSeconds: error.retryAfterSeconds ?? 1 }, locale);
    }
    if (error.row.status === 503) return renderMemberPage({ kind: "busy" }, locale);
    throw error;
  }
}

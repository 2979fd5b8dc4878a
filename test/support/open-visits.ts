import { randomBytes } from "node:crypto";
import { linkIn, type Mailbox } from "./mailbox.ts";
import { codeAt, newPerson, PASSWORD, signIn, tokenIn, type Person } from "./people.ts";
import { clientOf, expected, storedDocument, type Json } from "./secufile-client.ts";
import type { TestServer } from "./server.ts";
import { FAKE_CHALLENGE, newApp, openSession } from "./ssks-app.ts";
import { newUser } from "./ssks-client.ts";

/** What one visit sends. A form is sent as a browser does under `no-referrer`. */
export type Sending = {
  readonly path: string;
  readonly body?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A request without a credential, its answer, and what it must leave: a row of its own, or at least a count of refusals. */
export type Visit = {
  readonly operation: string;
  readonly why: string;
  readonly status: number;
  /** `row`: in the organisation's log, `server's row`: in the server's own. */
  readonly leaves: "row" | "server's row" | "trace";
  /** What an earlier visit was answered may be needed. */
  readonly sending: () => Sending;
  readonly heard?: (answer: Json) => void;
};

export type VisitedPlace = { readonly server: TestServer; readonly mailbox: Mailbox; readonly tenantId: string };

const NOBODY = randomBytes(32).toString("base64url");
const NO_SESSION = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";
const GUESSABLE = "Password1234";

/** Every operation that asks for no credential, as it should be and refused. */
export async function openVisits(place: VisitedPlace): Promise<readonly Visit[]> {
  const owner = await newPerson(place.server, place.mailbox, { tenantId: place.tenantId, role: "owner" });
  return [
    ...(await signVisits(place)),
    ...(await keyStorageVisits(place)),
    ...(await signInVisits(place, owner)),
    ...(await invitationVisits(place)),
    ...(await resetVisits(place, owner)),
    visitsOf("metrics")([404, "trace"], "from elsewhere without its token", () => ({ path: "/metrics" })),
  ];
}

async function signVisits({ server, mailbox }: VisitedPlace): Promise<Visit[]> {
  const api = clientOf(server.origin, server.apiKey);
  const email = "signer@example.com";
  const documentId = await storedDocument(api, Buffer.from("ciphertext"));
  const order = { signers: [{ email, role: "buyer" }] };
  const made = expected(await api.post(`/documents/${documentId}/signatures`, order), 201);
  const own = linkIn(await mailbox.mailTo(email));
  const envelope = new URL(made.signature_url).pathname;
  const nobody = `/sign/${NOBODY}`;
  const shows = visitsOf("secufile.showSignPage");
  const acts = visitsOf("secufile.actOnSignPage");
  return [
    shows([200, "row"], "a signer's link", () => ({ path: own })),
    shows([200, "row"], "the envelope's link", () => ({ path: envelope })),
    shows([404, "trace"], "a link of nobody", () => ({ path: nobody })),
    acts([200, "row"], "signing what was not shown", () => ({
      path: own,
      form: { act: "sign", name: "A", consent: "yes" },
    })),
    acts([200, "row"], "opening", () => ({ path: own, form: { act: "open" } })),
    acts([200, "row"], "opening again", () => ({ path: own, form: { act: "open" } })),
    acts([200, "row"], "a code where none is needed", () => ({ path: own, form: { act: "code" } })),
    acts([200, "row"], "signing without a name", () => ({ path: own, form: { act: "sign", consent: "yes" } })),
    acts([200, "row"], "declining without a reason", () => ({ path: own, form: { act: "decline" } })),
    acts([200, "row"], "delegating where it is not allowed", () => ({
      path: own,
      form: { act: "delegate", name: "B", email: "b@example.com" },
    })),
    acts([200, "row"], "nonsense", () => ({ path: own, form: { act: "dance" } })),
    acts([200, "row"], "asking as a stranger", () => ({
      path: envelope,
      form: { act: "ask", email: "c@example.com" },
    })),
    acts([200, "row"], "asking without an address", () => ({ path: envelope, form: { act: "ask", email: "none" } })),
    acts([200, "row"], "asking as the signer", () => ({ path: envelope, form: { act: "ask", email } })),
    acts([403, "trace"], "from another site", () => ({
      path: own,
      form: {},
      headers: { "sec-fetch-site": "cross-site" },
    })),
    acts([404, "trace"], "a link of nobody", () => ({ path: nobody, form: { act: "open" } })),
  ];
}

async function keyStorageVisits({ server }: VisitedPlace): Promise<Visit[]> {
  const app = await newApp(server);
  const user = newUser();
  const { sessionId } = await openSession(app, user);
  const { auth_factor: factor } = user;
  let session = sessionId;
  const to = (path: string, body: unknown, more: Readonly<Record<string, string>> = {}): Sending => ({
    path,
    body,
    headers: { "x-seald-appid": app.appId, "x-seald-session": session, ...more },
  });
  const slot = { app_id: app.appId, user_id: user.user_id, secret: "derived-from-a-password" };
  const factorBody = { auth_factor_type: factor.type, auth_factor_value: factor.value };
  const proof = { challenge: FAKE_CHALLENGE, auth_factor: factor };
  const wanted = [
    ["validateChallenge", "/tmr/front/challenge_validate/", proof],
    ["pushIdentity", "/tmr/front/push/", { data_b64: "c2VjcmV0" }],
    ["searchIdentity", "/tmr/front/search/", {}],
    ["getFactorToken", "/tmr/front/get_factor_token/", factorBody],
    ["pushSlot", "/push/", { ...slot, data_b64: "c2VjcmV0" }],
    ["searchSlot", "/search/", slot],
  ] as const;
  const wrong = { "x-seald-session": NO_SESSION };
  return wanted.flatMap(([operation, path, body]) => {
    const calls = visitsOf(`ssks.${operation}`);
    const hasSession = path.startsWith("/tmr/");
    const done = calls([200, "row"], "as it should be", () => to(path, body));
    const goOn = (answer: Json): void => {
      session = answer.new_id;
    };
    return [
      ...(hasSession ? [calls([404, "row"], "an unknown session", () => to(path, body, wrong))] : []),
      ...(operation === "searchSlot"
        ? [calls([404, "row"], "a wrong password", () => to(path, { ...slot, secret: "another" }))]
        : []),
      calls([401, "trace"], "an unknown application", () => to(path, body, { "x-seald-appid": NO_SESSION })),
      ...(operation === "searchIdentity"
        ? []
        : [calls([400, "trace"], "a wrong body", () => to(path, { nonsense: true }))]),
      operation === "validateChallenge" ? { ...done, heard: goOn } : done,
    ];
  });
}

async function signInVisits(place: VisitedPlace, { email }: Person): Promise<Visit[]> {
  const { server, mailbox, tenantId } = place;
  const careful = await newPerson(server, mailbox, { tenantId, role: "reader" });
  const client = await signIn(server.origin, careful);
  const { secret } = expected(await client.post("/v1/auth/totp", undefined), 201);
  const at = new Date();
  expected(await client.post("/v1/auth/totp/confirm", { code: codeAt(String(secret), at) }), 200);
  const [login, byCode, refresh] = ["logIn", "logInByCode", "refresh"].map((name) => visitsOf(`platform.${name}`));
  const [path, codePath, refreshPath] = ["/v1/auth/login", "/v1/auth/login/totp", "/v1/auth/refresh"];
  if (login === undefined || byCode === undefined || refresh === undefined) throw new Error("there are three");
  let refreshToken = "";
  let half = "";
  const took = (answer: Json): void => {
    refreshToken = answer.refresh_token;
  };
  const tookHalf = (answer: Json): void => {
    half = answer.mfa_token;
  };
  const code = (): string => codeAt(String(secret), new Date(at.getTime() + 30_000));
  return [
    { ...login([200, "row"], "as it should be", () => ({ path, body: { email, password: PASSWORD } })), heard: took },
    login([401, "row"], "a wrong password", () => ({ path, body: { email, password: "another one" } })),
    login([401, "server's row"], "an unknown address", () => ({
      path,
      body: { email: "x@example.org", password: "another one" },
    })),
    login([422, "trace"], "a wrong body", () => ({ path, body: { nonsense: true } })),
    refresh([200, "row"], "as it should be", () => ({ path: refreshPath, body: { refresh_token: refreshToken } })),
    refresh([401, "row"], "a spent token", () => ({ path: refreshPath, body: { refresh_token: refreshToken } })),
    refresh([401, "trace"], "a guess", () => ({ path: refreshPath, body: { refresh_token: NOBODY } })),
    {
      ...login([200, "row"], "where a code is asked for", () => ({
        path,
        body: { email: careful.email, password: PASSWORD },
      })),
      heard: tookHalf,
    },
    byCode([401, "row"], "a wrong code", () => ({
      path: codePath,
      body: { mfa_token: half, code: "ABCDEF01-ABCDEF01" },
    })),
    byCode([401, "trace"], "a forged first half", () => ({
      path: codePath,
      body: { mfa_token: `${half}x`, code: code() },
    })),
    byCode([200, "row"], "as it should be", () => ({ path: codePath, body: { mfa_token: half, code: code() } })),
  ];
}

async function invitationVisits({ server, mailbox, tenantId }: VisitedPlace): Promise<Visit[]> {
  const operator = clientOf(server.origin, server.operatorToken);
  const invited = async (email: string): Promise<string> => {
    expected(await operator.post(`/v1/tenants/${tenantId}/invitations`, { email, role: "reader" }), 201);
    return tokenIn((await mailbox.mailTo(email)).text);
  };
  const [byPage, byProgram] = [await invited("by-page@example.org"), await invited("by-program@example.org")];
  const accepts = visitsOf("platform.acceptInvitation");
  const looks = visitsOf("platform.getInvitePage");
  const acts = visitsOf("platform.actOnInvitePage");
  const body = { token: byProgram, name: "A. Person", password: PASSWORD };
  const path = "/v1/auth/invitations/accept";
  const [page, form] = [`/invite/${byPage}`, { name: "A. Person", password: PASSWORD }];
  return [
    accepts([422, "trace"], "an easy password", () => ({ path, body: { ...body, password: GUESSABLE } })),
    accepts([201, "row"], "as it should be", () => ({ path, body })),
    accepts([410, "trace"], "a link that was used", () => ({ path, body })),
    looks([200, "row"], "as it should be", () => ({ path: page })),
    looks([410, "trace"], "a link of nobody", () => ({ path: `/invite/${NOBODY}` })),
    acts([403, "trace"], "from another site", () => ({
      path: page,
      form,
      headers: { "sec-fetch-site": "cross-site" },
    })),
    acts([422, "trace"], "an easy password", () => ({ path: page, form: { ...form, password: GUESSABLE } })),
    acts([200, "row"], "as it should be", () => ({ path: page, form })),
    acts([410, "trace"], "a link that was used", () => ({ path: page, form })),
  ];
}

async function resetVisits(place: VisitedPlace, owner: Person): Promise<Visit[]> {
  const { server, mailbox, tenantId } = place;
  const other = await newPerson(server, mailbox, { tenantId, role: "reader" });
  const nobody = clientOf(server.origin, "");
  const mailed = async ({ email }: Person): Promise<string> => {
    expected(await nobody.post("/v1/auth/password-reset", { email }), 202);
    return tokenIn((await mailbox.mailTo(email, 2)).text);
  };
  const [byPage, byProgram] = [await mailed(other), await mailed(owner)];
  const asks = visitsOf("platform.requestPasswordReset");
  const completes = visitsOf("platform.completePasswordReset");
  const looks = visitsOf("platform.getResetPage");
  const acts = visitsOf("platform.actOnResetPage");
  const [path, page] = ["/v1/auth/password-reset/complete", `/reset/${byPage}`];
  const password = "an entirely new password";
  const body = { token: byProgram, password };
  return [
    completes([422, "trace"], "an easy password", () => ({ path, body: { ...body, password: GUESSABLE } })),
    completes([410, "trace"], "a link of nobody", () => ({ path, body: { ...body, token: NOBODY } })),
    completes([204, "row"], "as it should be", () => ({ path, body })),
    looks([200, "row"], "as it should be", () => ({ path: page })),
    looks([410, "trace"], "a link of nobody", () => ({ path: `/reset/${NOBODY}` })),
    acts([422, "trace"], "an easy password", () => ({ path: page, form: { password: GUESSABLE } })),
    acts([200, "row"], "as it should be", () => ({ path: page, form: { password } })),
    acts([410, "trace"], "a link that was used", () => ({ path: page, form: { password } })),
    // Links of before end with the next one. Whom the address belongs to is looked up by a job.
    asks([202, "server's row"], "as it should be", () => ({
      path: "/v1/auth/password-reset",
      body: { email: owner.email },
    })),
    asks([202, "server's row"], "an unknown address", () => ({
      path: "/v1/auth/password-reset",
      body: { email: "x@example.org" },
    })),
    asks([422, "trace"], "a wrong body", () => ({ path: "/v1/auth/password-reset", body: {} })),
  ];
}

type Ends = readonly [status: number, leaves: Visit["leaves"]];

function visitsOf(operation: string): (ends: Ends, why: string, sending: Visit["sending"]) => Visit {
  return ([status, leaves], why, sending) => ({ operation, why, status, leaves, sending });
}

/** Sends a visit as somebody at `address`; the server must trust this machine as a proxy. */
export async function visit(origin: string, { sending, heard }: Visit, address: string): Promise<number> {
  const { path, body, form, headers = {} } = sending();
  const browser = { origin: "null", "sec-fetch-site": "same-origin" };
  const answer = await fetch(origin + path, {
    method: body === undefined && form === undefined ? "GET" : "POST",
    redirect: "manual",
    headers: {
      "x-forwarded-for": address,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(form === undefined ? {} : browser),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
  });
  const text = await answer.text();
  if (answer.ok) heard?.(JSON.parse(text));
  return answer.status;
}

import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { clientOf, expected, type Json } from "../support/secufile-client.ts";
import { demoSsks, ssksClientOf, type SsksClient } from "../support/ssks-client.ts";
import { sendFront, type Factor } from "../support/ssks-front-client.ts";
import type { Planter, Server } from "./planting.ts";
import type { Senders } from "./signing.ts";

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const CHALLENGE = /(?<![a-z0-9])[abcdefghjkmnpqrstuvwxyz23456789]{8}(?![a-z0-9])/;
const VALIDATE = "/tmr/front/challenge_validate/";
const PUSH = "/tmr/front/push/";
const SEARCH = "/tmr/front/search/";

/** Keys of applications, factors, challenges, sessions, blobs and secrets of passwords; by mail and by text message. */
export async function plantKeyStorage(
  planter: Planter,
  server: Server & { readonly dataDirectory: string },
  senders: Senders,
  count: number,
): Promise<void> {
  const app = await plantApp(planter, server);
  for (let at = 0; at < count; at++) {
    await plantIdentity(planter, app, senders, at);
    await plantSlots(planter, app);
  }
  await plantRefused(planter, app);
}

/** An application with a key that was replaced, and one that was revoked. */
async function plantApp(planter: Planter, server: Server & { readonly dataDirectory: string }): Promise<SsksClient> {
  const { token } = await demoSsks(server);
  const dashboard = clientOf(server.origin, token);
  const make = async (path: string, body: object): Promise<Json> =>
    expected(await dashboard.post(path, body, { "idempotency-key": randomUUID() }), 201);
  const app = await make("/v1/ssks/apps", { name: "canaries", environment: "staging" });
  const keys = `/v1/ssks/apps/${app.app_id}/keys`;
  const first = await make(keys, { name: "first" });
  const second = await make(`${keys}/${first.key_id}/rotate`, { overlap_seconds: 60 });
  const third = await make(keys, { name: "revoked" });
  expected(await dashboard.call("DELETE", `${keys}/${third.key_id}`), 204);
  // The secret characters by themselves: what is before them may be known.
  for (const key of [first, second, third]) planter.note("API key", String(key.api_key).slice(-49, -6));
  return ssksClientOf(server.origin, app.app_id, second.api_key);
}

type User = { readonly user_id: string; readonly auth_factor: Factor };

/** Stored, challenged, guessed at, proved, given back, renewed, and stated to another server. */
async function plantIdentity(planter: Planter, app: SsksClient, senders: Senders, at: number): Promise<void> {
  const user: User = { user_id: randomUUID(), auth_factor: plantFactor(planter, at) };
  const { auth_factor } = user;
  const first = await openSession(planter, app, user);
  expected(await app.front(PUSH, first, { data_b64: plantBlob(planter), auth_factor }), 200);
  const session = await openSession(planter, app, user);
  const challenge = await challengeFor(auth_factor, senders);
  planter.note("challenge", challenge);
  const wrong = Array.from({ length: 8 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
  planter.note("wrong challenge", wrong);
  expected(await app.front(VALIDATE, session, { challenge: wrong, auth_factor }), 403);
  expected(await app.front(VALIDATE, session, { challenge, auth_factor: plantFactor(planter, at) }), 403);
  const proved = expected(await app.front(VALIDATE, session, { challenge, auth_factor }), 200).new_id;
  planter.note("session that is proved", proved);
  expected(await app.front(SEARCH, proved), 200);
  expected(await app.front(PUSH, proved, { data_b64: plantBlob(planter), auth_factor }), 200);
  expected(await app.front(PUSH, proved, { data_b64: plantBlob(planter), auth_factor: plantFactor(planter, at) }), 403);
  const statement = { auth_factor_type: auth_factor.type, auth_factor_value: auth_factor.value };
  const { factor_token } = expected(await app.front("/tmr/front/get_factor_token/", proved, statement), 200);
  planter.note("factor token", String(factor_token).split(".")[2] ?? "");
  expected(await app.back("/tmr/back/must_authenticate/", auth_factor), 200);
  expected(await app.back("/tmr/back/identity_check/", user), 200);
  if (at % 3 === 0) expected(await app.back("/tmr/back/delete_user/", user), 200);
}

function plantFactor(planter: Planter, at: number): Factor {
  if (at % 2 === 1) {
    const digits = `1206${Array.from({ length: 11 }, () => randomInt(10)).join("")}`;
    planter.note("telephone number", digits);
    return { type: "SMS", value: `+${digits}` };
  }
  const name = planter.setting("mail address");
  planter.note("folded mail address", name.toLowerCase());
  return { type: "EM", value: `${name}@example.org` };
}

function plantBlob(planter: Planter): string {
  const blob = randomBytes(600);
  planter.note("blob", blob.subarray(300, 330));
  return blob.toString("base64");
}

async function openSession(planter: Planter, app: SsksClient, user: User): Promise<string> {
  const template = `<p>${planter.setting("template of a mail")}: $$CHALLENGE$$</p>`;
  const order = { ...user, create_user: true, template, subject: planter.setting("subject of a mail") };
  const { session_id } = expected(await app.back("/tmr/back/challenge_send/", order), 200);
  planter.note("session", session_id);
  return session_id;
}

async function challengeFor({ type, value }: Factor, { mailbox, gateway }: Senders): Promise<string> {
  const text =
    type === "EM"
      ? (await mailbox.mailTo(value)).text
      : (await gateway.waitFor(({ body }) => body.includes(value.slice(1)))).body.toString();
  const found = CHALLENGE.exec(text.replace(/^.*?: /s, ""))?.[0];
  if (found === undefined) throw new Error(`no challenge in ${text}`);
  return found;
}

/** What a password derives, and what a program uses in its place. */
async function plantSlots(planter: Planter, app: SsksClient): Promise<void> {
  const derived = randomBytes(64);
  planter.note("secret of a password", derived.subarray(16, 48));
  for (const secret of [derived.toString("hex"), planter.setting("storage key")]) {
    const order = { app_id: app.appId, user_id: randomUUID(), secret };
    expected(await app.front("/push/", null, { ...order, data_b64: plantBlob(planter) }), 200);
    expected(await app.front("/push/", null, { ...order, data_b64: plantBlob(planter) }), 200);
    expected(await app.front("/search/", null, order), 200);
    expected(await app.front("/search/", null, { ...order, secret: planter.setting("wrong storage key") }), 404);
  }
}

/** Secrets where they do not belong, in what is refused. */
async function plantRefused(planter: Planter, app: SsksClient): Promise<void> {
  const text = (): string => planter.setting("refused by key storage");
  const factor = (): Factor => ({ type: "EM", value: text() });
  const user_id = randomUUID();
  for (const [path, body] of [
    ["/tmr/back/challenge_send/", { user_id, auth_factor: factor(), template: text() }],
    ["/tmr/back/challenge_send/", { user_id, auth_factor: { type: "SMS", value: text() }, template: text() }],
    ["/tmr/back/challenge_send/", { user_id, email: text(), fake_otp: text(), create_user: { at: text() } }],
    ["/tmr/back/must_authenticate/", { type: text(), value: text() }],
    ["/tmr/back/create_user/", { user_id: { at: text() }, auth_factor: text() }],
    ["/strict/back/identity_check/", { [text()]: text() }],
  ] as const) {
    expected(await app.back(path, body), 400);
  }
  const wrongKey = { "x-seald-apikey": text() };
  expected(await app.back("/tmr/back/identity_check/", { user_id }, wrongKey), 401);
  expected(await app.back(`/tmr/back/identity_check/?api_key=${text()}`, { user_id }), 200);
  for (const [path, body, session] of [
    [VALIDATE, { challenge: text(), auth_factor: factor() }, text()],
    [VALIDATE, { challenge: { at: text() }, auth_factor: text() }, text()],
    [PUSH, { data_b64: { at: text() }, auth_factor: factor() }, text()],
    [SEARCH, { data_b64: text() }, text()],
    ["/push/", { app_id: text(), user_id, secret: text(), data_b64: text() }, null],
    ["/push/", { app_id: app.appId, user_id, secret: [text()], data_b64: text(), [text()]: 1 }, null],
    ["/search/", { app_id: app.appId, user_id, secret: { at: text() } }, null],
    ["/search/", text(), null],
  ] as const) {
    const place = { ...app, headers: { "x-seald-apikey": text(), cookie: text() } };
    const { status } = await sendFront(place, path, body, session);
    if (status !== 400 && status !== 404) throw new Error(`${path} was answered with ${status}`);
  }
}

import { randomInt } from "node:crypto";
import type { Tx } from "../../../platform/db/tx.ts";
import { uuid } from "../../../platform/ids/ids.ts";
import type { Keyring } from "../../../platform/keys/keyring.ts";
import { enqueueMail, enqueueSms } from "../../../platform/notify/notify.ts";
import type { Unsent, Wanted } from "../../../platform/notify/send.ts";
import type { Call } from "../../../platform/product.ts";
import { monthOf, needsMark, takesFakeChallenges, type App } from "../app.ts";
import { CHALLENGE_ALPHABET, CHALLENGE_CHARACTERS, CHALLENGE_MARK, FAKE_CHALLENGE, SESSION_MS } from "../challenge.ts";
import { refusedField, ssksError } from "../errors.ts";
import type { Factor } from "../factor.ts";
import { isTrue, type ChallengeSendRequest } from "../schema.ts";
import { lockEnvironment, updateSmsGivenBack, updateSmsUsage } from "../store/apps.ts";
import { findAwaited, insertSession } from "../store/sessions.ts";
import { findTemplate } from "../store/templates.ts";
import { mailOf, smsOf } from "../template.ts";
import { noteBack } from "./acts.ts";
import { whileItLives } from "./app-lookup.ts";
import { takeBudgets } from "./budgets.ts";
import { factorMac, requiredFactor } from "./factors.ts";
import { sessionMac } from "./sessions.ts";

/** The purpose of the notifications with challenges. */
export const CHALLENGE_PURPOSE = "ssks.challenge";
const DEFAULT_SUBJECT = "End-to-end encryption challenge";

/**
 * Opens a session of a user, in place of the one before. Where it must be authenticated, the user is sent a challenge once
 * all of this has committed: the challenge is in that mail or message and nowhere else.
 */
export async function sendChallenge(
  call: Call,
  app: App,
  request: ChallengeSendRequest,
): Promise<{ session_id: string; must_authenticate: boolean }> {
  const factor = requiredFactor(request);
  const isFake = isTrue(request.fake_otp);
  if (isFake) refuseFakeIn(app);
  const { keyring, db } = call.services;
  const mac = factorMac(keyring, app, factor);
  await takeBudgets(db, app, [
    { limit: "sends_per_user", whom: [request.user_id] },
    { limit: "sends_per_factor", whom: [mac.toString("hex")] },
    { limit: "sends_per_app", whom: [] },
  ]);
  const opening = { app, factor, mac, isFake, request };
  return whileItLives(() => openSession(call, opening));
}

function refuseFakeIn(app: Pick<App, "environment">): void {
  if (takesFakeChallenges(app)) return;
  throw ssksError("fake_challenge_forbidden", "fake_otp is not taken in production.");
}

type Opening = {
  readonly app: App;
  readonly factor: Factor;
  readonly mac: Buffer;
  readonly isFake: boolean;
  readonly request: ChallengeSendRequest;
};

async function openSession(call: Call, opening: Opening): Promise<{ session_id: string; must_authenticate: boolean }> {
  const { app, factor, mac, isFake, request } = opening;
  const { keyring } = call.services;
  const sessionId = uuid();
  const challenge = isFake ? FAKE_CHALLENGE : newChallenge();
  const row = {
    appId: app.id,
    userId: request.user_id,
    factorType: factor.type,
    factorMac: mac,
    mayCreateUser: isTrue(request.create_user),
    newUserRef: uuid(),
    isForced: isTrue(request.force_auth),
    isFake,
    sessionMac: sessionMac(keyring, app, sessionId),
    challengeMac: challengeMac(keyring, sessionId, challenge),
    now: call.now,
    expiresAt: new Date(call.now.getTime() + SESSION_MS),
  };
  return call.write(async (tx) => {
    // In this order. The application is remembered from before: it may have gone into production, and its sessions of tests
    // have ended, within the last moment.
    const [current, session, template] = await Promise.all([
      isFake ? lockEnvironment(tx, app.tenant_id, app.id) : null,
      insertSession(tx, app.tenant_id, row),
      templateOf(tx, app, factor, request),
    ]);
    if (current !== null) refuseFakeIn(current);
    if (session === null) throw ssksError("user_not_found", "There is no such user.");
    const { user_ref: userRef, must_authenticate: isNeeded } = session;
    const details = { factor_type: factor.type, must_authenticate: isNeeded, is_fake: isFake };
    await Promise.all([
      isNeeded && !isFake ? send(tx, call, { app, factor, template, challenge, userRef }) : null,
      noteBack(tx, call, app, { operation: "sendChallenge", userId: request.user_id, details }),
    ]);
    return { session_id: sessionId, must_authenticate: isNeeded };
  });
}

/** A challenge that waits to be sent is worth nothing once its session was proved, replaced or ended, or its user deleted. */
export const isChallengeAwaited: Wanted = async (tx, tenantId, { about, enqueuedAt, now }) =>
  (await findAwaited(tx, tenantId, { userRef: readAbout(about).userRef, openedAt: enqueuedAt, now })) !== null;

/** A text message that was accepted and certainly never sent does not count. */
export const giveBackUnsent: Unsent = async (tx, tenantId, { kind, about, enqueuedAt }) => {
  if (kind !== "sms") return;
  await updateSmsGivenBack(tx, tenantId, { appId: readAbout(about).appId, month: monthOf(enqueuedAt) });
};

/** By what challenges are taken back: those of a user, or of a whole application, whose id is the family. */
export function aboutOf({ id }: Pick<App, "id">, userRef: string): string {
  return `${id}/${userRef}`;
}

function readAbout(about: string): { appId: string; userRef: string } {
  const [appId = "", userRef = ""] = about.split("/");
  return { appId, userRef };
}

/** Bound to its session: it opens no other, and who reads the database cannot try challenges against it. */
export function challengeMac(keyring: Keyring, sessionId: string, challenge: string): Buffer {
  return keyring.mac("one-time-codes", `ssks/${sessionId}/${challenge}`);
}

function newChallenge(): string {
  const letters = Array.from({ length: CHALLENGE_CHARACTERS }, () =>
    CHALLENGE_ALPHABET.charAt(randomInt(CHALLENGE_ALPHABET.length)),
  );
  return letters.join("");
}

type Template = { readonly html: string; readonly subject: string };

/** The template of the request, else one of the application's; a mail's must hold the mark. */
async function templateOf(tx: Tx, app: App, factor: Factor, request: ChallengeSendRequest): Promise<Template> {
  const { template, template_id: id } = request;
  const isGiven = template !== null && template !== undefined && template !== "";
  const kept = isGiven ? null : await findTemplate(tx, app.tenant_id, app.id, id?.toLowerCase() ?? null);
  const html = isGiven ? template : kept?.html;
  if (html === undefined) {
    const parameter = id === null || id === undefined ? "template" : "template_id";
    throw refusedField(parameter, parameter === "template" ? "is required" : "names no template of the application");
  }
  if (factor.type === "EM" && needsMark(app) && !html.includes(CHALLENGE_MARK)) {
    const isById = !isGiven && id !== null && id !== undefined;
    throw refusedField(isById ? "template_id" : "template", `must hold ${CHALLENGE_MARK}`);
  }
  const subject = request.subject === null || request.subject === "" ? undefined : request.subject;
  return { html, subject: subject ?? kept?.subject ?? DEFAULT_SUBJECT };
}

type Sending = {
  readonly app: App;
  readonly factor: Factor;
  readonly template: Template;
  readonly challenge: string;
  readonly userRef: string;
};

async function send(tx: Tx, call: Call, { app, factor, template, challenge, userRef }: Sending): Promise<void> {
  const { keys, now } = call;
  const order = {
    to: factor.address,
    purpose: CHALLENGE_PURPOSE,
    about: aboutOf(app, userRef),
    at: now,
    expiresAt: new Date(now.getTime() + SESSION_MS),
    hour: { key: app.id, limit: app.mails_per_hour },
  };
  if (factor.type === "SMS") {
    const [counted] = await Promise.all([
      updateSmsUsage(tx, app.tenant_id, { appId: app.id, month: monthOf(now), quota: app.sms_quota }),
      enqueueSms(tx, keys, { ...order, text: smsOf(template.html, challenge) }),
    ]);
    if (counted === 0) throw ssksError("sms_quota", "The text messages of the month are used up.");
    return;
  }
  const { markup, text } = mailOf(template.html, challenge);
  await enqueueMail(tx, keys, { ...order, locale: null, subject: template.subject, text, html: { markup } });
}

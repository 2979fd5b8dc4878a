import { open, seal, secretOf, type Bytes, type Owner, type Sealing } from "./ssks-crypto.ts";

/**
 * A client of SSKS as applications have it in their pages: it knows an origin and an application, and no key. It runs
 * under Node, and in a page.
 */
export type SsksPlace = {
  readonly origin: string;
  readonly appId: string;
  /** Sent beside the others, such as those of newer clients. */
  readonly headers?: Readonly<Record<string, string>>;
};

export type Factor = { readonly type: "EM" | "SMS"; readonly value: string };

/** An answer as it came. */
export type FrontAnswer = { readonly status: number; readonly headers: Headers; readonly text: string };

export type TwoManRuleKey = { readonly twoManRuleKey: string } | { readonly rawTwoManRuleKey: string };
export type PasswordKey =
  | { readonly password: string }
  | { readonly rawStorageKey: string; readonly rawEncryptionKey: string };

/** What a session of the two-man-rule is used for. */
export type Proof = {
  readonly userId: string;
  readonly sessionId: string;
  readonly authFactor: Factor;
  readonly challenge?: string;
};

/** Its message is what today's clients tell an application. */
export class SsksClientError extends Error {
  override readonly name = "SsksClientError";
}

const VERSION = "sdk-js/node/0.25.0";
const CHALLENGE = /^[abcdefghjkmnpqrstuvwxyz23456789]{8}$/;
const RAW_KEY = /^[A-Za-z0-9+/]{86}==$/;
const RAW_STORAGE_KEY = /^[A-Za-z0-9+/=\-_@.]{1,256}$/;
const MAX_FACTOR_CHARACTERS = 1024;
const MAX_PASSWORD_USER_CHARACTERS = 64;

/** One request of the front protocol. `body` null sends none, and says that it is JSON all the same. */
export async function sendFront(
  place: SsksPlace,
  path: string,
  body: unknown,
  sessionId: string | null = null,
): Promise<FrontAnswer> {
  const answer = await fetch(place.origin + path, {
    method: "POST",
    credentials: "omit",
    headers: {
      "content-type": "application/json",
      "x-seald-appid": place.appId,
      "x-seald-version": VERSION,
      ...(sessionId === null ? {} : { "x-seald-session": sessionId }),
      ...place.headers,
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    redirect: "manual",
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Identities behind a challenge and a key that the application's server keeps. */
export class TwoManRuleClient {
  readonly #place: SsksPlace;

  constructor(place: SsksPlace) {
    this.#place = place;
  }

  /** Stores an identity; with a challenge where the session needs one. Answers the session that goes on, too. */
  async saveIdentity(proof: Proof, key: TwoManRuleKey, identity: Bytes): Promise<{ id: string; sessionId: string }> {
    const sealing = twoManRuleSealing(key);
    const sessionId = proof.challenge === undefined ? given(proof).sessionId : await this.validate(proof);
    return { id: await this.#push({ ...proof, sessionId }, sealing, identity), sessionId };
  }

  /**
   * Gives an identity back. One that was stored without proof could be anybody's: it is renewed and stored again, on the
   * session that has now proved who it is.
   */
  async retrieveIdentity(
    proof: Proof & { challenge: string },
    key: TwoManRuleKey,
    renew: (identity: Bytes) => Bytes,
  ): Promise<{ identity: Bytes; sessionId: string; isRenewed: boolean }> {
    const sealing = twoManRuleSealing(key);
    const sessionId = await this.validate(proof);
    const { data, isAuthenticated } = await this.search(sessionId);
    const owner = { appId: this.#place.appId, userId: proof.userId };
    const identity = await open(data, owner, sealing);
    if (identity === null) {
      const wrong = sealing.kind === "raw" ? "rawTwoManRuleKey" : "appId, userId, or twoManRuleKey";
      throw new SsksClientError(`Invalid ${wrong}`);
    }
    if (isAuthenticated) return { identity, sessionId, isRenewed: false };
    const renewed = renew(identity);
    await this.#push({ ...proof, sessionId }, sealing, renewed);
    return { identity: renewed, sessionId, isRenewed: true };
  }

  /** Answers the session in place of the one that was challenged. */
  async validate(proof: Proof): Promise<string> {
    const { challenge = "", authFactor, sessionId } = given(proof);
    if (!CHALLENGE.test(challenge)) throw new SsksClientError("This is not a challenge");
    const body = { challenge, auth_factor: authFactor };
    const answer = await sendFront(this.#place, "/tmr/front/challenge_validate/", body, sessionId);
    if (isGood(answer)) return memberOf(answer, "new_id");
    const isWrong = answer.status === 403 && told(answer, "detail") === "Incorrect authentication credentials.";
    throw new SsksClientError(isWrong ? "Invalid challenge" : `SSKS challengeValidate failed: ${shown(answer)}`);
  }

  async search(sessionId: string): Promise<{ data: string; isAuthenticated: boolean }> {
    const answer = await sendFront(this.#place, "/tmr/front/search/", null, sessionId);
    if (isGood(answer)) {
      return { data: memberOf(answer, "data_b64"), isAuthenticated: told(answer, "authenticated") === true };
    }
    const isNothing = answer.status === 404 && told(answer, "model") === "TMRKey";
    throw new SsksClientError(
      isNothing ? "Could not find this identity" : `Retrieving identity failed: ${shown(answer)}`,
    );
  }

  /** A statement that the user has this factor, for another server. */
  async getFactorToken(proof: Proof): Promise<string> {
    const sessionId = proof.challenge === undefined ? proof.sessionId : await this.validate(proof);
    const body = { auth_factor_type: proof.authFactor.type, auth_factor_value: proof.authFactor.value };
    const answer = await sendFront(this.#place, "/tmr/front/get_factor_token/", body, sessionId);
    if (!isGood(answer)) throw new SsksClientError(`SSKS getFactorToken failed: ${shown(answer)}`);
    return memberOf(answer, "factor_token");
  }

  async #push(proof: Proof, sealing: Sealing, identity: Bytes): Promise<string> {
    const { userId, sessionId, authFactor } = proof;
    const data = await seal(identity, { appId: this.#place.appId, userId }, sealing);
    const answer = await sendFront(
      this.#place,
      "/tmr/front/push/",
      { data_b64: data, auth_factor: authFactor },
      sessionId,
    );
    if (!isGood(answer)) throw new SsksClientError(`SSKS push failed: ${shown(answer)}`);
    return memberOf(answer, "id");
  }
}

/** Identities behind a password of the user's, or behind two secrets that were derived elsewhere. */
export class PasswordClient {
  readonly #place: SsksPlace;

  constructor(place: SsksPlace) {
    this.#place = place;
  }

  async saveIdentity(userId: string, key: PasswordKey, identity: Bytes): Promise<string> {
    return this.#push(userId, await this.#slotOf(userId, key), identity);
  }

  async retrieveIdentity(userId: string, key: PasswordKey): Promise<Bytes> {
    const slot = await this.#slotOf(userId, key);
    const body = { app_id: this.#place.appId, user_id: userId, secret: slot.secret };
    const answer = await sendFront(this.#place, "/search/", body);
    if (!isGood(answer)) throw new SsksClientError(searchFailure(answer, key));
    const identity = await open(memberOf(answer, "data_b64"), this.#ownerOf(userId), slot.sealing);
    if (identity === null) throw new SsksClientError("Invalid rawEncryptionKey");
    // What a change of password leaves under the old one.
    if (identity.length === 0) {
      throw new SsksClientError("Unable to load identity. Have you changed your password?");
    }
    return identity;
  }

  /** The old slot is not deleted, which nobody could do: it is overwritten with nothing, sealed. */
  async changePassword(userId: string, from: string, to: string): Promise<string | null> {
    const identity = await this.retrieveIdentity(userId, { password: from });
    if (from === to) return null;
    const id = await this.saveIdentity(userId, { password: to }, identity);
    await this.saveIdentity(userId, { password: from }, new Uint8Array(0));
    return id;
  }

  async #slotOf(userId: string, key: PasswordKey): Promise<{ secret: string; sealing: Sealing }> {
    const { length } = Array.from(userId);
    if (length < 1 || length > MAX_PASSWORD_USER_CHARACTERS) throw new SsksClientError("This is not a user id");
    if ("password" in key) {
      const secret = await secretOf(key.password, this.#ownerOf(userId));
      return { secret, sealing: { kind: "derived", text: key.password, label: "seald-ssks-encryption" } };
    }
    if (!RAW_STORAGE_KEY.test(key.rawStorageKey)) throw new SsksClientError("This is not a rawStorageKey");
    return { secret: key.rawStorageKey, sealing: rawSealing(key.rawEncryptionKey) };
  }

  async #push(userId: string, slot: { secret: string; sealing: Sealing }, identity: Bytes): Promise<string> {
    const data = await seal(identity, this.#ownerOf(userId), slot.sealing);
    const body = { app_id: this.#place.appId, user_id: userId, secret: slot.secret, data_b64: data };
    const answer = await sendFront(this.#place, "/push/", body);
    if (!isGood(answer)) throw new SsksClientError("SSKS push failed");
    return memberOf(answer, "id");
  }

  #ownerOf(userId: string): Owner {
    return { appId: this.#place.appId, userId };
  }
}

function searchFailure(answer: FrontAnswer, key: PasswordKey): string {
  const model = answer.status === 404 ? told(answer, "model") : null;
  if (model === "StrictUser") return "Couldn't find identity with this user id";
  if (model === "StrictKey") return `${"password" in key ? "Password" : "rawStorageKey"} is invalid for this user id`;
  const seconds = answer.status === 429 ? /^\d+$/.exec(answer.headers.get("retry-after") ?? "")?.[0] : undefined;
  if (seconds !== undefined) return `Request throttled, retry after ${seconds}s`;
  return `Retrieving identity failed: ${shown(answer)}`;
}

/** What an honest client refuses before it sends anything. */
function given(proof: Proof): Proof {
  const { authFactor, sessionId, userId } = proof;
  const { length } = authFactor.value;
  if (length < 1 || length > MAX_FACTOR_CHARACTERS) throw new SsksClientError("This is not a factor");
  if (sessionId === "" || userId === "") throw new SsksClientError("This is not a session of a user");
  return proof;
}

function twoManRuleSealing(key: TwoManRuleKey): Sealing {
  if ("rawTwoManRuleKey" in key) return rawSealing(key.rawTwoManRuleKey);
  if (key.twoManRuleKey === "") throw new SsksClientError("This is not a twoManRuleKey");
  return { kind: "derived", text: key.twoManRuleKey, label: "seald-ssks-2mr-encryption" };
}

function rawSealing(key: string): Sealing {
  if (!RAW_KEY.test(key)) throw new SsksClientError("This is not a raw key");
  return { kind: "raw", key: Uint8Array.fromBase64(key) };
}

/** Clients on telephones take 200 and nothing else for success. */
function isGood({ status }: FrontAnswer): boolean {
  return status === 200;
}

function shown({ status, text }: FrontAnswer): string {
  return `${status} ${text}`;
}

/** A member of the body, which is read as JSON whatever type it says to be; null where there is none. */
function told({ text }: FrontAnswer, member: string): unknown {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null
      ? (Object.entries(body).find(([name]) => name === member)?.[1] ?? null)
      : null;
  } catch {
    return null;
  }
}

function memberOf(answer: FrontAnswer, member: string): string {
  const value = told(answer, member);
  if (typeof value !== "string") throw new SsksClientError(`the answer has no ${member}: ${answer.text}`);
  return value;
}

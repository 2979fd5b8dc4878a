/**
 * The front protocol of key storage as a page speaks it: with WebCrypto, a scrypt of its own, and `fetch` across origins.
 * It runs in a browser, without its types, and imports nothing.
 */

type Place = { readonly origin: string; readonly appId: string };
type Bytes = Uint8Array<ArrayBuffer>;
type Reply = { readonly status: number; readonly body: Readonly<Record<string, unknown>>; readonly retryAfter: string };
type Session = {
  readonly userId: string;
  readonly sessionId: string;
  readonly authFactor: { readonly type: string; readonly value: string };
  readonly challenge: string | null;
  readonly key: string;
};

const COST = 16_384;
const BLOCK_WORDS = 256;
const KEY_BITS = 512;
const SALT_BYTES = 32;
const IV_BYTES = 16;
const MAC_BYTES = 32;

async function send(place: Place, path: string, body: object | null, sessionId: string | null): Promise<Reply> {
  const answer = await fetch(place.origin + path, {
    method: "POST",
    credentials: "omit",
    headers: {
      "content-type": "application/json",
      "x-seald-appid": place.appId,
      "x-seald-version": "sdk-js/browser/0.25.0",
      ...(sessionId === null ? { "x-seald-user-id": "for debugging" } : { "x-seald-session": sessionId }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    body: parsed(await answer.text()),
    retryAfter: answer.headers.get("retry-after") ?? "",
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  const body: unknown = JSON.parse(text);
  return typeof body === "object" && body !== null ? Object.fromEntries(Object.entries(body)) : {};
}

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text.normalize("NFKC"));
}

function joined(...parts: readonly Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function pbkdf2(password: Bytes, salt: Bytes, bits: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 1 }, key, bits),
  );
}

/** RFC 7914 with N = 16384, r = 8, p = 1 and 64 bytes. */
async function scrypt(password: Bytes, salt: Bytes): Promise<Bytes> {
  const block = await pbkdf2(password, salt, BLOCK_WORDS * 32);
  const words = new Uint32Array(block.buffer);
  const kept = new Uint32Array(COST * BLOCK_WORDS);
  for (let turn = 0; turn < COST; turn++) {
    kept.set(words, turn * BLOCK_WORDS);
    mixBlock(words);
  }
  for (let turn = 0; turn < COST; turn++) {
    const from = ((words[BLOCK_WORDS - 16] ?? 0) % COST) * BLOCK_WORDS;
    for (let at = 0; at < BLOCK_WORDS; at++) words[at] = (words[at] ?? 0) ^ (kept[from + at] ?? 0);
    mixBlock(words);
  }
  return pbkdf2(password, block, KEY_BITS);
}

/** RFC 7914, section 4: 16 pieces of 64 bytes; those of even numbers first. */
function mixBlock(words: Uint32Array): void {
  const mixed = new Uint32Array(BLOCK_WORDS);
  const x = words.slice(BLOCK_WORDS - 16);
  for (let piece = 0; piece < 16; piece++) {
    for (let at = 0; at < 16; at++) x[at] = (x[at] ?? 0) ^ (words[piece * 16 + at] ?? 0);
    salsa8(x);
    mixed.set(x, ((piece >> 1) + (piece % 2) * 8) * 16);
  }
  words.set(mixed);
}

/** Which words a quarter of a double round takes: columns, then rows. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function salsa8(x: Uint32Array): void {
  const before = x.slice();
  const add = (to: number, one: number, two: number, turn: number): void => {
    // Too large for 32 bits until it is shifted, which cuts it.
    const sum = (x[one] ?? 0) + (x[two] ?? 0);
    x[to] = (x[to] ?? 0) ^ ((sum << turn) | (sum >>> (32 - turn)));
  };
  for (let round = 0; round < 4; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      add(b, a, d, 7);
      add(c, b, a, 9);
      add(d, c, b, 13);
      add(a, d, c, 18);
    }
  }
  for (let at = 0; at < 16; at++) x[at] = (x[at] ?? 0) + (before[at] ?? 0);
}

async function seal(plain: Bytes, text: string, label: string): Promise<string> {
  const [salt, iv] = [
    crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
    crypto.getRandomValues(new Uint8Array(IV_BYTES)),
  ];
  const { macKey, cipherKey } = await keysOf(text, joined(salt, utf8(label)));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, cipherKey, plain));
  const body = joined(iv, sealed);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", macKey, body));
  return btoa(Array.from(joined(salt, body, mac), (byte) => String.fromCodePoint(byte)).join(""));
}

async function open(data: string, text: string, label: string): Promise<Bytes> {
  const all = Uint8Array.from(atob(data), (letter) => letter.codePointAt(0) ?? 0);
  const body = all.slice(SALT_BYTES, -MAC_BYTES);
  const { macKey, cipherKey } = await keysOf(text, joined(all.slice(0, SALT_BYTES), utf8(label)));
  if (!(await crypto.subtle.verify("HMAC", macKey, all.slice(-MAC_BYTES), body))) throw new Error("a wrong key");
  const cipher = { name: "AES-CBC", iv: body.slice(0, IV_BYTES) };
  return new Uint8Array(await crypto.subtle.decrypt(cipher, cipherKey, body.slice(IV_BYTES)));
}

async function keysOf(text: string, salt: Bytes): Promise<{ macKey: CryptoKey; cipherKey: CryptoKey }> {
  const key = await scrypt(utf8(text), salt);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const [macKey, cipherKey] = await Promise.all([
    crypto.subtle.importKey("raw", key.slice(0, 32), hmac, false, ["sign", "verify"]),
    crypto.subtle.importKey("raw", key.slice(32), "AES-CBC", false, ["encrypt", "decrypt"]),
  ]);
  return { macKey, cipherKey };
}

function told(reply: Reply, member: string): string {
  const value = reply.body[member];
  if (reply.status !== 200 || typeof value !== "string")
    throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`);
  return value;
}

async function proved(place: Place, session: Session): Promise<string> {
  if (session.challenge === null) return session.sessionId;
  const body = { challenge: session.challenge, auth_factor: session.authFactor };
  return told(await send(place, "/tmr/front/challenge_validate/", body, session.sessionId), "new_id");
}

async function pushIdentity(place: Place, session: Session, sessionId: string, identity: string): Promise<string> {
  const label = `seald-ssks-2mr-encryption|${place.appId}|${session.userId}`;
  const data = await seal(new TextEncoder().encode(identity), session.key, label);
  return told(
    await send(place, "/tmr/front/push/", { data_b64: data, auth_factor: session.authFactor }, sessionId),
    "id",
  );
}

async function secretOf(place: Place, userId: string, password: string): Promise<string> {
  const bytes = await scrypt(utf8(password), utf8(`seald-ssks-secret|${place.appId}|${userId}`));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the page that loads this calls. */
export const keyStorage = {
  async saveIdentity(place: Place, session: Session, identity: string): Promise<string> {
    return pushIdentity(place, session, await proved(place, session), identity);
  },
  /** Renews what was stored without proof, on the session that has proved itself. */
  async retrieveIdentity(place: Place, session: Session): Promise<{ identity: string; isRenewed: boolean }> {
    const sessionId = await proved(place, session);
    const found = await send(place, "/tmr/front/search/", null, sessionId);
    const label = `seald-ssks-2mr-encryption|${place.appId}|${session.userId}`;
    const identity = new TextDecoder().decode(await open(told(found, "data_b64"), session.key, label));
    if (found.body["authenticated"] === true) return { identity, isRenewed: false };
    await pushIdentity(place, session, sessionId, `${identity} renewed`);
    return { identity: `${identity} renewed`, isRenewed: true };
  },
  async savePassword(place: Place, userId: string, password: string, identity: string): Promise<string> {
    const label = `seald-ssks-encryption|${place.appId}|${userId}`;
    const data = await seal(new TextEncoder().encode(identity), password, label);
    const secret = await secretOf(place, userId, password);
    const body = { app_id: place.appId, user_id: userId, secret, data_b64: data };
    return told(await send(place, "/push/", body, null), "id");
  },
  /** The identity, or what a client would tell of the failure. */
  async retrievePassword(place: Place, userId: string, password: string): Promise<string> {
    const body = { app_id: place.appId, user_id: userId, secret: await secretOf(place, userId, password) };
    const reply = await send(place, "/search/", body, null);
    if (reply.status === 429) return `throttled, ${reply.retryAfter} s`;
    if (reply.status !== 200) return `${reply.status} ${String(reply.body["model"])}`;
    const label = `seald-ssks-encryption|${place.appId}|${userId}`;
    return new TextDecoder().decode(await open(told(reply, "data_b64"), password, label));
  },
  /** The status of an answer, or what a browser says of one that the page may not read. */
  async statusOf(place: Place, path: string): Promise<string> {
    return send(place, path, {}, "no session").then(({ status }) => String(status), String);
  },
};

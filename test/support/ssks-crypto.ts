import { scrypt } from "./ssks-scrypt.ts";

/**
 * What clients of SSKS do to an identity before they store it. It runs under Node and in a browser: all but scrypt is
 * WebCrypto.
 */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Whose identity it is, as keys and secrets are bound to it. */
export type Owner = { readonly appId: string; readonly userId: string };

/** What an identity is sealed with: a text to derive a key from, or the key itself. */
export type Sealing =
  | { readonly kind: "derived"; readonly text: string; readonly label: KeyLabel }
  | { readonly kind: "raw"; readonly key: Bytes };

export type KeyLabel = "seald-ssks-encryption" | "seald-ssks-2mr-encryption";

/** What is random in an envelope; given by those alone who repeat a published one. */
export type Randomness = { readonly salt: Bytes; readonly iv: Bytes };

const MAC_KEY_BYTES = 32;
const SALT_BYTES = 32;
const IV_BYTES = 16;
const MAC_BYTES = 32;
const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

/** Texts are the same however a keyboard composed them: NFKC, then UTF-8. */
function bytesOf(text: string): Bytes {
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

/** What the server compares in place of a password: the same at every save, because nothing of it is random. */
export async function secretOf(password: string, { appId, userId }: Owner): Promise<string> {
  return (await scrypt(bytesOf(password), bytesOf(`seald-ssks-secret|${appId}|${userId}`))).toHex();
}

/** Both keys of an envelope, the one of its MAC first. */
export function keyOf(text: string, of: Owner & { label: KeyLabel; salt: Bytes }): Promise<Bytes> {
  return scrypt(bytesOf(text), joined(of.salt, bytesOf(`${of.label}|${of.appId}|${of.userId}`)));
}

/** `data_b64`: salt where the key is derived, IV, AES-256-CBC, HMAC-SHA-256 over IV and ciphertext. */
export async function seal(identity: Bytes, owner: Owner, sealing: Sealing, random?: Randomness): Promise<string> {
  const { salt, iv } = random ?? { salt: randomOf(SALT_BYTES), iv: randomOf(IV_BYTES) };
  if (sealing.kind === "raw") return (await encrypt(identity, sealing.key, iv)).toBase64();
  const key = await keyOf(sealing.text, { ...owner, label: sealing.label, salt });
  return joined(salt, await encrypt(identity, key, iv)).toBase64();
}

/** Null: it was sealed with another key, or by others. */
export async function open(data: string, owner: Owner, sealing: Sealing): Promise<Bytes | null> {
  const bytes = Uint8Array.fromBase64(data);
  if (sealing.kind === "raw") return decrypt(bytes, sealing.key);
  const salt = bytes.slice(0, SALT_BYTES);
  const key = await keyOf(sealing.text, { ...owner, label: sealing.label, salt });
  return decrypt(bytes.slice(SALT_BYTES), key);
}

function randomOf(bytes: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

async function encrypt(plain: Bytes, key: Bytes, iv: Bytes): Promise<Bytes> {
  const cipherKey = await crypto.subtle.importKey("raw", key.slice(MAC_KEY_BYTES), "AES-CBC", false, ["encrypt"]);
  const body = joined(iv, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, cipherKey, plain)));
  const mac = await crypto.subtle.sign("HMAC", await macKeyOf(key), body);
  return joined(body, new Uint8Array(mac));
}

async function decrypt(sealed: Bytes, key: Bytes): Promise<Bytes | null> {
  if (sealed.length < IV_BYTES + MAC_BYTES) return null;
  const body = sealed.slice(0, -MAC_BYTES);
  if (!(await crypto.subtle.verify("HMAC", await macKeyOf(key), sealed.slice(-MAC_BYTES), body))) return null;
  const cipherKey = await crypto.subtle.importKey("raw", key.slice(MAC_KEY_BYTES), "AES-CBC", false, ["decrypt"]);
  const cipher = { name: "AES-CBC", iv: body.slice(0, IV_BYTES) };
  return new Uint8Array(await crypto.subtle.decrypt(cipher, cipherKey, body.slice(IV_BYTES)));
}

function macKeyOf(key: Bytes) {
  return crypto.subtle.importKey("raw", key.slice(0, MAC_KEY_BYTES), HMAC, false, ["sign", "verify"]);
}

import { createCipheriv, createDecipheriv, createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** Whose identity it is, as keys and secrets are bound to it. */
export type Owner = { readonly appId: string; readonly userId: string };

/** What an identity is sealed with: a text to derive a key from, or the key itself. */
export type Sealing =
  | { readonly kind: "derived"; readonly text: string; readonly label: KeyLabel }
  | { readonly kind: "raw"; readonly key: Buffer };

type KeyLabel = "seald-ssks-encryption" | "seald-ssks-2mr-encryption";

/** What is random in an envelope; given by those alone who repeat a published one. */
export type Randomness = { readonly salt: Buffer; readonly iv: Buffer };

const COST = { N: 16_384, r: 8, p: 1 } as const;
const KEY_BYTES = 64;
const MAC_KEY_BYTES = 32;
const SALT_BYTES = 32;
const IV_BYTES = 16;
const MAC_BYTES = 32;

/** Texts are the same however a keyboard composed them: NFKC, then UTF-8. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.normalize("NFKC"), "utf8");
}

function derive(text: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(bytesOf(text), salt, KEY_BYTES, COST, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

/** What the server compares in place of a password: the same at every save, because nothing of it is random. */
export async function secretOf(password: string, { appId, userId }: Owner): Promise<string> {
  return (await derive(password, bytesOf(`seald-ssks-secret|${appId}|${userId}`))).toString("hex");
}

/** Both keys of an envelope, the one of its MAC first. */
export function keyOf(text: string, of: Owner & { label: KeyLabel; salt: Buffer }): Promise<Buffer> {
  return derive(text, Buffer.concat([of.salt, bytesOf(`${of.label}|${of.appId}|${of.userId}`)]));
}

/** `data_b64`: salt where the key is derived, IV, AES-256-CBC, HMAC-SHA-256 over IV and ciphertext. */
export async function seal(identity: Buffer, owner: Owner, sealing: Sealing, random?: Randomness): Promise<string> {
  const { salt, iv } = random ?? { salt: randomBytes(SALT_BYTES), iv: randomBytes(IV_BYTES) };
  if (sealing.kind === "raw") return encrypt(identity, sealing.key, iv).toString("base64");
  const key = await keyOf(sealing.text, { ...owner, label: sealing.label, salt });
  return Buffer.concat([salt, encrypt(identity, key, iv)]).toString("base64");
}

/** Null: it was sealed with another key, or by others. */
export async function open(data: string, owner: Owner, sealing: Sealing): Promise<Buffer | null> {
  const bytes = Buffer.from(data, "base64");
  if (sealing.kind === "raw") return decrypt(bytes, sealing.key);
  const salt = bytes.subarray(0, SALT_BYTES);
  const key = await keyOf(sealing.text, { ...owner, label: sealing.label, salt });
  return decrypt(bytes.subarray(SALT_BYTES), key);
}

function encrypt(plain: Buffer, key: Buffer, iv: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-cbc", key.subarray(MAC_KEY_BYTES), iv);
  const body = Buffer.concat([iv, cipher.update(plain), cipher.final()]);
  return Buffer.concat([body, macOf(body, key)]);
}

function decrypt(sealed: Buffer, key: Buffer): Buffer | null {
  if (sealed.length < IV_BYTES + MAC_BYTES) return null;
  const body = sealed.subarray(0, -MAC_BYTES);
  if (!timingSafeEqual(macOf(body, key), sealed.subarray(-MAC_BYTES))) return null;
  const decipher = createDecipheriv("aes-256-cbc", key.subarray(MAC_KEY_BYTES), body.subarray(0, IV_BYTES));
  return Buffer.concat([decipher.update(body.subarray(IV_BYTES)), decipher.final()]);
}

function macOf(body: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key.subarray(0, MAC_KEY_BYTES)).update(body).digest();
}

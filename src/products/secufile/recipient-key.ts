import { CompactEncrypt, importJWK, type JWK } from "jose";

/** A public key to which a data key is released: an age recipient, or a JWK (RSA, EC or X25519). */
export type RecipientKey =
  | { readonly kind: "age"; readonly recipient: string }
  | { readonly kind: "jwk"; readonly jwk: JWK };

/** The data key, readable to the recipient alone. */
export type ReleasedKey = {
  /** `age` (an age file in base64) or the JWE algorithm. */
  readonly algorithm: string;
  readonly encryptedKey: string;
};

/** The key is of no kind that we can encrypt to; the message says why and may be shown. */
export class RecipientKeyError extends Error {
  override readonly name = "RecipientKeyError";
}

/** An X25519 recipient, or the longer hybrid one that also withstands quantum computers (`age1pq1…`). */
const AGE_RECIPIENT = /^age1(?:[02-9ac-hj-np-z]{58}|pq1[02-9ac-hj-np-z]{100,3000})$/;
const MIN_RSA_MODULUS_CHARACTERS = 342; // 2048 bits in base64url

/** Reads `recipient_public_key`: `age1…`, or a JWK as an object or as JSON text. Throws `RecipientKeyError`. */
export function readRecipientKey(given: unknown): RecipientKey {
  if (typeof given === "string" && AGE_RECIPIENT.test(given)) return { kind: "age", recipient: given };
  const value = typeof given === "string" ? parseJson(given) : given;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RecipientKeyError("must be an age recipient (age1…) or a public JWK");
  }
  if ("d" in value || "k" in value)
    throw new RecipientKeyError("must be a public key; this JWK holds a private or secret one");
  return { kind: "jwk", jwk: value };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Encrypts `dataKey` to the recipient. Throws `RecipientKeyError` when the key is malformed or too weak. */
export async function releaseTo(recipient: RecipientKey, dataKey: Uint8Array): Promise<ReleasedKey> {
  if (recipient.kind === "age") {
    // Loaded here, because a server starts sooner without it.
    const { Encrypter } = await import("age-encryption");
    const encrypter = new Encrypter();
    try {
      encrypter.addRecipient(recipient.recipient);
    } catch {
      throw new RecipientKeyError("is not a valid age recipient");
    }
    const file = await encrypter.encrypt(dataKey);
    return { algorithm: "age", encryptedKey: Buffer.from(file).toString("base64") };
  }
  const algorithm = algorithmOf(recipient.jwk);
  try {
    const key = await importJWK(publicPart(recipient.jwk), algorithm);
    const jwe = await new CompactEncrypt(dataKey).setProtectedHeader({ alg: algorithm, enc: "A256GCM" }).encrypt(key);
    return { algorithm, encryptedKey: jwe };
  } catch {
    throw new RecipientKeyError("is not a valid JWK");
  }
}

/** Without what else the key is said to be for: what a browser exports names no operation at all. */
function publicPart(jwk: JWK): JWK {
  const { kty, crv, x, y, n, e } = jwk;
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined));
}

function algorithmOf(jwk: JWK): string {
  if (jwk.kty === "RSA") {
    if ((jwk.n?.length ?? 0) < MIN_RSA_MODULUS_CHARACTERS) throw new RecipientKeyError("must have at least 2048 bits");
    return "RSA-OAEP-256";
  }
  const isCurve =
    (jwk.kty === "EC" && /^P-(?:256|384|521)$/.test(jwk.crv ?? "")) || (jwk.kty === "OKP" && jwk.crv === "X25519");
  if (!isCurve) throw new RecipientKeyError("must be of type RSA, EC (P-256, P-384, P-521) or OKP (X25519)");
  return "ECDH-ES+A256KW";
}

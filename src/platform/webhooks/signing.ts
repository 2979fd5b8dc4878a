import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { WebhookFamily } from "../product.ts";

const SECRET_PREFIX = "whsec_";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** PKCS #8 of an Ed25519 key (RFC 8410) is this, then the 32 bytes of the seed. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEAD_BYTES = 12;

/** What one attempt is signed with. The legacy signature has one secret, the standard header one entry for each. */
export type SigningKeys = {
  readonly legacySecret: string;
  /** Never empty; the legacy secret is among them. */
  readonly standardSecrets: readonly string[];
  readonly privateKey: KeyObject;
};

/** One attempt to sign. `body` is sent exactly as it is here. */
export type SignedContent = {
  readonly eventId: string;
  readonly eventType: string;
  readonly deliveryId: string;
  readonly attemptAt: Date;
  readonly body: Buffer;
};

/** `sha256=` and the hex of HMAC-SHA-256 over the body; the key is the UTF-8 form of the whole secret. 71 characters. */
export function legacySignature(secret: string, body: Buffer): string {
  assertSecret(secret);
  return `sha256=${createHmac("sha256", Buffer.from(secret, "utf8")).update(body).digest("hex")}`;
}

/**
 * The key of the standard `v1` signature: the bytes behind `whsec_` when they are base64 (Standard Webhooks 1.0.0,
 * "Symmetric signatures"), else the UTF-8 form of the whole secret.
 */
export function standardKey(secret: string): Buffer {
  assertSecret(secret);
  if (secret.startsWith(SECRET_PREFIX)) {
    const text = secret.slice(SECRET_PREFIX.length);
    const bytes = Buffer.from(text, "base64");
    if (bytes.length > 0 && BASE64.test(text) && bytes.toString("base64") === text) return bytes;
  }
  return Buffer.from(secret, "utf8");
}

/** The bytes under the standard signatures: event id, unix seconds of the attempt and body, joined by full stops. */
export function standardContent(content: SignedContent): Buffer {
  return Buffer.concat([Buffer.from(`${content.eventId}.${unixSeconds(content.attemptAt)}.`, "utf8"), content.body]);
}

export function standardSignature(secret: string, signed: Buffer): string {
  return `v1,${createHmac("sha256", standardKey(secret)).update(signed).digest("base64")}`;
}

export function ed25519Signature(privateKey: KeyObject, signed: Buffer): string {
  return `v1a,${sign(null, signed, privateKey).toString("base64")}`;
}

/** All headers that a delivery must carry. There is no other way to make them, and none to leave a signature out. */
export function signedHeaders(
  family: WebhookFamily,
  keys: SigningKeys,
  content: SignedContent,
): Record<string, string> {
  const signed = standardContent(content);
  const seconds = unixSeconds(content.attemptAt);
  const signatures = [
    ...keys.standardSecrets.map((secret) => standardSignature(secret, signed)),
    ed25519Signature(keys.privateKey, signed),
  ];
  return {
    [`X-${family}-Signature`]: legacySignature(keys.legacySecret, content.body),
    [`X-${family}-Timestamp`]: seconds,
    [`X-${family}-Event`]: content.eventType,
    [`X-${family}-Delivery`]: content.deliveryId,
    "webhook-id": content.eventId,
    "webhook-timestamp": seconds,
    "webhook-signature": signatures.join(" "),
  };
}

/** A new Ed25519 key: the seed to seal, and the public key in its `whpk_` form to show. */
export function newSigningKey(): { seed: Buffer; publicKey: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  return { seed: Buffer.from(der.subarray(PKCS8_HEAD.length)), publicKey: publicKeyForm(privateKey) };
}

export function privateKeyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
}

/** `whpk_` and the base64 of the 32 bytes of the public key. */
export function publicKeyForm(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return `whpk_${spki.subarray(SPKI_HEAD_BYTES).toString("base64")}`;
}

function unixSeconds(at: Date): string {
  return String(Math.floor(at.getTime() / 1000));
}

/** An empty key would sign, and anybody could. */
function assertSecret(secret: string): void {
  if (secret.length === 0) throw new Error("a webhook secret is empty");
}

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 5;
const FORMAT = 1;

/** Sealed bytes cannot be opened: wrong key, wrong context, or changed. Says no more, so that it helps no attacker. */
export class SealError extends Error {
  override readonly name = "SealError";
}

/**
 * AES-256-GCM with a random nonce. Layout: format (1 byte), key generation (4, big-endian), nonce (12), ciphertext,
 * tag (16). `context` is authenticated, not stored: bytes sealed for one place do not open in another.
 */
export function sealWith(key: Buffer, generation: number, plain: Uint8Array, context: string): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(FORMAT, 0);
  head.writeUInt32BE(generation, 1);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.concat([head, Buffer.from(context, "utf8")]));
  return Buffer.concat([head, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The generation of the key that `sealed` was sealed with. */
export function generationOf(sealed: Uint8Array): number {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < HEAD_BYTES + NONCE_BYTES + TAG_BYTES || bytes.readUInt8(0) !== FORMAT) {
    throw new SealError("sealed bytes cannot be opened");
  }
  return bytes.readUInt32BE(1);
}

/** The inverse of `sealWith`. Throws `SealError`. */
export function openWith(key: Buffer, sealed: Uint8Array, context: string): Buffer {
  generationOf(sealed);
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const body = bytes.subarray(HEAD_BYTES + NONCE_BYTES, bytes.length - TAG_BYTES);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES));
    decipher.setAAD(Buffer.concat([bytes.subarray(0, HEAD_BYTES), Buffer.from(context, "utf8")]));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch {
    throw new SealError("sealed bytes cannot be opened");
  }
}

import { createHmac, timingSafeEqual } from "node:crypto";

const STEP_SECONDS = 30;
const DIGITS = 6;
/** One step to each side: the clocks of telephones. */
const STEPS_ASIDE = 1;
const CODE = /^[0-9]{6}$/;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4226 under RFC 6238: HMAC-SHA-1 of the step, cut to `digits`. */
export function totpAt(secret: Uint8Array, step: number, digits = DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits).padStart(digits, "0");
}

/** The step that a moment lies in. */
export function totpStep(at: Date): number {
  return Math.floor(at.getTime() / 1000 / STEP_SECONDS);
}

/**
 * The step whose code this is, or null. Only steps after `lastStep`, the last that was used, count: whoever keeps the
 * answer by compare-and-set has made each code single-use. All steps are compared, so that the time tells nothing.
 */
export function matchingStep(secret: Uint8Array, code: string, at: Date, lastStep: number | null): number | null {
  const given = Buffer.from(code.padEnd(DIGITS).slice(0, DIGITS), "latin1");
  const now = totpStep(at);
  let found: number | null = null;
  for (let step = now - STEPS_ASIDE; step <= now + STEPS_ASIDE; step++) {
    const isSame = timingSafeEqual(given, Buffer.from(totpAt(secret, step), "latin1")) && CODE.test(code);
    if (isSame && (lastStep === null || step > lastStep)) found ??= step;
  }
  return found;
}

/** The address that authenticator apps read from a picture. */
export function otpauthUri(secret: Uint8Array, account: string, issuer: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  const query = `secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`;
  return `otpauth://totp/${label}?${query}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_SECONDS}`;
}

/** RFC 4648 without padding, as these apps want it. */
export function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => BASE32.charAt(Number.parseInt(group.padEnd(5, "0"), 2))).join("");
}

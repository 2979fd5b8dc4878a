import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LOOKUP_CHARACTERS = 12;
/** 43 characters of 62 carry 256 bits. */
const SECRET_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
const FORM = /^([a-z]{3})_(live|test)_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

/** The parts of a well-formed token. */
export type TokenParts = { readonly prefix: string; readonly isLive: boolean; readonly lookupId: string };

/**
 * A new token: `<prefix>_<live|test>_<12 for look-up>_<43 secret><6 checksum>`, base 62. The checksum is CRC-32 of
 * all before it, so that a secret scanner, and we, can tell a token from noise without asking a database.
 */
export function newToken(prefix: string, isLive: boolean): { token: string; lookupId: string } {
  const lookupId = base62(LOOKUP_CHARACTERS);
  const body = `${prefix}_${isLive ? "live" : "test"}_${lookupId}_${base62(SECRET_CHARACTERS)}`;
  return { token: body + checksum(body), lookupId };
}

/** Null when `token` is not of the form or its checksum is wrong. */
export function parseToken(token: string): TokenParts | null {
  const match = FORM.exec(token);
  if (match === null) return null;
  const [, prefix = "", environment, lookupId = ""] = match;
  const body = token.slice(0, -CHECKSUM_CHARACTERS);
  if (checksum(body) !== token.slice(-CHECKSUM_CHARACTERS)) return null;
  return { prefix, isLive: environment === "live", lookupId };
}

function checksum(body: string): string {
  let value = crc32(body);
  let text = "";
  for (let digit = 0; digit < CHECKSUM_CHARACTERS; digit++) {
    text = BASE62.charAt(value % 62) + text;
    value = Math.floor(value / 62);
  }
  return text;
}

/** Uniform characters: bytes that would favour the first ones are drawn again. */
function base62(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62);
    }
  }
  return text;
}

/** How each product's tokens begin. */
export const tokenPrefixes: Readonly<Record<string, string>> = {
  secufile: "sfk",
  secuscan: "ssc",
  shadline: "shd",
  ssks: "ssk",
  "ssks-app": "ska",
};

/** For published documents: of the form, but with a checksum that no token has. */
export function exampleToken(product: string): string {
  return `${tokenPrefixes[product] ?? "tok"}_live_0Example0Key_${"ShownOnce0".repeat(4)}abc000000`;
}

import { timingSafeEqual } from "node:crypto";
import type { Keyring } from "../keys/keyring.ts";

const FORM = /^tbr_([0-9A-Z]{26})_([0-9A-Z]{26})_([1-9]\d{0,8})_([A-Za-z0-9_-]{43})$/;

/** What a refresh token says of itself; it proves nothing before `isGenuine` does. */
export type RefreshParts = {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly generation: number;
  readonly proof: string;
};

type Place = { readonly tenantId: string; readonly sessionId: string; readonly generation: number };

/**
 * `tbr_<organisation>_<session>_<generation>_<256 bits>`. The bits are the keyed hash of all before them and of the
 * session's seed: nobody makes one from the database alone, nor from the token before it.
 */
export function refreshTokenOf(keyring: Keyring, place: Place, seed: Buffer): string {
  const proof = proofOf(keyring, place, seed).toString("base64url");
  return `tbr_${place.tenantId.slice(4)}_${place.sessionId.slice(4)}_${place.generation}_${proof}`;
}

/** Null when it is not of the form. */
export function parseRefreshToken(token: string): RefreshParts | null {
  const match = FORM.exec(token);
  if (match === null) return null;
  const [, tenant, session, generation, proof = ""] = match;
  return { tenantId: `ten_${tenant}`, sessionId: `ses_${session}`, generation: Number(generation), proof };
}

/** Whether this server gave the token out, be it spent or not. A guess is not: it must not end anybody's session. */
export function isGenuine(keyring: Keyring, parts: RefreshParts, seed: Buffer): boolean {
  const right = proofOf(keyring, parts, seed);
  const given = Buffer.from(parts.proof, "base64url");
  // Another spelling of the same bytes is another text.
  return timingSafeEqual(right, given) && given.toString("base64url") === parts.proof;
}

function proofOf(keyring: Keyring, place: Place, seed: Buffer): Buffer {
  const text = `refresh/${place.tenantId}/${place.sessionId}/${place.generation}/${seed.toString("hex")}`;
  return keyring.mac("session-tokens", text);
}

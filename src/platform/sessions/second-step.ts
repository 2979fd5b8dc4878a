import { timingSafeEqual } from "node:crypto";
import type { Keyring } from "../keys/keyring.ts";

const FORM = /^tbm_([0-9A-Z]{26})_([0-9A-Z]{26})_(\d{10})_(\d{1,9})_([A-Za-z0-9_-]{43})$/;
export const SECOND_STEP_SECONDS = 300;

/** Who has shown the right password, and which account that was: any change of it makes the token void. */
export type SecondStep = { readonly tenantId: string; readonly memberId: string; readonly version: number };

/** What a sign-in gives after the password where a code is asked for. It proves the password, for five minutes. */
export function secondStepToken(keyring: Keyring, step: SecondStep, now: Date): string {
  const until = Math.floor(now.getTime() / 1000) + SECOND_STEP_SECONDS;
  const head = `tbm_${step.tenantId.slice(4)}_${step.memberId.slice(4)}_${until}_${step.version}`;
  return `${head}_${proofOf(keyring, head)}`;
}

/** Null when this server did not make it, or it is over. */
export function readSecondStep(keyring: Keyring, token: string, now: Date): SecondStep | null {
  const match = FORM.exec(token);
  if (match === null) return null;
  const [, tenant, member, until, version, proof = ""] = match;
  const right = proofOf(keyring, token.slice(0, token.length - proof.length - 1));
  if (!timingSafeEqual(Buffer.from(right), Buffer.from(proof))) return null;
  if (Number(until) * 1000 <= now.getTime()) return null;
  return { tenantId: `ten_${tenant}`, memberId: `mem_${member}`, version: Number(version) };
}

function proofOf(keyring: Keyring, head: string): string {
  return keyring.mac("one-time-codes", `second-step/${head}`).toString("base64url");
}

import { limitKey } from "../../../platform/limits/limit-keys.ts";
import { takeFromWindow } from "../../../platform/limits/sliding-window.ts";
import type { OpenCall } from "../../../platform/product.ts";
import type { SignPage } from "../sign-view.ts";
import { sha256Hex } from "./evidence.ts";

/** Pages are looked at by many behind one address, and by the programs that check their mails. */
const LOOKS_AN_ADDRESS = { limit: 300, windowSeconds: 300 };
const POSTS_AN_ADDRESS = { limit: 300, windowSeconds: 600 };
const POSTS_A_LINK = { limit: 120, windowSeconds: 600 };
const LINKS_AN_ENVELOPE = { limit: 60, windowSeconds: 3600 };
const LINKS_A_SIGNER = { limit: 5, windowSeconds: 3600 };
const CODES_A_SIGNER = { limit: 5, windowSeconds: 3600 };
/** With five tries a code: whoever has the link guesses one of a million codes with odds of 1 : 666 in a month. */
const CODES_A_SIGNER_A_DAY = { limit: 10, windowSeconds: 86_400 };

type Limited = Extract<SignPage, { kind: "limited" }>;

/** The page for an address that looks too often, or null. */
export function limitLook(call: OpenCall): Promise<Limited | null> {
  return taken(call, addressKey(call, "secufile.look"), LOOKS_AN_ADDRESS);
}

/** The page for an address or a link that sends too many forms, or null. */
export async function limitPost(call: OpenCall, token: string): Promise<Limited | null> {
  return (
    (await taken(call, addressKey(call, "secufile.sign"), POSTS_AN_ADDRESS)) ??
    (await taken(call, `secufile.sign:${sha256Hex(token)}`, POSTS_A_LINK))
  );
}

export async function areAsksTaken(call: OpenCall, signatureId: string): Promise<boolean> {
  return (await taken(call, `secufile.envelope:${signatureId}`, LINKS_AN_ENVELOPE)) !== null;
}

export async function areLinksTaken(call: OpenCall, signerId: string): Promise<boolean> {
  return (await taken(call, `secufile.link:${signerId}`, LINKS_A_SIGNER)) !== null;
}

export async function areCodesTaken(call: OpenCall, signerId: string): Promise<boolean> {
  if ((await taken(call, `secufile.code:${signerId}`, CODES_A_SIGNER)) !== null) return true;
  return (await taken(call, `secufile.code-day:${signerId}`, CODES_A_SIGNER_A_DAY)) !== null;
}

function addressKey(call: OpenCall, operations: string): string {
  return limitKey({ kind: "address", address: call.remoteAddress }, operations);
}

async function taken(
  call: OpenCall,
  key: string,
  policy: { limit: number; windowSeconds: number },
): Promise<Limited | null> {
  const outcome = await takeFromWindow(call.services.db, { key, ...policy });
  return outcome.isAllowed ? null : { kind: "limited", retryAfterSeconds: outcome.retryAfterSeconds };
}

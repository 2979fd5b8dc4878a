import { randomBytes } from "node:crypto";
import type { Tx } from "../db/tx.ts";
import { isPlainText } from "../http/plain-text.ts";
import type { Keyring, TenantKeys } from "../keys/keyring.ts";
import { mailAddress } from "../notify/address.ts";
import type { MemberRole, MemberState } from "./roles.ts";

export type MemberLocale = "en" | "fr";

export type MemberRow = {
  id: string;
  sealed_email: Buffer;
  sealed_name: Buffer;
  role: MemberRole;
  state: MemberState;
  locale: MemberLocale;
  password: string | null;
  sealed_totp: Buffer | null;
  totp_confirmed_at: Date | null;
  totp_last_step: number | null;
  version: number;
  created_at: Date;
  updated_at: Date;
};

/** Ends a member's sessions within `tx`; the area of sessions, which stands after this one, gives it. */
export type EndSessions = (
  tx: Tx,
  tenantId: string,
  target: { memberId: string; reason: string; now: Date; exceptId?: string },
) => Promise<void>;

export const MIN_PASSWORD = 12;
export const MAX_PASSWORD = 256;
export const MAX_NAME = 200;
const LINK_BYTES = 32;

/** Addresses that differ only in case or in how their letters are made up are one address. */
export function normalAddress(email: string): string {
  return email.trim().normalize("NFKC").toLowerCase();
}

/** Whether we can write to it. */
export function isMemberAddress(email: string): boolean {
  return mailAddress(email) !== null;
}

export function isMemberName(name: string): boolean {
  return isPlainText(name, MAX_NAME);
}

export function addressHash(keyring: Keyring, email: string): Buffer {
  return keyring.mac("address-hashes", `member/${normalAddress(email)}`);
}

export function sealText(keys: TenantKeys, text: string, context: string): Buffer {
  return keys.seal("member-secrets", Buffer.from(text, "utf8"), context);
}

export function emailOf(keys: TenantKeys, row: { id: string; sealed_email: Buffer }): string {
  return keys.open("member-secrets", row.sealed_email, `email/${row.id}`).toString("utf8");
}

export function nameOf(keys: TenantKeys, row: MemberRow): string {
  return keys.open("member-secrets", row.sealed_name, `name/${row.id}`).toString("utf8");
}

/** A token for a link in a mail; what is kept of it is its hash. */
export function newLinkToken(): string {
  return randomBytes(LINK_BYTES).toString("base64url");
}

export function linkHash(keyring: Keyring, token: string): Buffer {
  return keyring.mac("link-tokens", `member/${token}`);
}

import { randomBytes } from "node:crypto";
import { recordAudit } from "../../audit/audit.ts";
import { actorOf } from "../../credentials/operations.ts";
import type { Tx } from "../../db/tx.ts";
import type { Keyring, TenantKeys } from "../../keys/keyring.ts";
import type { Call } from "../../product.ts";
import { memberError } from "../errors.ts";
import type { MemberRow } from "../member.ts";
import {
  deleteRecoveryCodes,
  insertRecoveryCodes,
  updateRecoveryCodeUsed,
  updateTotp,
  updateTotpConfirmed,
  updateTotpStep,
} from "../store/members.ts";
import type { Throttle } from "../throttle.ts";
import { base32, matchingStep, otpauthUri } from "../totp.ts";
import { ownAccount } from "./passwords.ts";

const SECRET_BYTES = 20;
const RECOVERY_CODES = 10;
const RECOVERY_BYTES = 8;

/** A new secret, which counts only once a code of it was shown. */
export async function enrolTotp(call: Call): Promise<{ secret: string; otpauth_uri: string }> {
  const { row, email } = await ownAccount(call);
  if (row.totp_confirmed_at !== null) throw memberError("totp_confirmed", "Turn one-time codes off first.");
  const secret = randomBytes(SECRET_BYTES);
  const sealed = call.keys.seal("member-secrets", secret, `totp/${row.id}`);
  const { tenantId } = call.caller;
  await call.write(async (tx) => {
    const change = { id: row.id, sealed, version: row.version, now: call.now };
    if ((await updateTotp(tx, tenantId, change)) !== 1) throw changed();
    await auditOwn(tx, call, "platform.enrolTotp");
  });
  return { secret: base32(secret), otpauth_uri: otpauthUri(secret, email, "Tabellion") };
}

export async function confirmTotp(call: Call, throttle: Throttle, code: string): Promise<{ recovery_codes: string[] }> {
  const { row } = await ownAccount(call);
  if (row.totp_confirmed_at !== null) throw memberError("totp_confirmed", "One-time codes are on already.");
  if (row.sealed_totp === null) throw memberError("totp_not_pending", "Ask for a secret first.");
  await throttle.proof(row.id);
  const step = matchingStep(secretOf(call.keys, row), code, call.now, null);
  if (step === null) throw memberError("code_wrong", "This is not the code of now.");
  const codes = newRecoveryCodes();
  return call.write(async (tx) => {
    const change = { id: row.id, step, version: row.version, now: call.now };
    if ((await updateTotpConfirmed(tx, call.caller.tenantId, change)) !== 1) throw changed();
    await keepRecoveryCodes(tx, call, row.id, codes);
    await auditOwn(tx, call, "platform.confirmTotp");
    return { recovery_codes: codes };
  });
}

export async function disableTotp(call: Call): Promise<void> {
  const { row } = await ownAccount(call);
  await call.write(async (tx) => {
    const change = { id: row.id, sealed: null, version: row.version, now: call.now };
    if ((await updateTotp(tx, call.caller.tenantId, change)) !== 1) throw changed();
    await deleteRecoveryCodes(tx, call.caller.tenantId, row.id);
    await auditOwn(tx, call, "platform.disableTotp");
  });
}

/** New ones; those from before are void. */
export async function renewRecoveryCodes(call: Call): Promise<{ recovery_codes: string[] }> {
  const { row } = await ownAccount(call);
  if (row.totp_confirmed_at === null) throw memberError("totp_not_pending", "One-time codes are not on.");
  const codes = newRecoveryCodes();
  return call.write(async (tx) => {
    await keepRecoveryCodes(tx, call, row.id, codes);
    await auditOwn(tx, call, "platform.renewRecoveryCodes");
    return { recovery_codes: codes };
  });
}

/** Spends a one-time code or a recovery code within `tx`: each is taken once, by whichever process. */
export async function spendCode(
  tx: Tx,
  row: MemberRow,
  code: string,
  context: { keyring: Keyring; keys: TenantKeys; now: Date },
): Promise<"totp" | "recovery" | null> {
  const { keyring, keys, now } = context;
  if (row.sealed_totp === null || row.totp_confirmed_at === null) return null;
  const given = code.replaceAll(/[ -]/g, "").toUpperCase();
  const step = matchingStep(secretOf(keys, row), given, now, row.totp_last_step);
  if (step !== null) {
    return (await updateTotpStep(tx, keys.tenantId, { id: row.id, step })) === 1 ? "totp" : null;
  }
  const use = { memberId: row.id, hash: recoveryHash(keyring, keys.tenantId, row.id, given), now };
  return (await updateRecoveryCodeUsed(tx, keys.tenantId, use)) === 1 ? "recovery" : null;
}

async function keepRecoveryCodes(tx: Tx, call: Call, memberId: string, codes: readonly string[]): Promise<void> {
  const { tenantId } = call.caller;
  const hashes = codes.map((code) => recoveryHash(call.services.keyring, tenantId, memberId, code.replaceAll("-", "")));
  await deleteRecoveryCodes(tx, tenantId, memberId);
  await insertRecoveryCodes(tx, tenantId, { memberId, hashes, now: call.now });
}

/** 64 bits each, in hexadecimal with a dash. */
function newRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    const text = randomBytes(RECOVERY_BYTES).toString("hex").toUpperCase();
    return `${text.slice(0, 8)}-${text.slice(8)}`;
  });
}

function recoveryHash(keyring: Keyring, tenantId: string, memberId: string, code: string): Buffer {
  return keyring.mac("one-time-codes", `recovery/${tenantId}/${memberId}/${code}`);
}

function secretOf(keys: TenantKeys, row: MemberRow): Buffer {
  if (row.sealed_totp === null) throw new Error("a member without a secret has no codes");
  return keys.open("member-secrets", row.sealed_totp, `totp/${row.id}`);
}

async function auditOwn(tx: Tx, call: Call, action: string): Promise<void> {
  const id = call.caller.member?.memberId ?? "";
  await recordAudit(tx, call.caller.tenantId, {
    action,
    at: call.now,
    actor: actorOf(call),
    resource: { type: "member", id },
    outcome: "success",
  });
}

function changed(): Error {
  return memberError("totp_not_pending", "The account changed meanwhile; try again.");
}

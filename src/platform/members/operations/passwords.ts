import { recordAudit } from "../../audit/audit.ts";
import { actorOf } from "../../credentials/operations.ts";
import type { Database } from "../../db/tx.ts";
import { enqueueJob } from "../../jobs/jobs.ts";
import { SERVER_TENANT, TenantShreddedError, type Keyring } from "../../keys/keyring.ts";
import { enqueueMail } from "../../notify/notify.ts";
import type { Call, OpenCall } from "../../product.ts";
import { nameOfTenant } from "../../tenants/operations.ts";
import { memberError } from "../errors.ts";
import { knownHash, rememberAddress } from "../known-address.ts";
import { linkMail } from "../mail.ts";
import { addressHash, emailOf, linkHash, newLinkToken, type EndSessions, type MemberRow } from "../member.ts";
import type { PasswordRules } from "../password-rules.ts";
import type { PasswordHasher } from "../password.ts";
import { insertLink, updateLinksEnded, updateLinkUsed } from "../store/links.ts";
import { findMember, listPlaces, updatePassword } from "../store/members.ts";
import type { Throttle } from "../throttle.ts";
import { openLink } from "./invitations.ts";

export const RESET_JOB = "platform.sendPasswordReset";
export const RESET_MAIL_JOB = "platform.mailPasswordReset";
export const RESET_ATTEMPTS = 5;
/** The ninth comes 78 minutes after the first, the tenth more than two hours later: they outlast a full hour of mails. */
export const RESET_MAIL_ATTEMPTS = 10;
const RESET_MS = 3600 * 1000;
/** Whoever asked does not wait longer for a mail; by then they asked again. */
const RESET_AWAITED_MS = 4 * 3600 * 1000;

export type PasswordTools = {
  readonly hasher: PasswordHasher;
  readonly rules: PasswordRules;
  readonly throttle: Throttle;
  readonly endSessions: EndSessions;
};

/**
 * The same work whether anybody has the address, with a row in the server's log: what differs, a row in the log of each
 * organisation too, happens later, in the background.
 */
export async function requestReset(
  call: OpenCall,
  throttle: Throttle,
  request: { email: string; tenant_id?: string | undefined },
): Promise<void> {
  const hash = addressHash(call.services.keyring, request.email);
  await throttle.mail({ accountHash: hash, remoteAddress: call.remoteAddress });
  const expiresAt = new Date(call.now.getTime() + RESET_AWAITED_MS).toISOString();
  const payload = { addressHash: hash.toString("hex"), tenantId: request.tenant_id ?? null, expiresAt };
  const job = { name: RESET_JOB, payload, maxAttempts: RESET_ATTEMPTS };
  await call.services.db.tenant(SERVER_TENANT, async (tx) => {
    await enqueueJob(tx, job);
    await recordAudit(tx, SERVER_TENANT, {
      action: "platform.requestPasswordReset",
      at: call.now,
      actor: { type: "visitor", id: "reset", ip: call.remoteAddress },
      outcome: "success",
      details: { request_id: call.requestId },
    });
  });
}

type SendTools = { readonly db: Database; readonly keyring: Keyring; publicUrl(): string };

/**
 * A job for every account that the address has, all or none: each is tried by itself, so that one that has to wait makes
 * no other be mailed again. A later request takes the place of one that still waits.
 */
export async function sendReset(
  { db }: Pick<SendTools, "db">,
  request: { addressHash: string; tenantId: string | null; expiresAt: string },
): Promise<void> {
  const hash = Buffer.from(request.addressHash, "hex");
  const { expiresAt } = request;
  await db.directory(async (tx) => {
    for (const { tenant_id: tenantId, member_id: memberId } of await listPlaces(tx, hash, request.tenantId)) {
      const payload = { tenantId, memberId, expiresAt };
      const key = `${RESET_MAIL_JOB}:${tenantId}:${memberId}`;
      await enqueueJob(tx, { name: RESET_MAIL_JOB, payload, key, maxAttempts: RESET_MAIL_ATTEMPTS });
    }
  });
}

/** Mails a link to one account; links from before end with it, or stay when it cannot be sent. */
export async function mailReset(
  tools: SendTools,
  request: { tenantId: string; memberId: string; expiresAt: string },
  now: Date,
): Promise<void> {
  if (new Date(request.expiresAt) <= now) return;
  const { tenantId, memberId } = request;
  await sendTo(tools, { tenantId, memberId, now }).catch((error: unknown) => {
    // Shredded meanwhile: nobody is left.
    if (!(error instanceof TenantShreddedError)) throw error;
  });
}

async function sendTo(tools: SendTools, target: { tenantId: string; memberId: string; now: Date }): Promise<void> {
  const { db, keyring } = tools;
  const { tenantId, memberId, now } = target;
  const keys = await keyring.of(tenantId);
  const token = newLinkToken();
  const expiresAt = new Date(now.getTime() + RESET_MS);
  await db.tenant(tenantId, async (tx) => {
    const row = await findMember(tx, tenantId, memberId);
    if (row === null || row.state !== "active") return;
    await updateLinksEnded(tx, tenantId, memberId, now);
    const link = { hash: linkHash(keyring, token), purpose: "reset", tenantId, subjectId: memberId } as const;
    await insertLink(tx, { ...link, now, expiresAt });
    const organisation = await nameOfTenant(tx, tenantId);
    const url = `${tools.publicUrl()}/reset/${token}`;
    const mail = { to: emailOf(keys, row), locale: row.locale, organisation, url, at: now, expiresAt };
    await enqueueMail(tx, keys, linkMail("reset", mail));
    await recordAudit(tx, tenantId, {
      action: "platform.requestPasswordReset",
      at: now,
      actor: { type: "system", id: "platform.mailReset" },
      resource: { type: "member", id: memberId },
      outcome: "success",
    });
  });
}

/** Sets a password by a mailed link and ends every session. One-time codes stay asked for. */
export async function completeReset(
  call: OpenCall,
  tools: PasswordTools,
  request: { token: string; password: string },
): Promise<void> {
  const { link, keys, hash } = await openLink(call, request.token, "reset");
  const { tenant_id: tenantId, subject_id: memberId } = link;
  const { db, keyring } = call.services;
  const { row, organisation } = await db.tenant(tenantId, async (tx) => ({
    row: await findMember(tx, tenantId, memberId),
    organisation: await nameOfTenant(tx, tenantId),
  }));
  if (row === null || row.state !== "active") throw memberError("link_not_valid", "The link is over.");
  const email = emailOf(keys, row);
  tools.rules.refuse(request.password, { email, organisation });
  const password = await tools.hasher.hash(request.password);
  await db.tenant(tenantId, async (tx) => {
    if ((await updateLinkUsed(tx, tenantId, hash, call.now)) !== 1) {
      throw memberError("link_not_valid", "The link was used or is over.");
    }
    const change = { id: memberId, password, version: row.version, now: call.now };
    if ((await updatePassword(tx, tenantId, change)) !== 1) throw memberError("link_not_valid", "The link is over.");
    await updateLinksEnded(tx, tenantId, memberId, call.now);
    await tools.endSessions(tx, tenantId, { memberId, reason: "password_reset", now: call.now });
    // The way in for a member whose account strangers keep busy, wherever the member is.
    const known = knownHash(keyring, addressHash(keyring, email), call.remoteAddress);
    await rememberAddress(tx, tenantId, { memberId, hash: known, now: call.now, others: 0 });
    await recordAudit(tx, tenantId, {
      action: "platform.completePasswordReset",
      at: call.now,
      actor: { type: "member", id: memberId, email, ip: call.remoteAddress },
      resource: { type: "member", id: memberId },
      outcome: "success",
    });
  });
}

/** Changes one's own password; every other session ends. */
export async function changePassword(
  call: Call,
  tools: PasswordTools,
  request: { current_password: string; new_password: string },
): Promise<void> {
  const { row, email, sessionId } = await ownAccount(call);
  await tools.throttle.proof(row.id);
  const checked = await tools.hasher.verify(request.current_password, row.password);
  if (!checked.isRight) throw memberError("password_refused", "The current password is another one.");
  const { tenantId } = call.caller;
  const organisation = await call.read((tx) => nameOfTenant(tx, tenantId));
  tools.rules.refuse(request.new_password, { email, organisation });
  const password = await tools.hasher.hash(request.new_password);
  await call.write(async (tx) => {
    const change = { id: row.id, password, version: row.version, now: call.now };
    if ((await updatePassword(tx, tenantId, change)) !== 1) {
      throw memberError("password_refused", "The account changed meanwhile; try again.");
    }
    await updateLinksEnded(tx, tenantId, row.id, call.now);
    const target = { memberId: row.id, reason: "password_changed", now: call.now, exceptId: sessionId };
    await tools.endSessions(tx, tenantId, target);
    await recordAudit(tx, tenantId, {
      action: "platform.changePassword",
      at: call.now,
      actor: actorOf(call),
      resource: { type: "member", id: row.id },
      outcome: "success",
    });
  });
}

/** The account of the member who calls. */
export async function ownAccount(call: Call): Promise<{ row: MemberRow; email: string; sessionId: string }> {
  const { member, tenantId } = call.caller;
  if (member === undefined) throw new Error("this route is for members");
  const row = await call.services.db.tenant(tenantId, (tx) => findMember(tx, tenantId, member.memberId));
  if (row === null) throw memberError("member_not_found", "The member was removed.");
  return { row, email: member.email, sessionId: member.sessionId };
}

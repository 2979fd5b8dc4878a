import { recordAudit } from "../../audit/audit.ts";
import { actorOf } from "../../credentials/operations.ts";
import { pageOf, positionOf } from "../../db/paging.ts";
import { platformError } from "../../errors/platform-errors.ts";
import { newId } from "../../ids/ids.ts";
import { TenantShreddedError, type TenantKeys } from "../../keys/keyring.ts";
import { enqueueMail } from "../../notify/notify.ts";
import type { Call, OpenCall } from "../../product.ts";
import { nameOfTenant } from "../../tenants/operations.ts";
import { memberError } from "../errors.ts";
import { knownHash, rememberAddress } from "../known-address.ts";
import { linkMail } from "../mail.ts";
import { addressHash, emailOf, isMemberAddress, isMemberName, linkHash, newLinkToken, sealText } from "../member.ts";
import type { PasswordRules } from "../password-rules.ts";
import type { PasswordHasher } from "../password.ts";
import { mayTouch } from "../roles.ts";
import type { InvitationView, InviteRequest } from "../schema.ts";
import {
  findInvitation,
  findLink,
  insertInvitation,
  insertLink,
  listPendingInvitations,
  updateInvitationAccepted,
  updateInvitationWithdrawn,
  updateLinksEnded,
  updateLinkUsed,
  type InvitationRow,
  type LinkPurpose,
  type LinkRow,
} from "../store/links.ts";
import { insertMember, insertPlace, listPlaces } from "../store/members.ts";
import type { Throttle } from "../throttle.ts";

const INVITATION_MS = 7 * 24 * 3600 * 1000;

/** Mails a link by which one person becomes a member. The link is in the mail and nowhere else. */
export async function inviteMember(call: Call, request: InviteRequest): Promise<InvitationView> {
  const { tenantId, member } = call.caller;
  const { keyring } = call.services;
  const email = request.email.trim();
  if (!isMemberAddress(email)) {
    throw platformError("validation_failed", "The body is not valid.", {
      fields: [{ parameter: "email", reason: "must be a mail address" }],
    });
  }
  if (!mayTouch(member?.role ?? null, [request.role])) {
    throw memberError("owner_needed", "Only an owner invites owners.");
  }
  const token = newLinkToken();
  const expiresAt = new Date(call.now.getTime() + INVITATION_MS);
  return call.write(async (tx) => {
    const known = await listPlaces(tx, addressHash(keyring, email), tenantId);
    if (known.length > 0) throw memberError("member_exists", "The address belongs to a member already.");
    const id = newId("inv", call.now);
    const row = {
      id,
      sealed_email: sealText(call.keys, email, `email/${id}`),
      role: request.role,
      locale: request.locale,
      invited_by: call.caller.credentialId,
      created_at: call.now,
      expires_at: expiresAt,
    };
    await insertInvitation(tx, tenantId, row);
    const link = { hash: linkHash(keyring, token), purpose: "invitation", tenantId, subjectId: id } as const;
    await insertLink(tx, { ...link, now: call.now, expiresAt });
    const organisation = await nameOfTenant(tx, tenantId);
    await recordAudit(tx, tenantId, {
      action: "platform.inviteMember",
      at: call.now,
      actor: actorOf(call),
      resource: { type: "invitation", id },
      outcome: "success",
      details: { role: request.role },
    });
    const url = `${call.services.publicUrl()}/invite/${token}`;
    const mail = { to: email, locale: request.locale, organisation, url, at: call.now, expiresAt };
    await enqueueMail(tx, call.keys, linkMail("invitation", mail));
    return viewOf(call.keys, row);
  });
}

/** Those that can still be accepted, oldest first. */
export async function listInvitations(
  call: Call,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: InvitationView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const asked = { ...position, now: call.now };
  const rows = await call.read((tx) => listPendingInvitations(tx, call.caller.tenantId, asked));
  return pageOf(rows, position, { id: (row) => row.id, show: (row) => viewOf(call.keys, row) });
}

/**
 * Ends an invitation that nobody accepted: its link is dead once this is answered. Of a withdrawal and acceptances at
 * once, whichever uses up the link first wins.
 */
export async function withdrawInvitation(call: Call, id: string): Promise<void> {
  const { tenantId, member } = call.caller;
  await call.write(async (tx) => {
    const row = await findInvitation(tx, tenantId, id);
    if (row === null) throw memberError("invitation_not_found", `There is no invitation ${id}.`);
    if (!mayTouch(member?.role ?? null, [row.role])) {
      throw memberError("owner_needed", "Only an owner withdraws the invitation of an owner.");
    }
    // The link first, as an acceptance does.
    const ended = row.expires_at > call.now ? await updateLinksEnded(tx, tenantId, id, call.now) : 0;
    if (ended === 0 || (await updateInvitationWithdrawn(tx, tenantId, id, call.now)) !== 1) {
      throw memberError("invitation_over", "The invitation was accepted or withdrawn, or its time is over.");
    }
    await recordAudit(tx, tenantId, {
      action: "platform.withdrawInvitation",
      at: call.now,
      actor: actorOf(call),
      resource: { type: "invitation", id },
      outcome: "success",
      details: { role: row.role },
    });
  });
}

function viewOf(keys: TenantKeys, row: Omit<InvitationRow, "accepted_at" | "withdrawn_at">): InvitationView {
  return {
    invitation_id: row.id,
    email: emailOf(keys, row),
    role: row.role,
    locale: row.locale,
    invited_by: row.invited_by,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  };
}

type OpenLink = { readonly link: LinkRow; readonly keys: TenantKeys; readonly hash: Buffer };
type OpenInvitation = OpenLink & {
  readonly invitation: InvitationRow;
  readonly organisation: string;
  readonly email: string;
};

/** A link that still opens, and the keys of its organisation. Throws `link_not_valid`. */
export async function openLink(call: OpenCall, token: string, purpose: LinkPurpose): Promise<OpenLink> {
  const { db, keyring } = call.services;
  const hash = linkHash(keyring, token);
  const link = await db.lookup(findLink(hash));
  if (link === null || link.purpose !== purpose || link.used_at !== null || link.expires_at <= call.now) throw over();
  try {
    return { link, keys: await keyring.of(link.tenant_id), hash };
  } catch (error) {
    if (error instanceof TenantShreddedError) throw over(error);
    throw error;
  }
}

export async function openInvitation(call: OpenCall, token: string): Promise<OpenInvitation> {
  const opened = await openLink(call, token, "invitation");
  const { tenant_id: tenantId, subject_id: id } = opened.link;
  const found = await call.services.db.tenant(tenantId, async (tx) => ({
    row: await findInvitation(tx, tenantId, id),
    organisation: await nameOfTenant(tx, tenantId),
  }));
  if (found.row === null || found.row.accepted_at !== null || found.row.withdrawn_at !== null) throw over();
  return { ...opened, invitation: found.row, organisation: found.organisation, email: emailOf(opened.keys, found.row) };
}

const LOOKS = {
  invitation: { action: "platform.getInvitePage", type: "invitation" },
  reset: { action: "platform.getResetPage", type: "member" },
} as const;

/**
 * Puts on record that somebody looked at the page of a link that opens. Throws `link_not_valid` where it does not, and
 * `rate_limited` where that address looked too often.
 */
export async function noteLook(
  call: OpenCall,
  throttle: Pick<Throttle, "look">,
  look: { readonly token: string; readonly purpose: LinkPurpose },
): Promise<void> {
  const { token, purpose } = look;
  await throttle.look(call.remoteAddress);
  const { link } = await openLink(call, token, purpose);
  const { tenant_id: tenantId, subject_id: id } = link;
  const { action, type } = LOOKS[purpose];
  await call.services.db.tenant(tenantId, (tx) =>
    recordAudit(tx, tenantId, {
      action,
      at: call.now,
      actor: { type: "visitor", id: "link", ip: call.remoteAddress },
      resource: { type, id },
      outcome: "success",
      details: { request_id: call.requestId },
    }),
  );
}

/** Makes the member; of many who accept one link at once, one does. */
export async function acceptInvitation(
  call: OpenCall,
  { hasher, rules }: { readonly hasher: PasswordHasher; readonly rules: PasswordRules },
  request: { token: string; name: string; password: string },
): Promise<{ member_id: string; tenant_id: string }> {
  const opened = await openInvitation(call, request.token);
  const name = request.name.trim().normalize("NFC");
  if (!isMemberName(name)) {
    throw platformError("validation_failed", "The body is not valid.", {
      fields: [{ parameter: "name", reason: "must be plain text" }],
    });
  }
  rules.refuse(request.password, opened);
  const password = await hasher.hash(request.password);
  const id = newId("mem", call.now);
  const { tenant_id: tenantId } = opened.link;
  await call.services.db.tenant(tenantId, async (tx) => {
    if ((await updateLinkUsed(tx, tenantId, opened.hash, call.now)) !== 1) throw over();
    const { role, locale } = opened.invitation;
    const account = addressHash(call.services.keyring, opened.email);
    const place = { addressHash: account, tenantId, memberId: id };
    if ((await insertPlace(tx, place)) !== 1) throw memberError("member_exists", "The address belongs to a member.");
    await insertMember(tx, tenantId, {
      id,
      sealed_email: sealText(opened.keys, opened.email, `email/${id}`),
      sealed_name: sealText(opened.keys, name, `name/${id}`),
      role,
      locale,
      password,
      now: call.now,
    });
    const known = knownHash(call.services.keyring, account, call.remoteAddress);
    await rememberAddress(tx, tenantId, { memberId: id, hash: known, now: call.now });
    if ((await updateInvitationAccepted(tx, tenantId, opened.invitation.id, call.now)) !== 1) throw over();
    await recordAudit(tx, tenantId, {
      action: "platform.acceptInvitation",
      at: call.now,
      actor: { type: "member", id, email: opened.email, ip: call.remoteAddress },
      resource: { type: "invitation", id: opened.invitation.id },
      outcome: "success",
      details: { role },
    });
  });
  return { member_id: id, tenant_id: tenantId };
}

function over(cause?: unknown): Error {
  return memberError("link_not_valid", "The link was used or is over. Ask for another one.", { cause });
}

import type { Position } from "../../db/paging.ts";
import { sql, type Statement } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";
import type { MemberLocale } from "../member.ts";
import type { MemberRole } from "../roles.ts";

export type LinkPurpose = "invitation" | "reset";

export type LinkRow = {
  purpose: LinkPurpose;
  tenant_id: string;
  subject_id: string;
  expires_at: Date;
  used_at: Date | null;
};

export type InvitationRow = {
  id: string;
  sealed_email: Buffer;
  role: MemberRole;
  locale: MemberLocale;
  invited_by: string;
  created_at: Date;
  expires_at: Date;
  accepted_at: Date | null;
  withdrawn_at: Date | null;
};

/** Before the organisation is known. */
export function findLink(tokenHash: Buffer): Statement<LinkRow> {
  return sql<LinkRow>`
    select purpose, tenant_id, subject_id, expires_at, used_at from platform.member_links
     where token_hash = ${tokenHash}`;
}

export async function insertLink(
  tx: Tx,
  row: { hash: Buffer; purpose: LinkPurpose; tenantId: string; subjectId: string; now: Date; expiresAt: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.member_links (token_hash, purpose, tenant_id, subject_id, created_at, expires_at)
    values (${row.hash}, ${row.purpose}, ${row.tenantId}, ${row.subjectId}, ${row.now}, ${row.expiresAt})`);
}

/** Spends a link. Zero rows: it was used, replaced or is over. */
export async function updateLinkUsed(tx: Tx, tenantId: string, hash: Buffer, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.member_links set used_at = ${now}
     where token_hash = ${hash} and tenant_id = ${tenantId} and used_at is null and expires_at > ${now}`);
}

/** Ends all links about a member or invitation. Zero rows: none was open. */
export async function updateLinksEnded(tx: Tx, tenantId: string, subjectId: string, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.member_links set used_at = ${now}
     where tenant_id = ${tenantId} and subject_id = ${subjectId} and used_at is null`);
}

export async function insertInvitation(
  tx: Tx,
  tenantId: string,
  row: Omit<InvitationRow, "accepted_at" | "withdrawn_at">,
): Promise<number> {
  return tx.run(sql`
    insert into platform.invitations (tenant_id, id, sealed_email, role, locale, invited_by, created_at, expires_at)
    values (${tenantId}, ${row.id}, ${row.sealed_email}, ${row.role}, ${row.locale}, ${row.invited_by},
            ${row.created_at}, ${row.expires_at})`);
}

export async function findInvitation(tx: Tx, tenantId: string, id: string): Promise<InvitationRow | null> {
  return tx.one(sql<InvitationRow>`
    select id, sealed_email, role, locale, invited_by, created_at, expires_at, accepted_at, withdrawn_at
      from platform.invitations
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** Those that can still be accepted. */
export async function listPendingInvitations(
  tx: Tx,
  tenantId: string,
  position: Position & { now: Date },
): Promise<InvitationRow[]> {
  return tx.many(sql<InvitationRow>`
    select id, sealed_email, role, locale, invited_by, created_at, expires_at, accepted_at, withdrawn_at
      from platform.invitations
     where tenant_id = ${tenantId} and id > ${position.afterId ?? ""}
       and accepted_at is null and withdrawn_at is null and expires_at > ${position.now}
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** Zero rows: it was accepted or withdrawn before. */
export async function updateInvitationAccepted(tx: Tx, tenantId: string, id: string, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.invitations set accepted_at = ${now}
     where tenant_id = ${tenantId} and id = ${id} and accepted_at is null and withdrawn_at is null`);
}

/** Zero rows: it was accepted or withdrawn before. */
export async function updateInvitationWithdrawn(tx: Tx, tenantId: string, id: string, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.invitations set withdrawn_at = ${now}
     where tenant_id = ${tenantId} and id = ${id} and accepted_at is null and withdrawn_at is null`);
}

/** Deletes at most `limit` links that ended before; zero: none is left. */
export async function deleteOldLinks(tx: Tx, before: Date, limit: number): Promise<number> {
  return tx.run(sql`
    delete from platform.member_links
     where token_hash in (
       select token_hash from platform.member_links where expires_at < ${before} order by expires_at limit ${limit})`);
}

/** Deletes at most `limit` invitations whose time ended before, accepted or not; zero: none is left. */
export async function deleteOldInvitations(
  tx: Tx,
  tenantId: string,
  old: { before: Date; limit: number },
): Promise<number> {
  return tx.run(sql`
    delete from platform.invitations
     where tenant_id = ${tenantId} and id in (
       select id from platform.invitations
        where tenant_id = ${tenantId} and expires_at < ${old.before} order by id limit ${old.limit})`);
}

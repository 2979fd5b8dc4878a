import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";
import type { Position } from "../../db/paging.ts";
import type { MemberRow } from "../member.ts";
import type { MemberRole, MemberState } from "../roles.ts";

export type DirectoryPlace = { tenant_id: string; member_id: string };

/** Where an address belongs to a member, in living organisations; nobody is in a thousand. */
export async function listPlaces(tx: Tx, addressHash: Buffer, tenantId: string | null): Promise<DirectoryPlace[]> {
  return tx.many(sql<DirectoryPlace>`
    select d.tenant_id, d.member_id
      from platform.member_directory d
      join platform.tenants t on t.id = d.tenant_id and t.deleted_at is null
     where d.address_hash = ${addressHash} and (${tenantId}::text is null or d.tenant_id = ${tenantId})
     order by d.tenant_id
     limit 1000`);
}

/**
 * Of each that is asked for the one member whom its address belongs to, in the named or in any living organisation;
 * `place` counts from 0. Those who belong to none or to several are left out.
 */
export async function listSolePlaces(
  tx: Tx,
  asked: readonly { readonly addressHash: Buffer; readonly tenantId: string | null }[],
): Promise<(DirectoryPlace & { place: number })[]> {
  return tx.many(sql<DirectoryPlace & { place: number }>`
    select (q.place - 1)::int as place, min(d.tenant_id) as tenant_id, min(d.member_id) as member_id
      from rows from (unnest(${asked.map((one) => one.addressHash)}::bytea[]), unnest(${asked.map((one) => one.tenantId)}::text[]))
           with ordinality as q (address_hash, tenant_id, place)
      join platform.member_directory d
        on d.address_hash = q.address_hash and (q.tenant_id is null or d.tenant_id = q.tenant_id)
      join platform.tenants t on t.id = d.tenant_id and t.deleted_at is null
     group by q.place
    having count(*) = 1
     order by q.place`);
}

/** Zero rows: the address belongs to a member of this organisation already. */
export async function insertPlace(
  tx: Tx,
  row: { addressHash: Buffer; tenantId: string; memberId: string },
): Promise<number> {
  return tx.run(sql`
    insert into platform.member_directory (address_hash, tenant_id, member_id)
    values (${row.addressHash}, ${row.tenantId}, ${row.memberId})
    on conflict do nothing`);
}

/** Zero rows: it was removed before. */
export async function deletePlace(tx: Tx, addressHash: Buffer, tenantId: string): Promise<number> {
  return tx.run(sql`
    delete from platform.member_directory where address_hash = ${addressHash} and tenant_id = ${tenantId}`);
}

export async function insertMember(
  tx: Tx,
  tenantId: string,
  row: Pick<MemberRow, "id" | "sealed_email" | "sealed_name" | "role" | "locale" | "password"> & { now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.members
      (tenant_id, id, sealed_email, sealed_name, role, locale, password, created_at, updated_at)
    values (${tenantId}, ${row.id}, ${row.sealed_email}, ${row.sealed_name}, ${row.role}, ${row.locale},
            ${row.password}, ${row.now}, ${row.now})`);
}

export async function findMember(tx: Tx, tenantId: string, id: string): Promise<MemberRow | null> {
  return tx.one(sql<MemberRow>`
    select id, sealed_email, sealed_name, role, state, locale, password, sealed_totp, totp_confirmed_at,
           totp_last_step::float8, version::float8, created_at, updated_at
      from platform.members
     where tenant_id = ${tenantId} and id = ${id}`);
}

export async function lockMember(tx: Tx, tenantId: string, id: string): Promise<MemberRow | null> {
  return tx.one(sql<MemberRow>`
    select id, sealed_email, sealed_name, role, state, locale, password, sealed_totp, totp_confirmed_at,
           totp_last_step::float8, version::float8, created_at, updated_at
      from platform.members
     where tenant_id = ${tenantId} and id = ${id}
       for update`);
}

export async function listMembers(tx: Tx, tenantId: string, position: Position): Promise<MemberRow[]> {
  return tx.many(sql<MemberRow>`
    select id, sealed_email, sealed_name, role, state, locale, password, sealed_totp, totp_confirmed_at,
           totp_last_step::float8, version::float8, created_at, updated_at
      from platform.members
     where tenant_id = ${tenantId} and id > ${position.afterId ?? ""}
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** Active owners and admins, those who came first. */
export async function listStewards(tx: Tx, tenantId: string, limit: number): Promise<MemberRow[]> {
  return tx.many(sql<MemberRow>`
    select id, sealed_email, sealed_name, role, state, locale, password, sealed_totp, totp_confirmed_at,
           totp_last_step::float8, version::float8, created_at, updated_at
      from platform.members
     where tenant_id = ${tenantId} and role in ('owner', 'admin') and state = 'active'
     order by id
     limit ${limit}`);
}

/** Ids of the active owners, each held to the end of the transaction: of two demotions at once, the later sees one. */
export async function lockOwners(tx: Tx, tenantId: string): Promise<string[]> {
  const rows = await tx.many(sql<{ id: string }>`
    select id from platform.members
     where tenant_id = ${tenantId} and role = 'owner' and state = 'active'
     order by id
       for update`);
  return rows.map((row) => row.id);
}

/** Zero rows: the member is gone. */
export async function updateRole(
  tx: Tx,
  tenantId: string,
  change: { id: string; role: MemberRole; state: MemberState; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.members
       set role = ${change.role}, state = ${change.state}, version = version + 1, updated_at = ${change.now}
     where tenant_id = ${tenantId} and id = ${change.id}`);
}

/** Zero rows: the member is gone, or changed since it was read. */
export async function updatePassword(
  tx: Tx,
  tenantId: string,
  change: { id: string; password: string; version: number; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.members
       set password = ${change.password}, version = version + 1, updated_at = ${change.now}
     where tenant_id = ${tenantId} and id = ${change.id} and version = ${change.version}`);
}

/**
 * The same password, hashed at today's cost: `version` stays, so that sign-ins under way go on. Zero rows: the member is
 * gone, or changed since it was read.
 */
export async function updatePasswordHash(
  tx: Tx,
  tenantId: string,
  change: { id: string; password: string; version: number },
): Promise<number> {
  return tx.run(sql`
    update platform.members
       set password = ${change.password}
     where tenant_id = ${tenantId} and id = ${change.id} and version = ${change.version}`);
}

/** Zero rows: the member is gone, or changed since it was read. `sealed` null turns one-time codes off. */
export async function updateTotp(
  tx: Tx,
  tenantId: string,
  change: { id: string; sealed: Buffer | null; version: number; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.members
       set sealed_totp = ${change.sealed}, totp_confirmed_at = null, totp_last_step = null, version = version + 1,
           updated_at = ${change.now}
     where tenant_id = ${tenantId} and id = ${change.id} and version = ${change.version}`);
}

/** Zero rows: changed since it was read, or confirmed before. */
export async function updateTotpConfirmed(
  tx: Tx,
  tenantId: string,
  change: { id: string; step: number; version: number; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.members
       set totp_confirmed_at = ${change.now}, totp_last_step = ${change.step}, version = version + 1,
           updated_at = ${change.now}
     where tenant_id = ${tenantId} and id = ${change.id} and version = ${change.version}
       and totp_confirmed_at is null and sealed_totp is not null`);
}

/** Spends a step. Zero rows: this step or a later one was used. */
export async function updateTotpStep(tx: Tx, tenantId: string, use: { id: string; step: number }): Promise<number> {
  return tx.run(sql`
    update platform.members
       set totp_last_step = ${use.step}
     where tenant_id = ${tenantId} and id = ${use.id} and totp_confirmed_at is not null
       and coalesce(totp_last_step, -1) < ${use.step}`);
}

/** Zero rows: the member is gone. */
export async function deleteMember(tx: Tx, tenantId: string, id: string): Promise<number> {
  return tx.run(sql`delete from platform.members where tenant_id = ${tenantId} and id = ${id}`);
}

export async function insertRecoveryCodes(
  tx: Tx,
  tenantId: string,
  codes: { memberId: string; hashes: readonly Buffer[]; now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.recovery_codes (tenant_id, member_id, code_hash, created_at)
    select ${tenantId}, ${codes.memberId}, hash, ${codes.now} from unnest(${[...codes.hashes]}::bytea[]) as hash`);
}

/** Spends a code. Zero rows: there is no such code, or it was used. */
export async function updateRecoveryCodeUsed(
  tx: Tx,
  tenantId: string,
  use: { memberId: string; hash: Buffer; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.recovery_codes set used_at = ${use.now}
     where tenant_id = ${tenantId} and member_id = ${use.memberId} and code_hash = ${use.hash} and used_at is null`);
}

/** Zero rows: there were none. */
export async function deleteRecoveryCodes(tx: Tx, tenantId: string, memberId: string): Promise<number> {
  return tx.run(sql`
    delete from platform.recovery_codes where tenant_id = ${tenantId} and member_id = ${memberId}`);
}

export async function countRecoveryCodes(tx: Tx, tenantId: string, memberId: string): Promise<number> {
  const row = await tx.one(sql<{ count: number }>`
    select count(*)::int as count from platform.recovery_codes
     where tenant_id = ${tenantId} and member_id = ${memberId} and used_at is null`);
  return row?.count ?? 0;
}

/** Deletes at most `limit` recovery codes that were used before; zero: none is left. */
export async function deleteUsedCodes(tx: Tx, tenantId: string, old: { before: Date; limit: number }): Promise<number> {
  return tx.run(sql`
    delete from platform.recovery_codes
     where tenant_id = ${tenantId} and (member_id, code_hash) in (
       select member_id, code_hash from platform.recovery_codes
        where tenant_id = ${tenantId} and used_at < ${old.before} order by member_id, code_hash limit ${old.limit})`);
}

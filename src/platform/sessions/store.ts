import { lockNumbers } from "../db/lock-numbers.ts";
import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { CallingMember } from "../product.ts";

export type SessionRow = {
  id: string;
  member_id: string;
  seed: Buffer;
  /** The only generation whose token can be spent. */
  generation: number;
  rotated_at: Date | null;
  rotated_client: Buffer | null;
  created_at: Date;
  used_at: Date;
  revoked_at: Date | null;
};

export async function insertSession(
  tx: Tx,
  tenantId: string,
  row: { id: string; memberId: string; seed: Buffer; now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into platform.sessions (tenant_id, id, member_id, seed, created_at, used_at)
    values (${tenantId}, ${row.id}, ${row.memberId}, ${row.seed}, ${row.now}, ${row.now})`);
}

export async function findSession(tx: Tx, tenantId: string, id: string): Promise<SessionRow | null> {
  return tx.one(sql<SessionRow>`
    select id, member_id, seed, generation, rotated_at, rotated_client, created_at, used_at, revoked_at
      from platform.sessions
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** A session with what is known of its member now; null members where there is none any more. */
export type SessionMemberRow = SessionRow & {
  proved_at: Date | null;
  role: CallingMember["role"] | null;
  state: "active" | "suspended" | null;
  sealed_email: Buffer | null;
};

export async function findSessionMember(tx: Tx, tenantId: string, id: string): Promise<SessionMemberRow | null> {
  return tx.one(sql<SessionMemberRow>`
    select s.id, s.member_id, s.seed, s.generation, s.rotated_at, s.rotated_client, s.created_at, s.used_at,
           s.revoked_at, s.proved_at, m.role, m.state, m.sealed_email
      from platform.sessions s
      left join platform.members m on m.tenant_id = s.tenant_id and m.id = s.member_id
     where s.tenant_id = ${tenantId} and s.id = ${id}`);
}

/** Living sessions of a member, newest first. */
export async function listSessions(
  tx: Tx,
  tenantId: string,
  asked: { memberId: string; usedAfter: Date; madeAfter: Date },
): Promise<SessionRow[]> {
  return tx.many(sql<SessionRow>`
    select id, member_id, seed, generation, rotated_at, rotated_client, created_at, used_at, revoked_at
      from platform.sessions
     where tenant_id = ${tenantId} and member_id = ${asked.memberId} and revoked_at is null
       and used_at > ${asked.usedAfter} and created_at > ${asked.madeAfter}
     order by id desc
     limit 200`);
}

/** Zero rows: the session is over. */
export async function updateProved(tx: Tx, tenantId: string, id: string, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.sessions set proved_at = ${now}
     where tenant_id = ${tenantId} and id = ${id} and revoked_at is null`);
}

/** Ends all sessions of a member but one. Zero rows: none was alive. */
export async function updateSessionsRevoked(
  tx: Tx,
  tenantId: string,
  target: { memberId: string; reason: string; now: Date; exceptId: string | null },
): Promise<number> {
  return tx.run(sql`
    update platform.sessions set revoked_at = ${target.now}, revoked_reason = ${target.reason}
     where tenant_id = ${tenantId} and member_id = ${target.memberId} and revoked_at is null
       and id is distinct from ${target.exceptId}::text`);
}

/** Spends a generation. Zero rows: another request spent it first, or the session was revoked. */
export async function updateGeneration(
  tx: Tx,
  tenantId: string,
  spent: { id: string; generation: number; client: Buffer; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.sessions
       set generation = generation + 1, rotated_at = ${spent.now}, rotated_client = ${spent.client},
           used_at = ${spent.now}
     where tenant_id = ${tenantId} and id = ${spent.id} and generation = ${spent.generation}
       and revoked_at is null`);
}

/** Zero rows: it was revoked before, or there is none. */
export async function updateSessionRevoked(
  tx: Tx,
  tenantId: string,
  target: { id: string; reason: string; now: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.sessions set revoked_at = ${target.now}, revoked_reason = ${target.reason}
     where tenant_id = ${tenantId} and id = ${target.id} and revoked_at is null`);
}

/** Deletes at most `limit` that ended long ago; zero: none is left. */
export async function deleteOldSessions(
  tx: Tx,
  tenantId: string,
  ended: { revokedBefore: Date; usedBefore: Date; madeBefore: Date; limit: number },
): Promise<number> {
  return tx.run(sql`
    delete from platform.sessions
     where tenant_id = ${tenantId} and id in (
       select id from platform.sessions
        where tenant_id = ${tenantId}
          and (revoked_at < ${ended.revokedBefore} or used_at < ${ended.usedBefore} or created_at < ${ended.madeBefore})
        order by id
        limit ${ended.limit})`);
}

export type SigningKeyRow = { id: string; public_key: Buffer; sealed_key: Buffer; created_at: Date };

/** Held to the end of the transaction: of processes that find no fresh key at once, one makes it. */
export async function lockSigningKeys(tx: Tx): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(${lockNumbers.signingKeys})`);
}

/** Newest first. */
export async function listSigningKeys(tx: Tx, tenantId: string, since: Date): Promise<SigningKeyRow[]> {
  return tx.many(sql<SigningKeyRow>`
    select id, public_key, sealed_key, created_at
      from platform.session_signing_keys
     where tenant_id = ${tenantId} and created_at > ${since}
     order by created_at desc, id desc
     limit 10`);
}

export async function insertSigningKey(tx: Tx, tenantId: string, row: SigningKeyRow): Promise<number> {
  return tx.run(sql`
    insert into platform.session_signing_keys (tenant_id, id, public_key, sealed_key, created_at)
    values (${tenantId}, ${row.id}, ${row.public_key}, ${row.sealed_key}, ${row.created_at})`);
}

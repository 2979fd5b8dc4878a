import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { FactorType } from "../factor.ts";
import type { BudgetTakes } from "../limits.ts";
import type { Pair } from "./users.ts";

export type NewSession = Pair & {
  readonly mayCreateUser: boolean;
  /** The id of the user, should one be made. */
  readonly newUserRef: string;
  readonly isForced: boolean;
  readonly isFake: boolean;
  readonly sessionMac: Buffer;
  readonly challengeMac: Buffer;
  readonly now: Date;
  readonly expiresAt: Date;
};

/**
 * Opens the session of a user, in place of the one before, and tells whether it must be authenticated: it must where an
 * identity is stored with this factor by whichever user, or where that is forced. Makes the user where that is wanted. Null:
 * there is no such user. The challenge is kept where somebody will be told it.
 */
export async function insertSession(
  tx: Tx,
  tenantId: string,
  row: NewSession,
): Promise<Pick<SessionRow, "user_ref" | "must_authenticate"> | null> {
  return tx.one(sql<Pick<SessionRow, "user_ref" | "must_authenticate">>`
    with known as (
      select id from ssks.users
       where tenant_id = ${tenantId} and app_id = ${row.appId} and user_id = ${row.userId}
         and factor_mac = ${row.factorMac}
         for key share
    ), made as (
      insert into ssks.users (tenant_id, id, app_id, user_id, factor_type, factor_mac, created_at)
      select ${tenantId}, ${row.newUserRef}, ${row.appId}, ${row.userId}, ${row.factorType}, ${row.factorMac}, ${row.now}
       where ${row.mayCreateUser} and not exists (select from known)
      on conflict (tenant_id, app_id, user_id, factor_mac) do update set created_at = users.created_at
      returning id
    ), found as (
      select ${row.isForced}::boolean or exists (
               select from ssks.users u
                 join ssks.identities i on i.tenant_id = u.tenant_id and i.user_ref = u.id
                where u.tenant_id = ${tenantId} and u.app_id = ${row.appId} and u.factor_mac = ${row.factorMac}
             ) as is_needed
    )
    insert into ssks.sessions
      (tenant_id, user_ref, session_mac, must_authenticate, is_authenticated, challenge_mac, tries, created_at, expires_at)
    select ${tenantId}, pair.id, ${row.sessionMac}::bytea, found.is_needed, false,
           case when found.is_needed or ${row.isFake} then ${row.challengeMac}::bytea end, 0, ${row.now}::timestamptz,
           ${row.expiresAt}::timestamptz
      from (select id from known union all select id from made) as pair, found
    on conflict (tenant_id, user_ref) do update
       set session_mac = excluded.session_mac, must_authenticate = excluded.must_authenticate, is_authenticated = false,
           challenge_mac = excluded.challenge_mac, tries = 0, created_at = excluded.created_at,
           expires_at = excluded.expires_at
    returning user_ref, must_authenticate`);
}

export type SessionRow = {
  readonly user_ref: string;
  readonly user_id: string;
  readonly factor_type: FactorType;
  readonly factor_mac: Buffer;
  readonly must_authenticate: boolean;
  readonly is_authenticated: boolean;
  readonly challenge_mac: Buffer | null;
  readonly tries: number;
};

/**
 * A living session of an application. Whoever else would change it waits. Its user is locked first, as by whoever deletes
 * that user, so that the two never wait for each other.
 */
export async function lockSession(
  tx: Tx,
  tenantId: string,
  of: { appId: string; sessionMac: Buffer; now: Date },
): Promise<SessionRow | null> {
  return tx.one(sql<SessionRow>`
    with pair as materialized (
      select u.id, u.user_id, u.factor_type, u.factor_mac
        from ssks.sessions s
        join ssks.users u on u.tenant_id = s.tenant_id and u.id = s.user_ref
       where s.tenant_id = ${tenantId} and s.session_mac = ${of.sessionMac} and u.app_id = ${of.appId}
         for key share of u
    )
    select s.user_ref, pair.user_id, pair.factor_type, pair.factor_mac, s.must_authenticate, s.is_authenticated,
           s.challenge_mac, s.tries
      from pair
      join ssks.sessions s on s.tenant_id = ${tenantId} and s.user_ref = pair.id
     where s.session_mac = ${of.sessionMac} and s.expires_at > ${of.now}
       for update of s`);
}

/** A challenge and a factor that somebody shows for a session, by their keyed hashes. */
export type Proof = {
  readonly appId: string;
  readonly sessionMac: Buffer;
  readonly challengeMac: Buffer;
  /** Null where none is named, or not the same one twice. */
  readonly factorMac: Buffer | null;
  readonly now: Date;
};

/**
 * Looks whether a proof is right, which is free; else it takes from the buckets, in the same statement. `wait_us` is 0, or the
 * microseconds until they have room: then nobody may be told whether it was.
 */
export async function findProof(
  tx: Tx,
  tenantId: string,
  of: Proof,
  cost: BudgetTakes,
): Promise<{ is_right: boolean; wait_us: number }> {
  const row = await tx.one(sql<{ is_right: boolean; wait_us: number }>`
    select proof.is_right,
           platform.take_from_buckets(
             ${cost.hashes}::bytea[], ${cost.bursts}::integer[], ${cost.everyUs}::bigint[], proof.is_right, true
           )::float8 as wait_us
      from (select exists (
              select from ssks.sessions s
                join ssks.users u on u.tenant_id = s.tenant_id and u.id = s.user_ref
               where s.tenant_id = ${tenantId} and s.session_mac = ${of.sessionMac} and s.expires_at > ${of.now}
                 and s.challenge_mac = ${of.challengeMac} and u.app_id = ${of.appId}
                 and u.factor_mac = ${of.factorMac}::bytea
            ) as is_right) as proof`);
  if (row === null) throw new Error("a look at a proof answered nothing");
  return row;
}

/** Whether the session that was opened for this user then still waits for its challenge. */
export async function findAwaited(
  tx: Tx,
  tenantId: string,
  of: { userRef: string; openedAt: Date; now: Date },
): Promise<{ user_ref: string } | null> {
  return tx.one(sql<{ user_ref: string }>`
    select user_ref from ssks.sessions
     where tenant_id = ${tenantId} and user_ref = ${of.userRef} and created_at = ${of.openedAt}
       and challenge_mac is not null and expires_at > ${of.now}`);
}

/** The session goes on under a new id, authenticated. Zero rows: it has ended. */
export async function updateAuthenticated(
  tx: Tx,
  tenantId: string,
  userRef: string,
  to: { sessionMac: Buffer; now: Date; expiresAt: Date },
): Promise<number> {
  return tx.run(sql`
    update ssks.sessions
       set session_mac = ${to.sessionMac}, is_authenticated = true, challenge_mac = null, tries = 0,
           created_at = ${to.now}, expires_at = ${to.expiresAt}
     where tenant_id = ${tenantId} and user_ref = ${userRef}`);
}

/** One wrong try more. Zero rows: the session has ended. */
export async function updateTries(tx: Tx, tenantId: string, userRef: string, tries: number): Promise<number> {
  return tx.run(sql`
    update ssks.sessions set tries = ${tries} where tenant_id = ${tenantId} and user_ref = ${userRef}`);
}

/** Zero rows: it has ended. */
export async function deleteSession(tx: Tx, tenantId: string, userRef: string): Promise<number> {
  return tx.run(sql`delete from ssks.sessions where tenant_id = ${tenantId} and user_ref = ${userRef}`);
}

/** Zero rows: the application has none. */
export async function deleteAppSessions(tx: Tx, tenantId: string, appId: string): Promise<number> {
  return tx.run(sql`
    delete from ssks.sessions
     where tenant_id = ${tenantId}
       and user_ref in (select id from ssks.users where tenant_id = ${tenantId} and app_id = ${appId})`);
}

/** Forgets sessions that are over; one that was replaced while this waited for it is not. Zero rows: there are none. */
export async function deleteEndedSessions(tx: Tx, tenantId: string, now: Date, limit: number): Promise<number> {
  return tx.run(sql`
    delete from ssks.sessions
     where tenant_id = ${tenantId} and user_ref in (
       select user_ref from ssks.sessions where tenant_id = ${tenantId} and expires_at < ${now}
        order by expires_at limit ${limit})
       and expires_at < ${now}`);
}

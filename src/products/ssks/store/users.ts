import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { FactorType } from "../factor.ts";

/** A user as an application names one: its own id for it, and the keyed hash of a factor. */
export type Pair = {
  readonly appId: string;
  readonly userId: string;
  readonly factorType: FactorType;
  readonly factorMac: Buffer;
};

/** Zero rows: the pair is there already. */
export async function insertUser(tx: Tx, tenantId: string, row: Pair & { id: string; now: Date }): Promise<number> {
  return tx.run(sql`
    insert into ssks.users (tenant_id, id, app_id, user_id, factor_type, factor_mac, created_at)
    values (${tenantId}, ${row.id}, ${row.appId}, ${row.userId}, ${row.factorType}, ${row.factorMac}, ${row.now})
    on conflict do nothing`);
}

/** Identities of all users of an application that have this factor. */
export async function countIdentitiesOfFactor(
  tx: Tx,
  tenantId: string,
  appId: string,
  factorMac: Buffer,
): Promise<number> {
  const row = await tx.one(sql<{ count: number }>`
    select count(*)::integer as count
      from ssks.users u
      join ssks.identities i on i.tenant_id = u.tenant_id and i.user_ref = u.id
     where u.tenant_id = ${tenantId} and u.app_id = ${appId} and u.factor_mac = ${factorMac}`);
  return row?.count ?? 0;
}

/** Identities of an application's user; with one factor alone where its hash is given. */
export async function countIdentities(
  tx: Tx,
  tenantId: string,
  of: { appId: string; userId: string; factorMac: Buffer | null },
): Promise<number> {
  const row = await tx.one(sql<{ count: number }>`
    select count(*)::integer as count
      from ssks.users u
      join ssks.identities i on i.tenant_id = u.tenant_id and i.user_ref = u.id
     where u.tenant_id = ${tenantId} and u.app_id = ${of.appId} and u.user_id = ${of.userId}
       and (${of.factorMac}::bytea is null or u.factor_mac = ${of.factorMac})`);
  return row?.count ?? 0;
}

/** Users of this id, with one factor alone where its hash is given. What is stored for them meanwhile waits. */
export async function lockUsers(
  tx: Tx,
  tenantId: string,
  of: { appId: string; userId: string; factorMac: Buffer | null },
): Promise<void> {
  await tx.run(sql`
    select from ssks.users
     where tenant_id = ${tenantId} and app_id = ${of.appId} and user_id = ${of.userId}
       and (${of.factorMac}::bytea is null or factor_mac = ${of.factorMac})
     order by id
       for update`);
}

/**
 * Deletes users with their sessions and identities: those that were locked, and those that were made meanwhile. Answers which,
 * and whether each had an identity.
 */
export async function deleteUsers(
  tx: Tx,
  tenantId: string,
  of: { appId: string; userId: string; factorMac: Buffer | null },
): Promise<DeletedUser[]> {
  return tx.many(sql<DeletedUser>`
    with gone as (
      delete from ssks.users u
       where u.tenant_id = ${tenantId} and u.app_id = ${of.appId} and u.user_id = ${of.userId}
         and (${of.factorMac}::bytea is null or u.factor_mac = ${of.factorMac})
      returning u.id
    )
    select gone.id, i.id is not null as had_identity
      from gone
      left join ssks.identities i on i.tenant_id = ${tenantId} and i.user_ref = gone.id`);
}

export type DeletedUser = { readonly id: string; readonly had_identity: boolean };

export type SealedData = { readonly wrappedKey: Buffer; readonly sealedData: Buffer };

/** Stores or replaces the identity of a user, which keeps its id. */
export async function insertIdentity(
  tx: Tx,
  tenantId: string,
  row: SealedData & { userRef: string; id: string; isAuthenticated: boolean; now: Date },
): Promise<string> {
  const stored = await tx.one(sql<{ id: string }>`
    insert into ssks.identities (tenant_id, user_ref, id, is_authenticated, wrapped_key, sealed_data, stored_at)
    values (${tenantId}, ${row.userRef}, ${row.id}, ${row.isAuthenticated}, ${row.wrappedKey}, ${row.sealedData}, ${row.now})
    on conflict (tenant_id, user_ref) do update
       set is_authenticated = excluded.is_authenticated, wrapped_key = excluded.wrapped_key,
           sealed_data = excluded.sealed_data, stored_at = excluded.stored_at
    returning id`);
  if (stored === null) throw new Error("an identity was not stored");
  return stored.id;
}

export type IdentityRow = {
  readonly id: string;
  readonly is_authenticated: boolean;
  readonly wrapped_key: Buffer;
  readonly sealed_data: Buffer;
};

export async function findIdentity(tx: Tx, tenantId: string, userRef: string): Promise<IdentityRow | null> {
  return tx.one(sql<IdentityRow>`
    select id, is_authenticated, wrapped_key, sealed_data
      from ssks.identities
     where tenant_id = ${tenantId} and user_ref = ${userRef}`);
}

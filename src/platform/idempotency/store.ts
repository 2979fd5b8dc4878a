import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";

/** Where a key is used: one operation of one tenant. */
export type KeyScope = { readonly operation: string; readonly key: string };

export type KeyRow = {
  fingerprint: Buffer;
  state: "running" | "done" | "shown";
  answer: Buffer | null;
  is_secret: boolean;
  lease_seconds: number;
};

/**
 * Claims a key: it is new, or its retention is over, or its claimer died and this is the same request. All by the
 * database's clock, so that processes with wrong clocks agree. Zero rows: somebody else holds it.
 */
export async function insertClaim(
  tx: Tx,
  tenantId: string,
  scope: KeyScope,
  claim: { owner: string; fingerprint: Buffer; isSecret: boolean; leaseSeconds: number; keptSeconds: number },
): Promise<number> {
  return tx.run(sql`
    insert into platform.idempotency_keys as k
      (tenant_id, operation, key, fingerprint, state, owner, lease_until, answer, is_secret, created_at)
    values (${tenantId}, ${scope.operation}, ${scope.key}, ${claim.fingerprint}, 'running', ${claim.owner},
            clock_timestamp() + make_interval(secs => ${claim.leaseSeconds}), null, ${claim.isSecret}, clock_timestamp())
    on conflict (tenant_id, operation, key) do update
       set fingerprint = excluded.fingerprint, state = excluded.state, owner = excluded.owner,
           lease_until = excluded.lease_until, answer = null, is_secret = excluded.is_secret,
           created_at = case when k.created_at < clock_timestamp() - make_interval(secs => ${claim.keptSeconds})
                             then excluded.created_at else k.created_at end
     where (k.state = 'running' and k.lease_until < clock_timestamp() and k.fingerprint = excluded.fingerprint)
        or k.created_at < clock_timestamp() - make_interval(secs => ${claim.keptSeconds})`);
}

export async function findKey(tx: Tx, tenantId: string, scope: KeyScope): Promise<KeyRow | null> {
  return tx.one(sql<KeyRow>`
    select fingerprint, state, answer, is_secret,
           extract(epoch from lease_until - clock_timestamp())::float8 as lease_seconds
      from platform.idempotency_keys
     where tenant_id = ${tenantId} and operation = ${scope.operation} and key = ${scope.key}`);
}

/** Stores the answer. Zero rows: another process took the key over; the caller must roll back. */
export async function updateDone(
  tx: Tx,
  tenantId: string,
  scope: KeyScope,
  done: { owner: string; answer: Buffer },
): Promise<number> {
  return tx.run(sql`
    update platform.idempotency_keys
       set state = 'done', answer = ${done.answer}
     where tenant_id = ${tenantId} and operation = ${scope.operation} and key = ${scope.key}
       and owner = ${done.owner} and state = 'running'`);
}

/** Forgets a secret answer once it was replayed. Zero rows: it was forgotten before. */
export async function updateShown(tx: Tx, tenantId: string, scope: KeyScope): Promise<number> {
  return tx.run(sql`
    update platform.idempotency_keys
       set state = 'shown', answer = null
     where tenant_id = ${tenantId} and operation = ${scope.operation} and key = ${scope.key}
       and is_secret and state = 'done'`);
}

/** Frees a key whose request was rolled back. Zero rows: it is done after all, or somebody else's. */
export async function deleteClaim(tx: Tx, tenantId: string, scope: KeyScope, owner: string): Promise<number> {
  return tx.run(sql`
    delete from platform.idempotency_keys
     where tenant_id = ${tenantId} and operation = ${scope.operation} and key = ${scope.key}
       and owner = ${owner} and state = 'running'`);
}

/** Frees all keys whose requests are not done. Zero rows: there are none. */
export async function deleteRunningClaims(tx: Tx, tenantId: string): Promise<number> {
  return tx.run(sql`delete from platform.idempotency_keys where tenant_id = ${tenantId} and state = 'running'`);
}

/** Removes keys past their retention. Zero rows: there are none. */
export async function deleteOldKeys(tx: Tx, tenantId: string, keptSeconds: number): Promise<number> {
  return tx.run(sql`
    delete from platform.idempotency_keys
     where tenant_id = ${tenantId} and created_at < clock_timestamp() - make_interval(secs => ${keptSeconds})`);
}

/** Forgets secret answers older than promised. Zero rows: there are none. */
export async function updateOldSecrets(tx: Tx, tenantId: string, promisedSeconds: number): Promise<number> {
  return tx.run(sql`
    update platform.idempotency_keys
       set state = 'shown', answer = null
     where tenant_id = ${tenantId} and is_secret and state = 'done'
       and created_at < clock_timestamp() - make_interval(secs => ${promisedSeconds})`);
}

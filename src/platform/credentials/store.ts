import { sql, type Statement } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { Position } from "../db/paging.ts";

/** What a token check reads. */
export type DirectoryRow = {
  lookup_id: string;
  tenant_id: string;
  credential_id: string;
  product: string;
  mac: Buffer;
  scopes: string[];
  ip_allow: string[];
  is_live: boolean;
  expires_at: Date;
  revoked_at: Date | null;
};

/** One indexed read, before the tenant is known. */
export function findDirectoryEntry(lookupId: string): Statement<DirectoryRow> {
  return sql<DirectoryRow>`
    select lookup_id, tenant_id, credential_id, product, mac, scopes, ip_allow, is_live, expires_at, revoked_at
      from platform.credential_directory
     where lookup_id = ${lookupId}`;
}

export async function insertDirectoryEntry(tx: Tx, row: DirectoryRow): Promise<number> {
  return tx.run(sql`
    insert into platform.credential_directory
      (lookup_id, tenant_id, credential_id, product, mac, scopes, ip_allow, is_live, expires_at)
    values (${row.lookup_id}, ${row.tenant_id}, ${row.credential_id}, ${row.product}, ${row.mac}, ${row.scopes},
            ${row.ip_allow}, ${row.is_live}, ${row.expires_at})`);
}

export async function insertCredential(
  tx: Tx,
  tenantId: string,
  row: {
    id: string;
    lookupId: string;
    product: string;
    name: string;
    createdBy: string;
    rotatedFrom: string | null;
    lifeSeconds: number;
    now: Date;
  },
): Promise<number> {
  return tx.run(sql`
    insert into platform.credentials
      (tenant_id, id, lookup_id, product, name, created_by, rotated_from, life_seconds, created_at)
    values (${tenantId}, ${row.id}, ${row.lookupId}, ${row.product}, ${row.name}, ${row.createdBy}, ${row.rotatedFrom},
            ${row.lifeSeconds}, ${row.now})`);
}

/** A credential as its tenant sees it. */
export type CredentialRow = {
  id: string;
  lookup_id: string;
  name: string;
  product: string;
  scopes: string[];
  ip_allow: string[];
  is_live: boolean;
  created_by: string;
  rotated_from: string | null;
  created_at: Date;
  /** For how long it was made; a rotation moves only `expires_at`. */
  life_seconds: number;
  expires_at: Date;
  revoked_at: Date | null;
  last_used_at: Date | null;
  last_used_ip: string | null;
};

export async function findCredential(
  tx: Tx,
  tenantId: string,
  product: string,
  id: string,
): Promise<CredentialRow | null> {
  return tx.one(sql<CredentialRow>`
    select c.id, c.lookup_id, c.name, c.product, d.scopes, d.ip_allow, d.is_live, c.created_by, c.rotated_from,
           c.created_at, c.life_seconds::float8, d.expires_at, d.revoked_at, c.last_used_at, c.last_used_ip
      from platform.credentials c
      join platform.credential_directory d on d.lookup_id = c.lookup_id and d.tenant_id = c.tenant_id
     where c.tenant_id = ${tenantId} and c.product = ${product} and c.id = ${id}`);
}

export async function listCredentials(
  tx: Tx,
  tenantId: string,
  product: string,
  position: Position,
): Promise<CredentialRow[]> {
  return tx.many(sql<CredentialRow>`
    select c.id, c.lookup_id, c.name, c.product, d.scopes, d.ip_allow, d.is_live, c.created_by, c.rotated_from,
           c.created_at, c.life_seconds::float8, d.expires_at, d.revoked_at, c.last_used_at, c.last_used_ip
      from platform.credentials c
      join platform.credential_directory d on d.lookup_id = c.lookup_id and d.tenant_id = c.tenant_id
     where c.tenant_id = ${tenantId} and c.product = ${product} and c.id > ${position.afterId ?? ""}
     order by c.id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** Zero rows: it was revoked before. */
export async function updateRevoked(tx: Tx, tenantId: string, lookupId: string, now: Date): Promise<number> {
  return tx.run(sql`
    update platform.credential_directory
       set revoked_at = ${now}
     where lookup_id = ${lookupId} and tenant_id = ${tenantId} and revoked_at is null`);
}

/** Ends a token earlier, never later. Zero rows: it is revoked or ends earlier anyway. */
export async function updateExpiry(tx: Tx, tenantId: string, lookupId: string, expiresAt: Date): Promise<number> {
  return tx.run(sql`
    update platform.credential_directory
       set expires_at = ${expiresAt}
     where lookup_id = ${lookupId} and tenant_id = ${tenantId} and revoked_at is null and expires_at > ${expiresAt}`);
}

/** Zero rows: the credential is gone. */
export async function updateLastUsed(
  tx: Tx,
  tenantId: string,
  use: { credentialId: string; at: Date; ip: string },
): Promise<number> {
  return tx.run(sql`
    update platform.credentials set last_used_at = ${use.at}, last_used_ip = ${use.ip}
     where tenant_id = ${tenantId} and id = ${use.credentialId}`);
}

import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type StreamRow = {
  readonly id: string;
  readonly product: string;
  readonly type: "webhook" | "syslog_tls";
  readonly name: string;
  readonly format: "jsonl" | "ocsf" | "cef" | "rfc5424";
  readonly sealed_target: Buffer;
  readonly secret: Buffer;
  readonly signing_key: Buffer;
  readonly public_key: string;
  readonly is_paused: boolean;
  readonly next_index: string;
  readonly failures: number;
  readonly last_sent_at: Date | null;
  readonly last_error: string | null;
  readonly last_error_at: Date | null;
  readonly created_at: Date;
};

export type NewStream = Pick<StreamRow, "id" | "product" | "type" | "name" | "format" | "public_key" | "created_at"> & {
  readonly sealed_target: Buffer;
  readonly secret: Buffer;
  readonly signing_key: Buffer;
  readonly next_index: number;
};

export async function insertStream(tx: Tx, tenantId: string, stream: NewStream): Promise<number> {
  return tx.run(sql`
    insert into platform.audit_streams
      (tenant_id, id, product, type, name, format, sealed_target, secret, signing_key, public_key, is_paused, next_index,
       failures, created_at)
    values (${tenantId}, ${stream.id}, ${stream.product}, ${stream.type}, ${stream.name}, ${stream.format},
            ${stream.sealed_target}, ${stream.secret}, ${stream.signing_key}, ${stream.public_key}, false,
            ${stream.next_index}, 0, ${stream.created_at})`);
}

export async function countStreams(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`
    select count(*) from platform.audit_streams where tenant_id = ${tenantId}`);
  return Number(row?.count ?? 0);
}

export async function findStream(
  tx: Tx,
  tenantId: string,
  key: { id: string; product: string },
): Promise<StreamRow | null> {
  return tx.one(sql<StreamRow>`
    select id, product, type, name, format, sealed_target, secret, signing_key, public_key, is_paused, next_index, failures,
           last_sent_at, last_error, last_error_at, created_at
      from platform.audit_streams
     where tenant_id = ${tenantId} and id = ${key.id} and product = ${key.product}`);
}

/** For whoever holds the stream's lease, whatever product it is of. */
export async function findStreamById(tx: Tx, tenantId: string, id: string): Promise<StreamRow | null> {
  return tx.one(sql<StreamRow>`
    select id, product, type, name, format, sealed_target, secret, signing_key, public_key, is_paused, next_index, failures,
           last_sent_at, last_error, last_error_at, created_at
      from platform.audit_streams
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** The oldest first. There are few of them. */
export async function listStreams(tx: Tx, tenantId: string, product: string, limit: number): Promise<StreamRow[]> {
  return tx.many(sql<StreamRow>`
    select id, product, type, name, format, sealed_target, secret, signing_key, public_key, is_paused, next_index, failures,
           last_sent_at, last_error, last_error_at, created_at
      from platform.audit_streams
     where tenant_id = ${tenantId} and product = ${product}
     order by id
     limit ${limit}`);
}

/** Zero rows: there is no such stream. */
export async function deleteStream(tx: Tx, tenantId: string, key: { id: string; product: string }): Promise<number> {
  return tx.run(sql`
    delete from platform.audit_streams where tenant_id = ${tenantId} and id = ${key.id} and product = ${key.product}`);
}

/** Zero rows: there is no such stream. */
export async function updateStreamPaused(
  tx: Tx,
  tenantId: string,
  change: { id: string; product: string; isPaused: boolean },
): Promise<number> {
  return tx.run(sql`
    update platform.audit_streams
       set is_paused = ${change.isPaused}, failures = 0
     where tenant_id = ${tenantId} and id = ${change.id} and product = ${change.product}`);
}

/** After a batch was taken. Zero rows: somebody else moved the cursor, or the stream is gone; then nothing is lost. */
export async function updateStreamSent(
  tx: Tx,
  tenantId: string,
  sent: { id: string; from: number; next: number; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.audit_streams
       set next_index = ${sent.next}, failures = 0, last_sent_at = ${sent.at}, last_error = null, last_error_at = null
     where tenant_id = ${tenantId} and id = ${sent.id} and next_index = ${sent.from}`);
}

/** Zero rows: the stream is gone. */
export async function updateStreamFailed(
  tx: Tx,
  tenantId: string,
  failed: { id: string; error: string; at: Date; isGone: boolean },
): Promise<number> {
  return tx.run(sql`
    update platform.audit_streams
       set failures = failures + 1, last_error = ${failed.error}, last_error_at = ${failed.at},
           is_paused = is_paused or ${failed.isGone}
     where tenant_id = ${tenantId} and id = ${failed.id}`);
}

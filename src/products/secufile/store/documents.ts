import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { Position } from "../../../platform/db/paging.ts";

export type DocumentRow = {
  id: string;
  filename: string;
  content_type: string;
  bucket: string;
  object_key: string;
  status: "pending" | "stored" | "failed";
  failure: string | null;
  sealed_url: Buffer | null;
  expected_sha256: Buffer | null;
  expected_size: string | null;
  size_bytes: string | null;
  sha256: Buffer | null;
  blob_ref: string | null;
  key_wrap: string;
  wrapped_key: Buffer | null;
  retention_days: number | null;
  retained_until: Date | null;
  metadata: Record<string, string>;
  is_live: boolean;
  created_at: Date;
  stored_at: Date | null;
};

export type NewDocument = {
  id: string;
  filename: string;
  contentType: string;
  bucket: string;
  objectKey: string;
  sealedUrl: Buffer | null;
  expectedSha256: Buffer | null;
  expectedSize: number | null;
  keyWrap: string;
  wrappedKey: Buffer | null;
  retentionDays: number | null;
  retainedUntil: Date | null;
  metadata: Readonly<Record<string, string>>;
  isLive: boolean;
  createdBy: string;
  now: Date;
};

/** The document and its signers, in one round trip. */
export async function insertDocument(
  tx: Tx,
  tenantId: string,
  row: NewDocument,
  signers: readonly Omit<SignerRow, "document_id">[],
): Promise<number> {
  return tx.run(sql`
    with asked as (
      insert into secufile.signers (tenant_id, document_id, position, email, role, name, signing_order, phone)
      select ${tenantId}, ${row.id}, s.position, s.email, s.role, s.name, s.signing_order, s.phone
        from rows from (unnest(${signers.map((s) => s.email)}::text[]), unnest(${signers.map((s) => s.role)}::text[]),
                        unnest(${signers.map((s) => s.name)}::text[]),
                        unnest(${signers.map((s) => s.signing_order)}::int[]),
                        unnest(${signers.map((s) => s.phone)}::text[]))
             with ordinality as s (email, role, name, signing_order, phone, position)
    )
    insert into secufile.documents
      (tenant_id, id, filename, content_type, bucket, object_key, status, sealed_url, expected_sha256, expected_size,
       key_wrap, wrapped_key, retention_days, retained_until, metadata, is_live, created_by, created_at)
    values (${tenantId}, ${row.id}, ${row.filename}, ${row.contentType}, ${row.bucket}, ${row.objectKey}, 'pending',
            ${row.sealedUrl}, ${row.expectedSha256}, ${row.expectedSize}, ${row.keyWrap}, ${row.wrappedKey},
            ${row.retentionDays}, ${row.retainedUntil}, ${JSON.stringify(row.metadata)}::json, ${row.isLive},
            ${row.createdBy}, ${row.now})`);
}

export async function findDocument(tx: Tx, tenantId: string, id: string): Promise<DocumentRow | null> {
  return tx.one(sql<DocumentRow>`
    select id, filename, content_type, bucket, object_key, status, failure, sealed_url, expected_sha256, expected_size,
           size_bytes, sha256, blob_ref, key_wrap, wrapped_key, retention_days, retained_until, metadata, is_live,
           created_at, stored_at
      from secufile.documents
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** As `findDocument`; nobody else changes the row until the transaction ends. */
export async function lockDocument(tx: Tx, tenantId: string, id: string): Promise<DocumentRow | null> {
  return tx.one(sql<DocumentRow>`
    select id, filename, content_type, bucket, object_key, status, failure, sealed_url, expected_sha256, expected_size,
           size_bytes, sha256, blob_ref, key_wrap, wrapped_key, retention_days, retained_until, metadata, is_live,
           created_at, stored_at
      from secufile.documents
     where tenant_id = ${tenantId} and id = ${id}
       for update`);
}

/** Documents in the order of their ids, one more than the page holds. */
export async function listDocuments(
  tx: Tx,
  tenantId: string,
  filter: { bucket: string | null; status: string | null; filename: string | null },
  position: Position,
): Promise<DocumentRow[]> {
  return tx.many(sql<DocumentRow>`
    select id, filename, content_type, bucket, object_key, status, failure, sealed_url, expected_sha256, expected_size,
           size_bytes, sha256, blob_ref, key_wrap, wrapped_key, retention_days, retained_until, metadata, is_live,
           created_at, stored_at
      from secufile.documents
     where tenant_id = ${tenantId} and id > ${position.afterId ?? ""}
       and (${filter.bucket}::text is null or bucket = ${filter.bucket})
       and (${filter.status}::text is null or status = ${filter.status})
       and (${filter.filename}::text is null or filename = ${filter.filename})
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** Zero rows: the document is gone or no longer waits for content. */
export async function updateStored(
  tx: Tx,
  tenantId: string,
  id: string,
  stored: { blobRef: string; sizeBytes: number; sha256: Buffer; now: Date },
): Promise<number> {
  return tx.run(sql`
    update secufile.documents
       set status = 'stored', blob_ref = ${stored.blobRef}, size_bytes = ${stored.sizeBytes}, sha256 = ${stored.sha256},
           stored_at = ${stored.now}, sealed_url = null, failure = null
     where tenant_id = ${tenantId} and id = ${id} and status = 'pending'`);
}

/** Zero rows: the document is gone or no longer waits for content. */
export async function updateFailed(tx: Tx, tenantId: string, id: string, failure: string): Promise<number> {
  return tx.run(sql`
    update secufile.documents
       set status = 'failed', failure = ${failure}, sealed_url = null
     where tenant_id = ${tenantId} and id = ${id} and status = 'pending'`);
}

/** Documents older than `before` that still wait for a fetch, the oldest first. */
export async function listWaitingFetches(tx: Tx, tenantId: string, before: Date, limit: number): Promise<string[]> {
  const rows = await tx.many(sql<{ id: string }>`
    select id
      from secufile.documents
     where tenant_id = ${tenantId} and status = 'pending' and sealed_url is not null and created_at < ${before}
     order by id
     limit ${limit}`);
  return rows.map((row) => row.id);
}

/** Zero rows: the document was deleted before. */
export async function deleteDocument(tx: Tx, tenantId: string, id: string): Promise<number> {
  return tx.run(sql`delete from secufile.documents where tenant_id = ${tenantId} and id = ${id}`);
}

/** Whether a document holds this blob. */
export async function countBlobUses(tx: Tx, tenantId: string, blobRef: string): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`
    select count(*) as count from secufile.documents where tenant_id = ${tenantId} and blob_ref = ${blobRef}`);
  return Number(row?.count);
}

export type SignerRow = {
  document_id: string;
  email: string;
  role: string;
  name: string | null;
  signing_order: number | null;
  phone: string | null;
};

export async function listSigners(tx: Tx, tenantId: string, documentIds: readonly string[]): Promise<SignerRow[]> {
  return tx.many(sql<SignerRow>`
    select document_id, email, role, name, signing_order, phone
      from secufile.signers
     where tenant_id = ${tenantId} and document_id = any(${[...documentIds]}::text[])
     order by document_id, position`);
}

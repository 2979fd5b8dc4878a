import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";

/** A request for which something is to be done at `due_at`. */
export type DueSignatureRow = { tenant_id: string; signature_id: string; due_at: Date };

/** What is due at `now`, the longest due first, after the row `after`. Of all organisations: a directory table. */
export async function listDueSignatures(
  tx: Tx,
  query: { now: Date; after: DueSignatureRow | null; limit: number },
): Promise<DueSignatureRow[]> {
  const { now, after, limit } = query;
  return tx.many(sql<DueSignatureRow>`
    select tenant_id, signature_id, due_at
      from secufile.due_signatures
     where due_at <= ${now}
       and (due_at, tenant_id, signature_id) >
           (coalesce(${after?.due_at ?? null}::timestamptz, '-infinity'), ${after?.tenant_id ?? ""},
            ${after?.signature_id ?? ""})
     order by due_at, tenant_id, signature_id
     limit ${limit}`);
}

/** Zero rows: it has its place already. */
export async function insertDueSignature(tx: Tx, tenantId: string, signatureId: string, dueAt: Date): Promise<number> {
  return tx.run(sql`
    insert into secufile.due_signatures (tenant_id, signature_id, due_at)
    values (${tenantId}, ${signatureId}, ${dueAt})
    on conflict do nothing`);
}

export async function findDueSignature(tx: Tx, tenantId: string, signatureId: string): Promise<DueSignatureRow | null> {
  return tx.one(sql<DueSignatureRow>`
    select tenant_id, signature_id, due_at
      from secufile.due_signatures
     where tenant_id = ${tenantId} and signature_id = ${signatureId}`);
}

/** Zero rows: nothing more was to be done for it. */
export async function updateDueSignature(tx: Tx, tenantId: string, signatureId: string, dueAt: Date): Promise<number> {
  return tx.run(sql`
    update secufile.due_signatures set due_at = ${dueAt}
     where tenant_id = ${tenantId} and signature_id = ${signatureId}`);
}

/** Zero rows: nothing more was to be done for it. */
export async function deleteDueSignature(tx: Tx, tenantId: string, signatureId: string): Promise<number> {
  return tx.run(sql`
    delete from secufile.due_signatures where tenant_id = ${tenantId} and signature_id = ${signatureId}`);
}

import type { Position } from "../../../platform/db/paging.ts";
import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { SignatureStatus, SignerState } from "../signature.ts";

export type SignatureRow = {
  id: string;
  document_id: string;
  /** Of the document; null where the document was gone before it was kept here. */
  bucket: string | null;
  filename: string;
  plaintext_sha256: Buffer | null;
  status: SignatureStatus;
  sealed_message: Buffer | null;
  required_code: "none" | "mail" | "sms";
  is_delegable: boolean;
  locale: "en" | "fr";
  reminder_days: number[];
  is_live: boolean;
  created_by: string;
  created_at: Date;
  expires_at: Date;
  ended_at: Date | null;
};

/** The request, its signers, its envelope, and when something is first to be done for it, in one round trip. */
export async function insertSignature(
  tx: Tx,
  tenantId: string,
  row: SignatureRow,
  also: { signers: readonly NewSignatureSigner[]; envelopeMac: Buffer; dueAt: Date },
): Promise<number> {
  const { signers } = also;
  return tx.run(sql`
    with envelope as (
      insert into secufile.sign_links (token_mac, tenant_id, signature_id, created_at)
      values (${also.envelopeMac}, ${tenantId}, ${row.id}, ${row.created_at})
    ), due as (
      insert into secufile.due_signatures (tenant_id, signature_id, due_at)
      values (${tenantId}, ${row.id}, ${also.dueAt})
    ), asked as (
      insert into secufile.signature_signers
        (tenant_id, signature_id, id, position, state, email, role, name, phone, signing_order)
      select ${tenantId}, ${row.id}, s.id, s.position, 'waiting', s.email, s.role, s.name, s.phone, s.signing_order
        from rows from (unnest(${signers.map((s) => s.id)}::text[]), unnest(${signers.map((s) => s.email)}::text[]),
                        unnest(${signers.map((s) => s.role)}::text[]), unnest(${signers.map((s) => s.name)}::text[]),
                        unnest(${signers.map((s) => s.phone)}::text[]),
                        unnest(${signers.map((s) => s.signing_order)}::int[]))
             with ordinality as s (id, email, role, name, phone, signing_order, position)
    )
    insert into secufile.signatures
      (tenant_id, id, document_id, bucket, filename, plaintext_sha256, status, sealed_message, required_code,
       is_delegable, locale, reminder_days, is_live, created_by, created_at, expires_at)
    values (${tenantId}, ${row.id}, ${row.document_id}, ${row.bucket}, ${row.filename}, ${row.plaintext_sha256},
            ${row.status}, ${row.sealed_message}, ${row.required_code}, ${row.is_delegable}, ${row.locale}, ${row.reminder_days}::int[],
            ${row.is_live}, ${row.created_by}, ${row.created_at}, ${row.expires_at})`);
}

export async function findSignature(tx: Tx, tenantId: string, id: string): Promise<SignatureRow | null> {
  return tx.one(sql<SignatureRow>`
    select id, document_id, bucket, filename, plaintext_sha256, status, sealed_message, required_code, is_delegable,
           locale, reminder_days, is_live, created_by, created_at, expires_at, ended_at
      from secufile.signatures
     where tenant_id = ${tenantId} and id = ${id}`);
}

/** As `findSignature`; nobody else changes the request or its signers until the transaction ends. */
export async function lockSignature(tx: Tx, tenantId: string, id: string): Promise<SignatureRow | null> {
  return tx.one(sql<SignatureRow>`
    select id, document_id, bucket, filename, plaintext_sha256, status, sealed_message, required_code, is_delegable,
           locale, reminder_days, is_live, created_by, created_at, expires_at, ended_at
      from secufile.signatures
     where tenant_id = ${tenantId} and id = ${id}
       for update`);
}

/** Requests in the order of their ids, one more than the page holds. A request whose time is over counts as expired. */
export async function listSignatures(
  tx: Tx,
  tenantId: string,
  filter: { documentId: string | null; status: string | null; now: Date },
  position: Position,
): Promise<SignatureRow[]> {
  return tx.many(sql<SignatureRow>`
    select id, document_id, bucket, filename, plaintext_sha256, status, sealed_message, required_code, is_delegable,
           locale, reminder_days, is_live, created_by, created_at, expires_at, ended_at
      from secufile.signatures
     where tenant_id = ${tenantId} and id > ${position.afterId ?? ""}
       and (${filter.documentId}::text is null or document_id = ${filter.documentId})
       and (${filter.status}::text is null or ${filter.status} =
            case when status in ('pending', 'viewed', 'partially_signed') and expires_at <= ${filter.now}
                 then 'expired' else status end)
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

/** Ids of a document's requests that nobody has ended. A document has few: each costs a call of the API. */
export async function listOpenSignatures(tx: Tx, tenantId: string, documentId: string): Promise<string[]> {
  const rows = await tx.many(sql<{ id: string }>`
    select id
      from secufile.signatures
     where tenant_id = ${tenantId} and document_id = ${documentId}
       and status in ('pending', 'viewed', 'partially_signed')
     order by id
     limit 10000`);
  return rows.map(({ id }) => id);
}

/** Zero rows: there is no such request. */
export async function updateSignatureStatus(
  tx: Tx,
  tenantId: string,
  id: string,
  change: { status: SignatureStatus; endedAt: Date | null },
): Promise<number> {
  return tx.run(sql`
    update secufile.signatures set status = ${change.status}, ended_at = ${change.endedAt}
     where tenant_id = ${tenantId} and id = ${id}`);
}

export type SignatureSignerRow = {
  signature_id: string;
  id: string;
  position: number;
  state: SignerState;
  email: string;
  role: string;
  name: string | null;
  phone: string | null;
  signing_order: number | null;
  delegated_from: string | null;
  invited_at: Date | null;
  viewed_at: Date | null;
  ended_at: Date | null;
  sealed_reason: Buffer | null;
  code_mac: Buffer | null;
  code_sent_at: Date | null;
  code_tries: number;
  sealed_evidence: Buffer | null;
  audit_id: string | null;
  /** When the signer was told how the request ended. */
  told_at: Date | null;
};

/** One who is asked to sign, as the request names them. */
export type NewSignatureSigner = Pick<SignatureSignerRow, "id" | "email" | "role" | "name" | "phone" | "signing_order">;

/** A signer whom another one named, after those of before. */
export async function insertDelegate(
  tx: Tx,
  tenantId: string,
  signatureId: string,
  signer: NewSignatureSigner & { position: number; delegated_from: string },
): Promise<number> {
  return tx.run(sql`
    insert into secufile.signature_signers
      (tenant_id, signature_id, id, position, state, email, role, name, phone, signing_order, delegated_from)
    values (${tenantId}, ${signatureId}, ${signer.id}, ${signer.position}, 'waiting', ${signer.email}, ${signer.role},
            ${signer.name}, ${signer.phone}, ${signer.signing_order}, ${signer.delegated_from})`);
}

export async function listSignatureSigners(
  tx: Tx,
  tenantId: string,
  signatureIds: readonly string[],
): Promise<SignatureSignerRow[]> {
  return tx.many(sql<SignatureSignerRow>`
    select signature_id, id, position, state, email, role, name, phone, signing_order, delegated_from, invited_at,
           viewed_at, ended_at, sealed_reason, code_mac, code_sent_at, code_tries, sealed_evidence, audit_id, told_at
      from secufile.signature_signers
     where tenant_id = ${tenantId} and signature_id = any(${[...signatureIds]}::text[])
     order by signature_id, position`);
}

/** Writes all that can change of a signer whose request the caller has locked. Zero rows: there is no such signer. */
export async function updateSignatureSigner(tx: Tx, tenantId: string, row: SignatureSignerRow): Promise<number> {
  return tx.run(sql`
    update secufile.signature_signers
       set state = ${row.state}, invited_at = ${row.invited_at}, viewed_at = ${row.viewed_at},
           ended_at = ${row.ended_at}, sealed_reason = ${row.sealed_reason}, code_mac = ${row.code_mac},
           code_sent_at = ${row.code_sent_at}, code_tries = ${row.code_tries}, sealed_evidence = ${row.sealed_evidence},
           audit_id = ${row.audit_id}, told_at = ${row.told_at}
     where tenant_id = ${tenantId} and signature_id = ${row.signature_id} and id = ${row.id}`);
}

export type SignLinkRow = {
  tenant_id: string;
  signature_id: string;
  /** Null for the envelope, which all signers share. */
  signer_id: string | null;
  created_at: Date;
  replaced_at: Date | null;
};

export async function insertSignLink(
  tx: Tx,
  tenantId: string,
  link: { tokenMac: Buffer; signatureId: string; signerId: string; now: Date },
): Promise<number> {
  return tx.run(sql`
    insert into secufile.sign_links (token_mac, tenant_id, signature_id, signer_id, created_at)
    values (${link.tokenMac}, ${tenantId}, ${link.signatureId}, ${link.signerId}, ${link.now})`);
}

/** Read before the tenant is known: the link is what leads to it. */
export async function findSignLink(tx: Tx, tokenMac: Buffer): Promise<SignLinkRow | null> {
  return tx.one(sql<SignLinkRow>`
    select tenant_id, signature_id, signer_id, created_at, replaced_at
      from secufile.sign_links
     where token_mac = ${tokenMac}`);
}

/** Zero rows: the signer had no link that worked. */
export async function updateReplacedLinks(
  tx: Tx,
  tenantId: string,
  of: { signatureId: string; signerId: string; now: Date },
): Promise<number> {
  return tx.run(sql`
    update secufile.sign_links set replaced_at = ${of.now}
     where tenant_id = ${tenantId} and signature_id = ${of.signatureId} and signer_id = ${of.signerId}
       and replaced_at is null`);
}

export type SignatureKeyRow = { id: string; public_key: Buffer; sealed_private: Buffer; created_at: Date };

/** Zero rows: another process was first. */
export async function insertSignatureKey(tx: Tx, tenantId: string, row: SignatureKeyRow): Promise<number> {
  return tx.run(sql`
    insert into secufile.signature_keys (tenant_id, id, public_key, sealed_private, created_at)
    select ${tenantId}, ${row.id}, ${row.public_key}, ${row.sealed_private}, ${row.created_at}
     where not exists (select from secufile.signature_keys where tenant_id = ${tenantId})`);
}

/** Beside the ones that are there: from its commit on it is the newest. */
export async function insertNextSignatureKey(tx: Tx, tenantId: string, row: SignatureKeyRow): Promise<number> {
  return tx.run(sql`
    insert into secufile.signature_keys (tenant_id, id, public_key, sealed_private, created_at)
    values (${tenantId}, ${row.id}, ${row.public_key}, ${row.sealed_private}, ${row.created_at})`);
}

/** The server's keys, the oldest first; two where two first starts met. */
export async function listSignatureKeys(tx: Tx, tenantId: string): Promise<SignatureKeyRow[]> {
  return tx.many(sql<SignatureKeyRow>`
    select id, public_key, sealed_private, created_at
      from secufile.signature_keys
     where tenant_id = ${tenantId}
     order by id
     limit 1000`);
}

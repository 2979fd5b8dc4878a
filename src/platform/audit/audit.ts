import { createHash, randomBytes } from "node:crypto";
import type { Tx } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { hashLeaf } from "../tlog/merkle.ts";
import { canonicalJson } from "./canonical.ts";
import { insertAuditEvent } from "./store.ts";

/** Who did something. `id` is a credential, a member, or the name of a part of the server. */
export type AuditActor = {
  readonly type: "token" | "member" | "signer" | "operator" | "system" | "visitor";
  readonly id: string;
  readonly email?: string;
  readonly ip?: string;
};

/** What happened. `details` is shown to the tenant: never a secret. */
export type AuditEntry = {
  /** `<product>.<operation>`, for example `secufile.createDocument`. */
  readonly action: string;
  readonly at: Date;
  readonly actor: AuditActor;
  readonly bucket?: string | null;
  readonly resource?: { readonly type: string; readonly id: string };
  readonly outcome: "success" | "denied" | "failed";
  readonly details?: Readonly<Record<string, unknown>>;
};

const SALT_BYTES = 16;

/**
 * Writes an audit row in the caller's transaction: what it tells of and the row become durable together or not at
 * all. The event waits in the queue until the sequencer gives it its index. Answers the row's id.
 */
export async function recordAudit(tx: Tx, tenantId: string, entry: AuditEntry): Promise<string> {
  const id = newId("aud", entry.at);
  const event = canonicalJson({
    id,
    at: entry.at.toISOString(),
    action: entry.action,
    actor: entry.actor,
    bucket: entry.bucket ?? null,
    resource: entry.resource ?? null,
    outcome: entry.outcome,
    details: entry.details ?? {},
  });
  const salt = randomBytes(SALT_BYTES);
  const salted = saltedHash(salt, event);
  await insertAuditEvent(tx, tenantId, { id, entry, event, salt, salted, leafHash: hashLeaf(salted) });
  return id;
}

/** SHA-256 of salt and event: the entry of the tenant's log. It says nothing once the salt is gone. */
export function saltedHash(salt: Uint8Array, event: string): Buffer {
  return createHash("sha256").update(salt).update(event, "utf8").digest();
}

/** The hash of the entry as a leaf: SHA-256 of 0x00 and the salted hash (RFC 6962, section 2.1). */
export function leafHash(salt: Uint8Array, event: string): Buffer {
  return hashLeaf(saltedHash(salt, event));
}

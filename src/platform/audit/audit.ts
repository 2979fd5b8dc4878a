import { createHash, randomBytes } from "node:crypto";
import type { Tx } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { leafHashOf } from "../tlog/merkle.ts";
import { canonicalJson } from "./canonical.ts";
import { noteRecorded, recordedIn } from "./noted.ts";
import { insertAuditEvent, updateLockLimit } from "./store/events.ts";
import { auditFailure, LOCK_LIMIT_MS, refuseWhileBlocked } from "./unavailable.ts";

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
 * all. Answers the row's id. Throws `audit_unavailable` when the log cannot be written: then nothing happens. All
 * statements are sent at once, so that it fits into a transaction whose commit is sent ahead.
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
  refuseWhileBlocked();
  // The limit holds to the end of the transaction, so the first row's does for all.
  const isFirst = recordedIn(tx).length === 0;
  noteRecorded(tx, entry.outcome);
  const salted = saltedHash(salt, event);
  const row = { id, entry, event, salt, salted, leafHash: leafHashOf(salted) };
  const sent = [...(isFirst ? [updateLockLimit(tx, LOCK_LIMIT_MS)] : []), insertAuditEvent(tx, tenantId, row)];
  await Promise.all<unknown>(sent).catch((error: unknown) => {
    throw auditFailure(error);
  });
  return id;
}

/**
 * Reads tables of the audit log in the caller's transaction, within the time that a row may wait: when they are locked the
 * answer is `audit_unavailable` and no reader holds a connection for longer.
 */
export async function readLog<T>(tx: Tx, read: () => Promise<T>): Promise<T> {
  refuseWhileBlocked();
  try {
    await updateLockLimit(tx, LOCK_LIMIT_MS);
    return await read();
  } catch (error) {
    throw auditFailure(error);
  }
}

/** What the log holds of an event: SHA-256 of salt and canonical text. It says nothing once the salt is gone. */
export function saltedHash(salt: Uint8Array, event: string): Buffer {
  return createHash("sha256").update(salt).update(event, "utf8").digest();
}

/** The leaf of an event in its tenant's tree (RFC 6962, section 2.1). */
export function leafHash(salt: Uint8Array, event: string): Buffer {
  return leafHashOf(saltedHash(salt, event));
}

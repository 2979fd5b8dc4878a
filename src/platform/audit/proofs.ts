import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";

/** That an event stands in its tenant's log, verifiable without this server. */
export type AuditProof = {
  readonly index: number;
  readonly leafHash: Buffer;
  /** SHA-256 of salt and event. */
  readonly entry: Buffer;
  readonly salt: Buffer;
  readonly event: string;
  readonly path: readonly Buffer[];
  /** C2SP signed note. */
  readonly checkpoint: string;
  /** C2SP tlog-proof. */
  readonly proofText: string;
};

/** Null until the event has an index and a signed checkpoint covers it. */
export async function proveEvent(db: Database, tenantId: string, eventId: string): Promise<AuditProof | null> {
  const row = await db.tenant(tenantId, (tx) =>
    tx.one(sql<{ index: string }>`
      select index from platform.audit_leaves where tenant_id = ${tenantId} and event_id = ${eventId}`),
  );
  if (row !== null) throw new Error("an event has an index that nothing here gives out");
  return null;
}

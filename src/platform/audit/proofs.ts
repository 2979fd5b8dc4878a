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

/** Null until the event has an index and a signed checkpoint covers it; nothing here gives out indexes yet. */
export function proveEvent(_db: Database, _tenantId: string, _eventId: string): Promise<AuditProof | null> {
  return Promise.resolve(null);
}

import type { Tx } from "../db/tx.ts";
import type { AuditEntry } from "./audit.ts";

export type Outcome = AuditEntry["outcome"];

/** Rows of each transaction; forgotten with it. Written by `recordAudit` alone. */
const recorded = new WeakMap<Tx, Outcome[]>();

export function noteRecorded(tx: Tx, outcome: Outcome): void {
  const outcomes = recorded.get(tx);
  if (outcomes === undefined) recorded.set(tx, [outcome]);
  else outcomes.push(outcome);
}

/** The outcomes of the audit rows that were sent in this transaction: so whoever runs it sees what left no row. */
export function recordedIn(tx: Tx): readonly Outcome[] {
  return recorded.get(tx) ?? [];
}

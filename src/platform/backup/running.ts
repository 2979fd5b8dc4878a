import type { Tx } from "../db/tx.ts";
import { findBackupLock } from "./store/locks.ts";

/**
 * Whether a backup is being made of this database. Who deletes an object asks this after the transaction that dropped
 * the row naming it has committed, and waits while it is true: so every object that a backup's rows name is there until
 * the backup has copied it. (A backup announces itself before it looks at the rows. An answer of false therefore means
 * that a later backup will not see the row either.) A backup that dies stops running at once.
 */
export async function isBackupRunning(tx: Tx): Promise<boolean> {
  return (await findBackupLock(tx)) !== null;
}

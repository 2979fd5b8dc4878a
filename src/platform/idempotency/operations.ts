import type { Database } from "../db/tx.ts";
import type { JobRun } from "../jobs/jobs.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { everyTenantId } from "../tenants/operations.ts";
import { KEPT_SECONDS, PROMISED_SECONDS } from "./idempotency.ts";
import { deleteOldKeys, deleteRunningClaims, updateOldSecrets } from "./store.ts";

/** Removes keys past their retention, and secret answers older than promised. */
export async function sweepIdempotencyKeys(db: Database, run: JobRun): Promise<void> {
  for await (const tenantId of everyWall(db)) {
    run.signal.throwIfAborted();
    await db.tenant(tenantId, async (tx) => {
      await updateOldSecrets(tx, tenantId, PROMISED_SECONDS);
      await deleteOldKeys(tx, tenantId, KEPT_SECONDS);
    });
  }
}

/**
 * Frees the keys of requests that a killed process left running, so that their retries need not wait for the leases
 * to end. Only for a process that has the database to itself, before it takes requests: every claim that it finds is
 * a dead one's, and no transaction is left that could still complete it. Answers how many it freed.
 */
export async function freeDeadClaims(db: Database): Promise<number> {
  let freed = 0;
  for await (const tenantId of everyWall(db))
    freed += await db.tenant(tenantId, (tx) => deleteRunningClaims(tx, tenantId));
  return freed;
}

/** The server's own wall, behind which the operator's keys stand, and that of every organisation. */
async function* everyWall(db: Database): AsyncGenerator<string> {
  yield SERVER_TENANT;
  yield* everyTenantId(db);
}

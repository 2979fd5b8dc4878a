import type { Database } from "../db/tx.ts";
import type { JobRun } from "../jobs/jobs.ts";
import { deleteEmptyBuckets, deleteExpiredValues, deleteExpiredWindows } from "./store.ts";

const WINDOWS_A_PAGE = 2_000;
const VALUES_A_BATCH = 5_000;
const BUCKETS_A_BATCH = 5_000;
/** What one run leaves behind, the next one takes: 1,000,000 values every ten minutes. */
const MAX_BATCHES = 200;
/** Longer than the clocks of two servers may differ, so that a failover does not make an expired value fresh. */
const KEPT_AFTER_EXPIRY_SECONDS = 600;

/** Removes windows that are over. */
export async function sweepRateWindows(db: Database, run: JobRun): Promise<void> {
  let deleted = 0;
  for (let after: Buffer | null = Buffer.alloc(0); after !== null;) {
    run.signal.throwIfAborted();
    const from: Buffer = after;
    const page = await db.directory((tx) => deleteExpiredWindows(tx, from, WINDOWS_A_PAGE), { durability: "buffered" });
    deleted += page.deleted;
    after = page.last_hash;
  }
  run.log.debug({ deleted }, "rate windows swept");
}

/** Removes one-time values that nobody would accept any more, in bounded batches. */
export async function sweepUsedValues(db: Database, run: JobRun): Promise<void> {
  let deleted = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    run.signal.throwIfAborted();
    const gone = await db.directory((tx) => deleteExpiredValues(tx, KEPT_AFTER_EXPIRY_SECONDS, VALUES_A_BATCH), {
      durability: "buffered",
    });
    deleted += gone;
    if (gone < VALUES_A_BATCH) break;
  }
  run.log.debug({ deleted }, "used values swept");
}

/** Removes buckets that are empty, in bounded batches. */
export async function sweepRateBuckets(db: Database, run: JobRun): Promise<void> {
  let deleted = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    run.signal.throwIfAborted();
    const gone = await db.directory((tx) => deleteEmptyBuckets(tx, BUCKETS_A_BATCH), { durability: "buffered" });
    deleted += gone;
    if (gone < BUCKETS_A_BATCH) break;
  }
  run.log.debug({ deleted }, "rate buckets swept");
}

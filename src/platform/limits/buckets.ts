import { createHash } from "node:crypto";
import type { Database, Tx } from "../db/tx.ts";
import { allowedOutcome, refusedOutcome, type LimitOutcome } from "./outcome.ts";
import { updateBuckets, updateBucketsBack } from "./store.ts";

/** What a bucket holds, and every how many seconds one of that runs out. */
export type BucketPolicy = { readonly burst: number; readonly everySeconds: number };
export type BucketRequest = BucketPolicy & { readonly key: string };

const MAX_BUCKETS = 8;

/**
 * Takes one from each of these buckets, or from none of them when one is full. Shared by all processes, by the database's
 * clock. With a `Database` it is one round trip, visible at once and durable shortly after; with a `Tx` it is part of that
 * transaction, and the keys' other requests wait for its end.
 */
export async function takeFromBuckets(
  runner: Database | Tx,
  requests: readonly BucketRequest[],
): Promise<LimitOutcome> {
  if (requests.length === 0 || requests.length > MAX_BUCKETS) throw new RangeError("one to eight buckets at once");
  const waitUs = await updateBuckets(
    runner,
    requests.map(({ key, burst, everySeconds }) => ({ keyHash: hashOf(key), burst, everySeconds })),
  );
  // How much is left is nobody's business: some of the buckets are filled by others.
  return waitUs === 0 ? allowedOutcome(0, 0) : refusedOutcome(0, waitUs / 1000);
}

/** Gives back what was taken for something that turned out not to count. */
export async function giveBackToBuckets(runner: Database | Tx, requests: readonly BucketRequest[]): Promise<void> {
  await updateBucketsBack(
    runner,
    requests.map(({ key, burst, everySeconds }) => ({ keyHash: hashOf(key), burst, everySeconds })),
  );
}

function hashOf(key: string): Buffer {
  return createHash("sha256").update(`bucket:${key}`).digest();
}

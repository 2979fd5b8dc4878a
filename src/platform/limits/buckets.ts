import { createHash } from "node:crypto";
import type { Database, Tx } from "../db/tx.ts";
import { allowedOutcome, refusedOutcome, type LimitOutcome } from "./outcome.ts";
import { updateBuckets, type BucketTakes } from "./store.ts";

/** What a bucket holds, and every how many seconds one of that runs out. */
export type BucketPolicy = { readonly burst: number; readonly everySeconds: number };
export type BucketRequest = BucketPolicy & { readonly key: string };

const MAX_BUCKETS = 8;
const MICROSECONDS = 1_000_000;

/**
 * Takes one from each of these buckets, or from none of them when one is full. Shared by all processes, by the database's
 * clock. With a `Database` it is one round trip, visible at once and durable shortly after; with a `Tx` it is part of that
 * transaction, and the keys' other requests wait for its end. What is free takes nothing and is refused all the same: of
 * guesses that count only when they are wrong.
 */
export async function takeFromBuckets(
  runner: Database | Tx,
  requests: readonly BucketRequest[],
  { isFree = false }: { readonly isFree?: boolean } = {},
): Promise<LimitOutcome> {
  return outcomeOfTake(await updateBuckets(runner, takesOf(requests), isFree));
}

/** For a statement that takes from buckets itself, because it finds out at once whether that is free. */
export function takesOf(requests: readonly BucketRequest[]): BucketTakes {
  if (requests.length === 0 || requests.length > MAX_BUCKETS) throw new RangeError("one to eight buckets at once");
  return {
    hashes: requests.map(({ key }) => hashOf(key)),
    bursts: requests.map(({ burst }) => burst),
    everyUs: requests.map(({ everySeconds }) => Math.round(everySeconds * MICROSECONDS)),
  };
}

/** Of what `platform.take_from_buckets` answered. How much is left is nobody's business: others fill some of the buckets. */
export function outcomeOfTake(waitUs: number): LimitOutcome {
  return waitUs === 0 ? allowedOutcome(0, 0) : refusedOutcome(0, waitUs / 1000);
}

function hashOf(key: string): Buffer {
  return createHash("sha256").update(`bucket:${key}`).digest();
}

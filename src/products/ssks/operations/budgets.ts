import { giveBackToBuckets, takeFromBuckets, type BucketRequest } from "../../../platform/limits/buckets.ts";
import type { Database, Tx } from "../../../platform/db/tx.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import type { App } from "../app.ts";
import { ssksError } from "../errors.ts";
import { budgetOf, type LimitName } from "../limits.ts";

/** Whom a budget counts: a user, a factor, an address, the application. */
export type Counted = { readonly limit: LimitName; readonly whom: readonly string[] };

/** Takes one from each of these, or throws `throttled` and takes nothing. What is returned gives it back. */
export async function takeBudgets(runner: Database | Tx, app: App, counted: readonly Counted[]): Promise<Taken> {
  const requests = counted.map(({ limit, whom }): BucketRequest => {
    const { burst, every_seconds: everySeconds } = budgetOf(app.limits, limit);
    return { key: JSON.stringify(["ssks", limit, ...whom]), burst, everySeconds };
  });
  const outcome = await takeFromBuckets(runner, requests);
  if (!outcome.isAllowed) {
    const { retryAfterSeconds } = outcome;
    const detail = `Request was throttled. Expected available in ${retryAfterSeconds} seconds.`;
    throw ssksError("throttled", detail, { retryAfterSeconds });
  }
  return { giveBack: () => giveBackToBuckets(runner, requests) };
}

export type Taken = { giveBack(): Promise<void> };

/** The neighbourhood that stands for one client. */
export function addressOf(remoteAddress: string): string {
  return addressPrefix(remoteAddress);
}

import { giveBackToBuckets, takeFromBuckets, type BucketRequest } from "../../../platform/limits/buckets.ts";
import type { Database, Tx } from "../../../platform/db/tx.ts";
import type { Log } from "../../../platform/log/log.ts";
import type { App } from "../app.ts";
import { ssksError } from "../errors.ts";
import { budgetOf, type LimitName } from "../limits.ts";

/** Whom a budget counts within the application: a user, a factor, an address; nobody is named where it counts all. */
export type Counted = { readonly limit: LimitName; readonly whom: readonly string[] };

/** Takes one from each of these, or throws `throttled` and takes nothing. What is returned gives it back. */
export async function takeBudgets(runner: Database | Tx, app: App, counted: readonly Counted[]): Promise<Taken> {
  const requests = counted.map(({ limit, whom }): BucketRequest => {
    const { burst, every_seconds: everySeconds } = budgetOf(app.limits, limit);
    // Of this application alone, and of this setting: who sets another one begins anew.
    return { key: JSON.stringify(["ssks", app.id, limit, burst, everySeconds, ...whom]), burst, everySeconds };
  });
  const outcome = await takeFromBuckets(runner, requests);
  if (!outcome.isAllowed) {
    const { retryAfterSeconds } = outcome;
    throw ssksError("throttled", "A budget of the application is used up.", { retryAfterSeconds });
  }
  return {
    giveBack: () => giveBackToBuckets(runner, requests),
    giveBackAfter: (log) =>
      giveBackToBuckets(runner, requests).catch((error: unknown) => log.warn({ error }, "a budget was not given back")),
  };
}

export type Taken = {
  giveBack(): Promise<void>;
  /** After the commit of what succeeded: that must be answered, also where this fails. */
  giveBackAfter(log: Log): Promise<void>;
};

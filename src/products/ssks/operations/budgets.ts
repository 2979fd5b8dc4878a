import type { Database, Tx } from "../../../platform/db/tx.ts";
import { outcomeOfTake, takeFromBuckets, takesOf, type BucketRequest } from "../../../platform/limits/buckets.ts";
import type { LimitOutcome } from "../../../platform/limits/outcome.ts";
import type { App } from "../app.ts";
import { ssksError } from "../errors.ts";
import { budgetOf, type BudgetTakes, type LimitName } from "../limits.ts";

/** Whom a budget counts within the application: a user, a factor, an address; nobody is named where it counts all. */
export type Counted = { readonly limit: LimitName; readonly whom: readonly string[] };

/** Takes one from each of these, or throws `throttled` and takes nothing. What is free takes nothing, and is held back as well. */
export async function takeBudgets(
  runner: Database | Tx,
  app: App,
  counted: readonly Counted[],
  { isFree = false }: { readonly isFree?: boolean } = {},
): Promise<void> {
  refuseThrottled(await takeFromBuckets(runner, requestsOf(app, counted), { isFree }));
}

/** For a statement that takes from them itself, because it finds out at once whether that is free. */
export function takesOfBudgets(app: App, counted: readonly Counted[]): BudgetTakes {
  return takesOf(requestsOf(app, counted));
}

/** Throws `throttled` where such a statement says that there is something to wait for. */
export function refuseWait(waitUs: number): void {
  refuseThrottled(outcomeOfTake(waitUs));
}

function requestsOf(app: App, counted: readonly Counted[]): BucketRequest[] {
  return counted.map(({ limit, whom }) => {
    const { burst, every_seconds: everySeconds } = budgetOf(app.limits, limit);
    // Of this application alone, and of this setting: who sets another one begins anew.
    return { key: JSON.stringify(["ssks", app.id, limit, burst, everySeconds, ...whom]), burst, everySeconds };
  });
}

function refuseThrottled({ isAllowed, retryAfterSeconds }: LimitOutcome): void {
  if (!isAllowed) throw ssksError("throttled", "A budget of the application is used up.", { retryAfterSeconds });
}

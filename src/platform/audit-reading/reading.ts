import type { ConcurrencyGate } from "../limits/concurrency.ts";

/** What the routes of one product share. */
export type Reading = {
  readonly product: string;
  readonly scopes: { readonly read: readonly string[]; readonly export: readonly string[] };
  /** The scopes that a credential has now; throws when it has ended. Null: it cannot end. */
  readonly scopesNow: ((authorization: string, remoteAddress: string) => Promise<ReadonlySet<string>>) | null;
  readonly sender: { readonly title: string; readonly version: string };
  /** Streams that are open in this process, by token. */
  readonly followers: ConcurrencyGate;
};

/** The paths at which a route of the log answers: the canonical one first. */
export type At = (path: string) => [string, ...string[]];

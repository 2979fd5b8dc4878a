import type { TokenCheck } from "../credentials/check.ts";
import type { ConcurrencyGate } from "../limits/concurrency.ts";
import type { WebhookFamily } from "../product.ts";

/** What the routes of one product share. */
export type Reading = {
  readonly product: string;
  readonly family: WebhookFamily;
  readonly scopes: { readonly read: readonly string[]; readonly export: readonly string[] };
  readonly tokenCheck: TokenCheck;
  readonly sender: { readonly title: string; readonly version: string };
  /** Streams that are open in this process, by token. */
  readonly followers: ConcurrencyGate;
};

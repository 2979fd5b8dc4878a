import type { Tx } from "../../../platform/db/tx.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import { deleteSpareAddresses, insertKnownAddress, type KnownName } from "../store/known-addresses.ts";
import { findSlot, type SlotName, type SlotRow } from "../store/slots.ts";
import type { FrontCall } from "./acts.ts";
import { refuseWait, takesOfBudgets, type Counted } from "./budgets.ts";

/** Of how many addresses it is remembered that a slot was got back from there. */
const MAX_KNOWN_ADDRESSES = 20;
/** One that is used all the time is written once in so long. */
const FRESH_MS = 86_400_000;

/** The slot that a search is for, and where the search comes from. */
export function knownNameOf({ app, call }: FrontCall, slot: SlotName): KnownName {
  const text = `ssks/${app.id}/known/${addressPrefix(call.remoteAddress)}`;
  return { ...slot, addressMac: call.services.keyring.mac("address-hashes", text) };
}

/** Whether a search that was right is worth writing down. */
export function isNews(seenAt: Date | null, now: Date): boolean {
  return seenAt === null || now.getTime() - seenAt.getTime() >= FRESH_MS;
}

/** Whoever gave this secret here need not wait for strangers the next time. */
export async function rememberAddress(tx: Tx, tenantId: string, name: KnownName, now: Date): Promise<void> {
  await Promise.all([
    insertKnownAddress(tx, tenantId, { ...name, now }),
    deleteSpareAddresses(tx, tenantId, name, MAX_KNOWN_ADDRESSES),
  ]);
}

/** What a search in vain takes from, and one that finds something. */
export function searchCosts({ call }: FrontCall, userId: string): Record<"narrow" | "all" | "hits", Counted[]> {
  const address = addressPrefix(call.remoteAddress);
  const narrow: Counted[] = [
    { limit: "searches_per_user_and_address", whom: [userId, address] },
    { limit: "searches_per_address", whom: [address] },
    { limit: "searches_per_app", whom: [] },
  ];
  const hits: Counted[] = [{ limit: "searches_found_per_address", whom: [address] }];
  return { narrow, all: [...narrow, { limit: "searches_per_user", whom: [userId] }], hits };
}

/**
 * Looks for a slot within the budgets; throws `throttled` beyond them, whatever was found. Of looks at once those beyond the
 * budget are told nothing, because each takes what it costs while it looks. Strangers fill the budget of a user; whoever has got
 * back this very slot from this very address goes on. That helps nobody to guess: the narrower budgets are taken from then, too,
 * and a secret that was not right here before is never known.
 */
export async function lookForSlot(front: FrontCall, name: KnownName): Promise<SlotRow> {
  const { app, call } = front;
  const { narrow, all, hits } = searchCosts(front, name.userId);
  const look = (counted: readonly Counted[], mustBeKnown: boolean): Promise<SlotRow> => {
    const cost = { misses: takesOfBudgets(app, counted), hits: takesOfBudgets(app, hits), mustBeKnown };
    return call.services.db.tenant(app.tenant_id, (tx) => findSlot(tx, app.tenant_id, name, cost), {
      isCommitAhead: true,
    });
  };
  const first = await look(all, false);
  if (first.wait_us === 0) return first;
  const second = await look(narrow, true);
  refuseWait(second.wait_us);
  if (second.seen_at === null) refuseWait(first.wait_us);
  return second;
}

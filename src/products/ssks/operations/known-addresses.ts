import type { Tx } from "../../../platform/db/tx.ts";
import { isAppError } from "../../../platform/errors/errors.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import {
  deleteSpareAddresses,
  findKnownAddress,
  insertKnownAddress,
  type KnownName,
} from "../store/known-addresses.ts";
import type { SlotName } from "../store/slots.ts";
import type { FrontCall } from "./acts.ts";
import { takeBudgets, type Counted, type Taken } from "./budgets.ts";

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

/**
 * Takes what a search costs. Strangers fill the budget of a user; whoever has got back this very slot from this very address
 * goes on. That helps nobody to guess: it is asked only once the narrower budgets were taken, of a wrong secret as well, and a
 * secret that was not right here before is never known.
 */
export async function takeSearch(front: FrontCall, name: KnownName): Promise<Taken> {
  const { app, call } = front;
  const { db } = call.services;
  const address = addressPrefix(call.remoteAddress);
  const narrow: readonly Counted[] = [
    { limit: "searches_per_user_and_address", whom: [name.userId, address] },
    { limit: "searches_per_address", whom: [address] },
    { limit: "searches_per_app", whom: [] },
  ];
  try {
    return await takeBudgets(db, app, [...narrow, { limit: "searches_per_user", whom: [name.userId] }]);
  } catch (error) {
    if (!isAppError(error, "ssks", "throttled")) throw error;
    const taken = await takeBudgets(db, app, narrow);
    const known = await db.tenant(app.tenant_id, (tx) => findKnownAddress(tx, app.tenant_id, name));
    if (known === null) throw error;
    return taken;
  }
}

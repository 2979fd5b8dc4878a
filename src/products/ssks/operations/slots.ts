import type { Tx } from "../../../platform/db/tx.ts";
import { uuid } from "../../../platform/ids/ids.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import { refusedField, ssksError } from "../errors.ts";
import type { SlotPushRequest, SlotSearchRequest } from "../schema.ts";
import { insertSlot, lockSlots, type SlotName } from "../store/slots.ts";
import { whileItLives } from "./app-lookup.ts";
import { noteFront, refuseFront, type Act, type FrontCall } from "./acts.ts";
import { takeBudgets } from "./budgets.ts";
import { isNews, knownNameOf, lookForSlot, rememberAddress, searchCosts } from "./known-addresses.ts";
import { openRecord, sealRecord } from "./records.ts";

/** Stores a slot of a user in place of the one under this secret. Whoever knows the application may: nobody is asked who. */
export async function pushSlot(front: FrontCall, request: SlotPushRequest): Promise<{ id: string }> {
  const { app, keys, call } = front;
  const { user_id: userId } = request;
  const address = addressPrefix(call.remoteAddress);
  await takeBudgets(call.services.db, app, [
    { limit: "pushes_per_user_and_address", whom: [userId, address] },
    { limit: "pushes_per_user", whom: [userId] },
    { limit: "pushes_per_address", whom: [address] },
    { limit: "pushes_per_app", whom: [] },
  ]);
  if (request.app_id.toLowerCase() !== app.id) return refuseOtherApp(front, { operation: "pushSlot", userId });
  const name = nameOf(front, request);
  const row = {
    ...name,
    ...sealRecord(keys, request.data_b64, contextOf(name)),
    id: uuid(),
    most: app.slots_per_user,
    now: call.now,
  };
  const id = await whileItLives(() =>
    call.services.db.tenant(app.tenant_id, async (tx) => {
      const [, stored] = await Promise.all([lockSlots(tx, app.tenant_id, name), insertSlot(tx, app.tenant_id, row)]);
      await noteFront(tx, front, { operation: "pushSlot", userId, outcome: stored === null ? "denied" : "success" });
      return stored;
    }),
  );
  if (id === null) throw ssksError("too_many_slots", "This user has as many slots as one may have.");
  return { id };
}

/** Gives a slot to who knows its secret. What is not found counts against user and address; what is found, against the address alone. */
export async function searchSlot(front: FrontCall, request: SlotSearchRequest): Promise<{ data_b64: string }> {
  const { app, keys, call } = front;
  const { user_id: userId } = request;
  if (request.app_id.toLowerCase() !== app.id) {
    await takeBudgets(call.services.db, app, searchCosts(front, userId).all);
    return refuseOtherApp(front, { operation: "searchSlot", userId });
  }
  const name = knownNameOf(front, nameOf(front, request));
  const row = await lookForSlot(front, name);
  const { wrapped_key: wrappedKey, sealed_data: sealedData } = row;
  const isFound = wrappedKey !== null && sealedData !== null;
  const work = (tx: Tx): Promise<unknown> =>
    Promise.all([
      isFound && isNews(row.seen_at, call.now) ? rememberAddress(tx, app.tenant_id, name, call.now) : null,
      noteFront(tx, front, { operation: "searchSlot", userId, outcome: isFound ? "success" : "denied" }),
    ]);
  await call.services.db.tenant(app.tenant_id, work, { isCommitAhead: true });
  if (!row.has_slots) throw ssksError("password_user_not_found", "Nothing is stored for this user.");
  if (!isFound) throw ssksError("password_wrong", "Nothing is stored under this.");
  return { data_b64: openRecord(keys, { wrappedKey, sealedData }, contextOf(name)) };
}

function nameOf({ app, call }: FrontCall, { user_id: userId, secret }: SlotSearchRequest): SlotName {
  const secretMac = call.services.keyring.mac("password-secrets", JSON.stringify([app.id, userId, secret]));
  return { appId: app.id, userId, secretMac };
}

function contextOf({ appId, userId, secretMac }: SlotName): string {
  return `ssks/${appId}/slot/${secretMac.toString("hex")}/${userId}`;
}

async function refuseOtherApp(front: FrontCall, act: Pick<Act, "operation" | "userId">): Promise<never> {
  const refusal = refusedField("app_id", "must be the application of the header");
  return refuseFront(front, { ...act, reason: "validation_failed" }, refusal);
}

import { uuid } from "../../../platform/ids/ids.ts";
import { withdrawNotifications } from "../../../platform/notify/notify.ts";
import type { Call } from "../../../platform/product.ts";
import type { App } from "../app.ts";
import type { Factor, FactorType } from "../factor.ts";
import type { CountResponse, IdentityCheckRequest, PairRequest } from "../schema.ts";
import { countSlots, deleteSlots as deleteSlotRows } from "../store/slots.ts";
import { countIdentities, countIdentitiesOfFactor, deleteUsers, insertUser, lockUsers } from "../store/users.ts";
import { noteBack } from "./acts.ts";
import { whileItLives } from "./app-lookup.ts";
import { aboutOf, giveBackUnsent } from "./challenges.ts";
import { factorMac, factorOf, optionalFactor, requiredFactor } from "./factors.ts";

/** Whether a session with this factor would have to be authenticated; nothing is sent. */
export async function checkFactor(
  call: Call,
  app: App,
  given: { readonly type: FactorType; readonly value: string },
): Promise<{ must_authenticate: boolean }> {
  const factor = factorOf(given, "value");
  const mac = factorMac(call.services.keyring, app, factor);
  return call.write(async (tx) => {
    const [count] = await Promise.all([
      countIdentitiesOfFactor(tx, app.tenant_id, app.id, mac),
      noteBack(tx, call, app, { operation: "checkFactor", userId: null, details: { factor_type: factor.type } }),
    ]);
    return { must_authenticate: count > 0 };
  });
}

/** Again for a pair that is there: the same answer. */
export async function createUser(call: Call, app: App, request: PairRequest): Promise<{ status: "ok" }> {
  const factor = requiredFactor(request);
  const { user_id: userId } = request;
  const row = {
    id: uuid(),
    appId: app.id,
    userId,
    factorType: factor.type,
    factorMac: factorMac(call.services.keyring, app, factor),
    now: call.now,
  };
  return whileItLives(() =>
    call.write(async (tx) => {
      await Promise.all([
        insertUser(tx, app.tenant_id, row),
        noteBack(tx, call, app, { operation: "createUser", userId, details: { factor_type: factor.type } }),
      ]);
      return { status: "ok" };
    }),
  );
}

/** Ends the sessions of those users, too. */
export async function deleteUser(
  call: Call,
  app: App,
  request: PairRequest,
): Promise<{ status: "ok"; deleted: number }> {
  const of = targetOf(call, app, request);
  return call.write(async (tx) => {
    // In this order, each in sight of what the one before had waited for.
    const [, users] = await Promise.all([lockUsers(tx, app.tenant_id, of), deleteUsers(tx, app.tenant_id, of)]);
    const deleted = users.filter((user) => user.had_identity).length;
    // Their challenges that wait to be sent hold their addresses.
    const abouts = users.map(({ id }) => aboutOf(app, id));
    const [unsent] = await Promise.all([
      withdrawNotifications(tx, app.tenant_id, { abouts, at: call.now }),
      noteBack(tx, call, app, { operation: "deleteUser", userId: of.userId, details: { deleted } }),
    ]);
    for (const { kind, about, created_at: enqueuedAt } of unsent) {
      await giveBackUnsent(tx, app.tenant_id, { kind, about, enqueuedAt });
    }
    return { status: "ok", deleted };
  });
}

export async function checkIdentities(call: Call, app: App, request: IdentityCheckRequest): Promise<CountResponse> {
  const { type, value } = request.auth_factor ?? {};
  const factor = type === undefined || value === undefined ? null : { type, value };
  const of = targetOf(call, app, { ...request, auth_factor: factor });
  return call.write(async (tx) => {
    const [count] = await Promise.all([
      countIdentities(tx, app.tenant_id, of),
      noteBack(tx, call, app, { operation: "checkIdentities", userId: of.userId }),
    ]);
    return countOf(app, of.userId, count);
  });
}

export async function checkSlots(call: Call, app: App, userId: string): Promise<CountResponse> {
  return call.write(async (tx) => {
    const [count] = await Promise.all([
      countSlots(tx, app.tenant_id, app.id, userId),
      noteBack(tx, call, app, { operation: "checkSlots", userId }),
    ]);
    return countOf(app, userId, count);
  });
}

export async function deleteSlots(call: Call, app: App, userId: string): Promise<{ status: "ok" }> {
  return call.write(async (tx) => {
    const deleted = await deleteSlotRows(tx, app.tenant_id, app.id, userId);
    await noteBack(tx, call, app, { operation: "deleteSlots", userId, details: { deleted } });
    return { status: "ok" };
  });
}

function targetOf(
  call: Call,
  app: App,
  request: PairRequest,
): { appId: string; userId: string; factorMac: Buffer | null } {
  const factor: Factor | null = optionalFactor(request);
  const mac = factor === null ? null : factorMac(call.services.keyring, app, factor);
  return { appId: app.id, userId: request.user_id, factorMac: mac };
}

function countOf(app: App, userId: string, count: number): CountResponse {
  return { identities_count: count, user: { user_id: userId, app_id: app.id } };
}

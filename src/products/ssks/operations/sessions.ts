import type { Tx } from "../../../platform/db/tx.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import { isUuid } from "../../../platform/ids/ids.ts";
import type { Keyring } from "../../../platform/keys/keyring.ts";
import type { App } from "../app.ts";
import { ssksError } from "../errors.ts";
import type { FactorType } from "../factor.ts";
import { readFactor } from "../factor.ts";
import { lockSession, type SessionRow } from "../store/sessions.ts";
import { refuseFront, type FrontCall } from "./acts.ts";
import { takeBudgets } from "./budgets.ts";
import { factorMac, type GivenFactors } from "./factors.ts";

/** What is kept of a session's id. */
export function sessionMac(keyring: Keyring, app: Pick<App, "id">, sessionId: string): Buffer {
  return keyring.mac("session-tokens", `ssks/${app.id}/${sessionId}`);
}

/** The session of this id, locked; null for one that never was or is over. */
export async function sessionOf(tx: Tx, front: FrontCall, sessionId: string | undefined): Promise<SessionRow | null> {
  const { app, call } = front;
  if (sessionId === undefined || !isUuid(sessionId)) return null;
  const mac = sessionMac(call.services.keyring, app, sessionId);
  return lockSession(tx, app.tenant_id, { appId: app.id, sessionMac: mac, now: call.now });
}

/** 122 random bits are not guessed; those who try are held back all the same, and counted. */
export async function countUnknownSession(front: FrontCall, operation: string): Promise<never> {
  const { app, call } = front;
  await takeBudgets(call.services.db, app, [
    { limit: "challenges_per_address", whom: [addressPrefix(call.remoteAddress)] },
    { limit: "challenges_per_app", whom: [] },
  ]);
  return refuseUnknownSession(front, operation);
}

/** Where the call was counted before. */
export async function refuseUnknownSession(front: FrontCall, operation: string): Promise<never> {
  const reason = "session_not_found";
  return refuseFront(front, { operation, userId: null, reason }, ssksError(reason, "There is no such session."));
}

/** Whether the factor that a request names, if it names one, is that of the session. */
export function isFactorOf(front: FrontCall, session: SessionRow, given: GivenFactors): boolean {
  return macsOf(front, given).every((mac) => mac !== null && mac.equals(session.factor_mac));
}

/** What is kept of the one factor that a request names; null where it names none, or two. */
export function namedFactorMac(front: FrontCall, given: GivenFactors): Buffer | null {
  const [mac = null, ...others] = macsOf(front, given);
  return others.every((other) => other !== null && mac !== null && other.equals(mac)) ? mac : null;
}

function macsOf(front: FrontCall, { auth_factor: factor, email }: GivenFactors): (Buffer | null)[] {
  const named = [factor, email === null || email === undefined ? null : mailFactor(email)];
  return named.flatMap((one) => (one === null || one === undefined ? [] : [macOf(front, one)]));
}

function mailFactor(value: string): { type: FactorType; value: string } {
  return { type: "EM", value };
}

/** Null for what is no factor. */
function macOf({ app, call }: FrontCall, given: { type: FactorType; value: string }): Buffer | null {
  const factor = readFactor(given.type, given.value);
  return factor === null ? null : factorMac(call.services.keyring, app, factor);
}

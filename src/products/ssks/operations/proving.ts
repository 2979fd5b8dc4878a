import { timingSafeEqual } from "node:crypto";
import { uuid } from "../../../platform/ids/ids.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import { MAX_TRIES, SESSION_MS } from "../challenge.ts";
import { refusedField, ssksError } from "../errors.ts";
import type { ChallengeValidateRequest } from "../schema.ts";
import { deleteSession, updateAuthenticated, updateTries, type SessionRow } from "../store/sessions.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { noteFront, refuseFront, type FrontCall } from "./acts.ts";
import { takeBudgets } from "./budgets.ts";
import { challengeMac } from "./challenges.ts";
import { isFactorOf, refuseUnknownSession, sessionMac, sessionOf } from "./sessions.ts";

const OPERATION = "validateChallenge";

/**
 * Ends the session and opens one that is authenticated. A wrong try counts, whatever was wrong with it; the last one that a
 * session allows ends it. Tries at once count one after the other, because each locks the session.
 */
export async function validateChallenge(
  front: FrontCall,
  sessionId: string | undefined,
  request: ChallengeValidateRequest,
): Promise<{ new_id: string }> {
  const { app, call } = front;
  const { db } = call.services;
  const taken = await takeBudgets(db, app, [
    { limit: "challenges_per_address", whom: [addressPrefix(call.remoteAddress)] },
    { limit: "challenges_per_app", whom: [] },
  ]);
  if ((request.auth_factor ?? request.email ?? null) === null) {
    const act = { operation: OPERATION, userId: null, reason: "validation_failed" };
    return refuseFront(front, act, refusedField("auth_factor", "is required"));
  }
  const newId = uuid();
  const verdict = await db.tenant(app.tenant_id, async (tx) => {
    const session = await sessionOf(tx, front, sessionId);
    return session === null
      ? "unknown"
      : tryChallenge(tx, front, session, { sessionId: sessionId ?? "", newId, request });
  });
  if (verdict === "unknown") return refuseUnknownSession(front, OPERATION);
  if (verdict === "wrong") throw ssksError("challenge_wrong", "The challenge or the factor is wrong.");
  await taken.giveBackAfter(call.log);
  return { new_id: newId };
}

type Try = { readonly sessionId: string; readonly newId: string; readonly request: ChallengeValidateRequest };

/** In one transaction, also where the try was wrong: what it used up must stay used up. */
async function tryChallenge(
  tx: Tx,
  front: FrontCall,
  session: SessionRow,
  { sessionId, newId, request }: Try,
): Promise<"right" | "wrong"> {
  const { app, call } = front;
  const { keyring } = call.services;
  const { tenant_id: tenantId } = app;
  const { user_ref: userRef, user_id: userId } = session;
  const taken = await takeBudgets(tx, app, [
    { limit: "challenges_per_factor", whom: [session.factor_mac.toString("hex")] },
  ]);
  const mac = challengeMac(keyring, sessionId, request.challenge);
  // Compared also where there is no challenge, so that the time tells nothing.
  const isRight =
    timingSafeEqual(mac, session.challenge_mac ?? Buffer.alloc(mac.length)) && session.challenge_mac !== null;
  if (isRight && isFactorOf(front, session, request)) {
    const to = {
      sessionMac: sessionMac(keyring, app, newId),
      now: call.now,
      expiresAt: new Date(call.now.getTime() + SESSION_MS),
    };
    await Promise.all([
      updateAuthenticated(tx, tenantId, userRef, to),
      taken.giveBack(),
      noteFront(tx, front, { operation: OPERATION, userId }),
    ]);
    return "right";
  }
  const tries = session.tries + 1;
  await Promise.all([
    tries >= MAX_TRIES ? deleteSession(tx, tenantId, userRef) : updateTries(tx, tenantId, userRef, tries),
    noteFront(tx, front, { operation: OPERATION, userId, outcome: "denied", details: { tries } }),
  ]);
  return "wrong";
}

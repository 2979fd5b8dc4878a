import { timingSafeEqual } from "node:crypto";
import { uuid } from "../../../platform/ids/ids.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import { MAX_TRIES, SESSION_MS } from "../challenge.ts";
import { refusedField, ssksError } from "../errors.ts";
import type { ChallengeValidateRequest } from "../schema.ts";
import { deleteSession, findProof, updateAuthenticated, updateTries, type SessionRow } from "../store/sessions.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { noteFront, refuseFront, type FrontCall } from "./acts.ts";
import { refuseWait, takeBudgets, takesOfBudgets, type Counted } from "./budgets.ts";
import { challengeMac } from "./challenges.ts";
import { isFactorOf, namedFactorMac, refuseUnknownSession, sessionMac, sessionOf } from "./sessions.ts";

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
  const isRight = await countProof(front, sessionId, request);
  if ((request.auth_factor ?? request.email ?? null) === null) {
    const act = { operation: OPERATION, userId: null, reason: "validation_failed" };
    return refuseFront(front, act, refusedField("auth_factor", "is required"));
  }
  const newId = uuid();
  const trying = db.tenant(app.tenant_id, async (tx) => {
    const session = await sessionOf(tx, front, sessionId);
    return session === null
      ? "unknown"
      : tryChallenge(tx, front, session, { sessionId: sessionId ?? "", newId, request });
  });
  const [outcome] = await Promise.allSettled([trying]);
  // Somebody else was first with what was right a moment ago, or the factor's budget says no: then it costs what others do.
  if (isRight && !(outcome.status === "fulfilled" && outcome.value === "right")) {
    await takeBudgets(db, app, costsOf(front));
  }
  const verdict = await trying;
  if (verdict === "unknown") return refuseUnknownSession(front, OPERATION);
  if (verdict === "wrong") throw ssksError("challenge_wrong", "The challenge or the factor is wrong.");
  return { new_id: newId };
}

/** What a wrong try takes from, besides the budget of its factor. */
function costsOf({ call }: FrontCall): Counted[] {
  return [
    { limit: "challenges_per_address", whom: [addressPrefix(call.remoteAddress)] },
    { limit: "challenges_per_app", whom: [] },
  ];
}

/** Counts a try that is not right. Throws `throttled` beyond the budgets, whether it was or not. */
async function countProof(
  front: FrontCall,
  sessionId: string | undefined,
  request: ChallengeValidateRequest,
): Promise<boolean> {
  const { app, call } = front;
  const { keyring, db } = call.services;
  const proof = {
    appId: app.id,
    sessionMac: sessionMac(keyring, app, sessionId ?? ""),
    challengeMac: challengeMac(keyring, sessionId ?? "", request.challenge),
    factorMac: namedFactorMac(front, request),
    now: call.now,
  };
  const cost = takesOfBudgets(app, costsOf(front));
  const found = await db.tenant(app.tenant_id, (tx) => findProof(tx, app.tenant_id, proof, cost), {
    isCommitAhead: true,
  });
  refuseWait(found.wait_us);
  return found.is_right;
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
  const mac = challengeMac(keyring, sessionId, request.challenge);
  // Compared also where there is no challenge, so that the time tells nothing.
  const isRight =
    timingSafeEqual(mac, session.challenge_mac ?? Buffer.alloc(mac.length)) && session.challenge_mac !== null;
  const isProof = isRight && isFactorOf(front, session, request);
  const factor: Counted = { limit: "challenges_per_factor", whom: [session.factor_mac.toString("hex")] };
  // Where the budget refuses, all of this is taken back.
  const take = takeBudgets(tx, app, [factor], { isFree: isProof });
  if (isProof) {
    const to = {
      sessionMac: sessionMac(keyring, app, newId),
      now: call.now,
      expiresAt: new Date(call.now.getTime() + SESSION_MS),
    };
    await Promise.all([
      take,
      updateAuthenticated(tx, tenantId, userRef, to),
      noteFront(tx, front, { operation: OPERATION, userId }),
    ]);
    return "right";
  }
  const tries = session.tries + 1;
  await Promise.all([
    take,
    tries >= MAX_TRIES ? deleteSession(tx, tenantId, userRef) : updateTries(tx, tenantId, userRef, tries),
    noteFront(tx, front, { operation: OPERATION, userId, outcome: "denied", details: { tries } }),
  ]);
  return "wrong";
}

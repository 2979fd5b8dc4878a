import type { Tx } from "../../../platform/db/tx.ts";
import { uuid } from "../../../platform/ids/ids.ts";
import { ssksError } from "../errors.ts";
import type { IdentityPushRequest } from "../schema.ts";
import type { SessionRow } from "../store/sessions.ts";
import { findIdentity, insertIdentity } from "../store/users.ts";
import { noteFront, type FrontCall } from "./acts.ts";
import { openRecord, sealRecord } from "./records.ts";
import { countUnknownSession, isFactorOf, sessionOf } from "./sessions.ts";

type Refusal = "unknown" | "session_not_authenticated" | "factor_differs" | "identity_not_found";

/** Stores the identity of the session's user, in place of the one before. It counts as authenticated as the session does. */
export async function pushIdentity(
  front: FrontCall,
  sessionId: string | undefined,
  request: IdentityPushRequest,
): Promise<{ id: string }> {
  return withSession(front, { sessionId, operation: "pushIdentity" }, async (tx, session) => {
    if (!session.is_authenticated && session.must_authenticate) return "session_not_authenticated";
    if (!isFactorOf(front, session, request)) return "factor_differs";
    const { app, keys, call } = front;
    const [id] = await Promise.all([
      insertIdentity(tx, app.tenant_id, {
        ...sealRecord(keys, request.data_b64, contextOf(front, session)),
        userRef: session.user_ref,
        id: uuid(),
        isAuthenticated: session.is_authenticated,
        now: call.now,
      }),
      noteFront(tx, front, {
        operation: "pushIdentity",
        userId: session.user_id,
        details: { is_authenticated: session.is_authenticated },
      }),
    ]);
    return { id };
  });
}

export async function searchIdentity(
  front: FrontCall,
  sessionId: string | undefined,
): Promise<{ data_b64: string; authenticated: boolean }> {
  const { app, keys } = front;
  return withSession(front, { sessionId, operation: "searchIdentity" }, async (tx, session) => {
    if (!session.is_authenticated) return "session_not_authenticated";
    const row = await findIdentity(tx, app.tenant_id, session.user_ref);
    if (row === null) return "identity_not_found";
    const sealed = { wrappedKey: row.wrapped_key, sealedData: row.sealed_data };
    const text = openRecord(keys, sealed, contextOf(front, session));
    await noteFront(tx, front, { operation: "searchIdentity", userId: session.user_id });
    return { data_b64: text, authenticated: row.is_authenticated };
  });
}

/** Bound to the user: what was stored for one does not open as another's. */
function contextOf({ app }: FrontCall, { user_ref: userRef }: SessionRow): string {
  return `ssks/${app.id}/identity/${userRef}`;
}

const DETAILS: Readonly<Record<Exclude<Refusal, "unknown">, string>> = {
  session_not_authenticated: "The session is not authenticated.",
  factor_differs: "The factor is not the one of the session.",
  identity_not_found: "Nothing is stored for this user.",
};

/** One transaction with the session locked. Refusals are on record, and so commit as well. */
export async function withSession<T extends object>(
  front: FrontCall,
  of: { readonly sessionId: string | undefined; readonly operation: string },
  work: (tx: Tx, session: SessionRow) => Promise<T | Refusal>,
): Promise<T> {
  const { app, call } = front;
  const result = await call.services.db.tenant(app.tenant_id, async (tx): Promise<T | Refusal> => {
    const session = await sessionOf(tx, front, of.sessionId);
    if (session === null) return "unknown";
    const done = await work(tx, session);
    if (typeof done !== "string") return done;
    const outcome = done === "identity_not_found" ? "failed" : "denied";
    await noteFront(tx, front, {
      operation: of.operation,
      userId: session.user_id,
      outcome,
      details: { reason: done },
    });
    return done;
  });
  if (result === "unknown") return countUnknownSession(front, of.operation);
  if (typeof result === "string") throw ssksError(result, DETAILS[result]);
  return result;
}

import { recordAudit, type AuditActor, type AuditEntry } from "../../../platform/audit/audit.ts";
import { actorOf } from "../../../platform/credentials/operations.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { isAppError } from "../../../platform/errors/errors.ts";
import type { Keyring } from "../../../platform/keys/keyring.ts";
import type { Call, OpenCall } from "../../../platform/product.ts";
import type { App } from "../app.ts";
import type { AppLookup, FoundApp } from "./app-lookup.ts";

/** A call of an application's user. Nobody is known by a token there. */
export type FrontCall = FoundApp & { readonly call: OpenCall };

/** What happened to a user of an application, for the audit log: never a factor, a challenge, a secret or what is stored. */
export type Act = {
  readonly operation: string;
  readonly userId: string | null;
  readonly outcome?: AuditEntry["outcome"];
  readonly details?: Readonly<Record<string, unknown>>;
};

/** By the application's own server. */
export async function noteBack(tx: Tx, call: Call, app: App, act: Act): Promise<void> {
  await note(tx, { app, keyring: call.services.keyring, call, actor: actorOf(call) }, act);
}

/** By whoever stands before a page or a program of the application. */
export async function noteFront(tx: Tx, { call, app }: FrontCall, act: Act): Promise<void> {
  const actor = { type: "visitor", id: app.id, ip: call.remoteAddress } as const;
  await note(tx, { app, keyring: call.services.keyring, call, actor }, act);
}

/** Puts a refusal on record that no transaction of the call has told of, and throws it. A budget must have counted the call. */
export async function refuseFront(
  front: FrontCall,
  act: Pick<Act, "operation" | "userId"> & { readonly reason: string },
  error: Error,
): Promise<never> {
  const { operation, userId, reason } = act;
  const { app, call } = front;
  await call.services.db.tenant(
    app.tenant_id,
    (tx) => noteFront(tx, front, { operation, userId, outcome: "failed", details: { reason } }),
    { isCommitAhead: true },
  );
  throw error;
}

type About = Required<Pick<AuditEntry, "resource" | "details">>;

export const MAX_USER_ID_CHARACTERS = 256;

/** What a refused call of an application's server was about: its application, and the user whom its body names. */
export async function aboutBack(
  by: { readonly apps: AppLookup; readonly keyring: Keyring },
  appId: string,
  body: unknown,
): Promise<About> {
  const resource = { type: "app", id: appId };
  const userId = userNamedIn(body, MAX_USER_ID_CHARACTERS);
  if (userId === null) return { resource, details: {} };
  try {
    const { app } = await by.apps.find(appId);
    return { resource, details: { user: userInAudit(by.keyring, app, userId) } };
  } catch (error) {
    if (!isAppError(error, "ssks", "application_unknown")) throw error;
    // It was deleted meanwhile, and with it how it wants its users named.
    return { resource, details: {} };
  }
}

/** No schema has accepted the body: what could not be the id of a user is none. */
export function userNamedIn(body: unknown, maxCharacters: number): string | null {
  if (typeof body !== "object" || body === null || !("user_id" in body)) return null;
  const { user_id: id } = body;
  if (typeof id !== "string" || id.length > maxCharacters || !id.isWellFormed()) return null;
  return id === "" || id.includes("\u0000") ? null : id;
}

type Context = {
  readonly app: App;
  readonly keyring: Keyring;
  readonly call: Pick<OpenCall, "now" | "requestId">;
  readonly actor: AuditActor;
};

async function note(tx: Tx, { app, keyring, call, actor }: Context, act: Act): Promise<void> {
  const user = act.userId === null ? {} : { user: userInAudit(keyring, app, act.userId) };
  await recordAudit(tx, app.tenant_id, {
    action: `ssks.${act.operation}`,
    at: call.now,
    actor,
    resource: { type: "app", id: app.id },
    outcome: act.outcome ?? "success",
    details: { ...user, ...act.details, request_id: call.requestId },
  });
}

/** As its application wants it: the id itself, or a keyed hash by which equal ones are known. */
export function userInAudit(keyring: Keyring, app: App, userId: string): string {
  if (app.audit_users === "clear") return userId;
  return keyring.mac("user-names", `${app.id}/${userId}`).toString("hex").slice(0, 32);
}

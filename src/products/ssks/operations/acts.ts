import { recordAudit, type AuditActor, type AuditEntry } from "../../../platform/audit/audit.ts";
import { actorOf } from "../../../platform/credentials/operations.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { Keyring } from "../../../platform/keys/keyring.ts";
import type { Call, OpenCall } from "../../../platform/product.ts";
import type { App } from "../app.ts";
import type { FoundApp } from "./app-lookup.ts";

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
function userInAudit(keyring: Keyring, app: App, userId: string): string {
  if (app.audit_users === "clear") return userId;
  return keyring.mac("user-names", `${app.id}/${userId}`).toString("hex").slice(0, 32);
}

import { recordAudit } from "../audit/audit.ts";
import { actorOf } from "../credentials/operations.ts";
import type { Call } from "../product.ts";
import type { AccessTokens } from "./access-token.ts";
import { sessionError } from "./errors.ts";
import { endSession, IDLE_MS, LIFE_MS } from "./operations.ts";
import type { SessionList } from "./schema.ts";
import { findSession, listSessions } from "./store.ts";

export async function listOwnSessions(call: Call): Promise<SessionList> {
  const { tenantId, member } = call.caller;
  const usedAfter = new Date(call.now.getTime() - IDLE_MS);
  const madeAfter = new Date(call.now.getTime() - LIFE_MS);
  const asked = { memberId: member?.memberId ?? "", usedAfter, madeAfter };
  const rows = await call.read((tx) => listSessions(tx, tenantId, asked));
  return {
    data: rows.map((row) => ({
      session_id: row.id,
      is_current: row.id === member?.sessionId,
      created_at: row.created_at.toISOString(),
      used_at: row.used_at.toISOString(),
    })),
  };
}

/** Nobody ends a session of somebody else by this: it does not exist for them. */
export async function endOwnSession(call: Call, id: string, action: string, tokens: AccessTokens): Promise<void> {
  const { tenantId, member } = call.caller;
  await call.write(async (tx) => {
    const row = await findSession(tx, tenantId, id);
    if (row === null || row.member_id !== member?.memberId) {
      throw sessionError("session_not_found", `There is no session ${id}.`);
    }
    await endSession(tx, tenantId, { sessionId: id, reason: "logout", now: call.now });
    await recordAudit(tx, tenantId, {
      action,
      at: call.now,
      actor: actorOf(call),
      resource: { type: "session", id },
      outcome: "success",
    });
  });
  tokens.forget({ tenantId, sessionId: id });
}

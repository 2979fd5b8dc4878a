import { randomBytes } from "node:crypto";
import { recordAudit, type AuditEntry } from "../audit/audit.ts";
import type { Database, Tx } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";
import { newId } from "../ids/ids.ts";
import { TenantShreddedError, type Keyring, type TenantKeys } from "../keys/keyring.ts";
import { takeFromWindow } from "../limits/sliding-window.ts";
import { emailOf } from "../members/member.ts";
import { sessionError } from "./errors.ts";
import { isGenuine, parseRefreshToken, refreshTokenOf, type RefreshParts } from "./refresh-token.ts";
import {
  findSession,
  findSessionMember,
  insertSession,
  updateGeneration,
  updateSessionRevoked,
  updateSessionsRevoked,
  type SessionMemberRow,
  type SessionRow,
} from "./store.ts";

/** A lost answer may be asked for again so long, by the same client. */
export const RETRY_MS = 10_000;
export const IDLE_MS = 7 * 24 * 3600 * 1000;
export const LIFE_MS = 30 * 24 * 3600 * 1000;
/** Each renewal leaves a row, also one that is asked for again. Honest clients that race or lose answers need fewer. */
export const RENEWALS_A_SESSION = { limit: 120, windowSeconds: 300 };
const SEED_BYTES = 32;

/** Who asks, and when. */
export type RefreshContext = {
  readonly keyring: Keyring;
  readonly now: Date;
  readonly remoteAddress: string;
  readonly userAgent: string;
};

export type Refreshed = {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly memberId: string;
  readonly refreshToken: string;
};

/** A new session within `tx`. Always a new id, so that no session from before a sign-in becomes a signed-in one. */
export async function startSession(
  tx: Tx,
  tenantId: string,
  memberId: string,
  context: { keyring: Keyring; now: Date },
): Promise<Refreshed> {
  const sessionId = newId("ses", context.now);
  const seed = randomBytes(SEED_BYTES);
  await insertSession(tx, tenantId, { id: sessionId, memberId, seed, now: context.now });
  const refreshToken = refreshTokenOf(context.keyring, { tenantId, sessionId, generation: 1 }, seed);
  return { tenantId, sessionId, memberId, refreshToken };
}

/**
 * Spends a refresh token for its successor. The token that was spent last may be shown again within `RETRY_MS` by
 * the same client and gives the same successor, as long as that one is unspent. Any other spent token ends the
 * session. All failures look the same from outside. Throws `rate_limited` when the session was renewed too often;
 * the token stays unspent.
 */
export async function refreshSession(db: Database, token: string, context: RefreshContext): Promise<Refreshed> {
  const parts = parseRefreshToken(token);
  // Before the transaction, which should not hold its connection while another one is waited for.
  const keys = parts === null ? null : await keysOf(context.keyring, parts.tenantId);
  const refreshed =
    parts === null || keys === null
      ? null
      : await db.tenant(parts.tenantId, (tx) => spend(tx, { ...context, parts, keys }));
  if (refreshed === null) throw sessionError("session_ended", "The refresh token is not valid any more.");
  return refreshed;
}

/** Null: an organisation that was shredded, or that never was. */
async function keysOf(keyring: Keyring, tenantId: string): Promise<TenantKeys | null> {
  try {
    return await keyring.of(tenantId);
  } catch (error) {
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
}

/** Ends a session; every process refuses its access tokens within a second. Ending it again changes nothing. */
export async function endSession(
  tx: Tx,
  tenantId: string,
  target: { sessionId: string; reason: string; now: Date },
): Promise<void> {
  await updateSessionRevoked(tx, tenantId, { id: target.sessionId, reason: target.reason, now: target.now });
}

/** Ends all sessions of a member within `tx`, but for `exceptId`. */
export async function endSessions(
  tx: Tx,
  tenantId: string,
  target: { memberId: string; reason: string; now: Date; exceptId?: string },
): Promise<void> {
  await updateSessionsRevoked(tx, tenantId, { ...target, exceptId: target.exceptId ?? null });
}

type Spending = RefreshContext & { readonly parts: RefreshParts; readonly keys: TenantKeys };

/** Null is committed, not thrown: the end of a family must last. */
async function spend(tx: Tx, context: Spending): Promise<Refreshed | null> {
  const { keyring, now, parts } = context;
  const { tenantId, sessionId, generation } = parts;
  const before = await findSessionMember(tx, tenantId, sessionId);
  if (before === null || !isGenuine(keyring, parts, before.seed) || isOver(before, now)) return null;
  const client = clientOf(context);
  const isSpent = (await updateGeneration(tx, tenantId, { id: sessionId, generation, client, now })) === 1;
  if (!isSpent) {
    // Read again: whoever was faster has committed by now.
    const row = await findSession(tx, tenantId, sessionId);
    if (row === null || row.revoked_at !== null) return null;
    if (!isRetry(row, generation, client, now)) {
      await endFamily(tx, before, context);
      return null;
    }
  }
  await takeRenewal(tx, sessionId);
  await noteRefresh(tx, before, context, { outcome: "success", details: { is_retry: !isSpent } });
  const refreshToken = refreshTokenOf(keyring, { tenantId, sessionId, generation: generation + 1 }, before.seed);
  return { tenantId, sessionId, memberId: before.member_id, refreshToken };
}

/** Only for a token that this server gave out: nobody uses up the renewals of somebody else's session. */
async function takeRenewal(tx: Tx, sessionId: string): Promise<void> {
  const outcome = await takeFromWindow(tx, { key: `session:renewal:${sessionId}`, ...RENEWALS_A_SESSION });
  if (outcome.isAllowed) return;
  const { retryAfterSeconds } = outcome;
  throw platformError("rate_limited", "The session was renewed too often; try again later.", { retryAfterSeconds });
}

function isOver(row: SessionRow, now: Date): boolean {
  const isIdle = now.getTime() - row.used_at.getTime() >= IDLE_MS;
  return row.revoked_at !== null || isIdle || now.getTime() - row.created_at.getTime() >= LIFE_MS;
}

/** Processes' clocks differ a little: a rotation may seem to lie ahead. */
function isRetry(row: SessionRow, generation: number, client: Buffer, now: Date): boolean {
  if (row.generation !== generation + 1 || row.rotated_at === null || row.rotated_client === null) return false;
  return Math.abs(now.getTime() - row.rotated_at.getTime()) <= RETRY_MS && row.rotated_client.equals(client);
}

async function endFamily(tx: Tx, row: SessionMemberRow, context: Spending): Promise<void> {
  const { tenantId, sessionId, generation } = context.parts;
  const ended = await updateSessionRevoked(tx, tenantId, { id: sessionId, reason: "refresh_reuse", now: context.now });
  if (ended === 0) return;
  const reason = "a spent refresh token was shown again";
  await noteRefresh(tx, row, context, { outcome: "denied", details: { reason, generation } });
}

/** New credentials are handed out, so it stands in the log as every other act does, under the member's address, too. */
async function noteRefresh(
  tx: Tx,
  { member_id: id, sealed_email }: SessionMemberRow,
  context: Spending,
  what: Pick<AuditEntry, "outcome" | "details">,
): Promise<void> {
  const { tenantId, sessionId } = context.parts;
  const known = sealed_email === null ? {} : { email: emailOf(context.keys, { id, sealed_email }) };
  await recordAudit(tx, tenantId, {
    action: "platform.refreshSession",
    at: context.now,
    actor: { type: "member", id, ...known, ip: context.remoteAddress },
    resource: { type: "session", id: sessionId },
    ...what,
  });
}

/** The same user agent at the same address, as a keyed hash. */
function clientOf(context: RefreshContext): Buffer {
  return context.keyring.mac("address-hashes", `client/${context.remoteAddress}/${context.userAgent}`);
}

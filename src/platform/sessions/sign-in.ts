import { recordAudit } from "../audit/audit.ts";
import { actorOf } from "../credentials/operations.ts";
import type { Tx } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { SERVER_TENANT, TenantShreddedError, type TenantKeys } from "../keys/keyring.ts";
import { memberError } from "../members/errors.ts";
import { knownHash, rememberAddress } from "../members/known-address.ts";
import { addressHash, emailOf, type MemberRow } from "../members/member.ts";
import { spendCode } from "../members/operations/codes.ts";
import { ownAccount } from "../members/operations/passwords.ts";
import type { PasswordHasher } from "../members/password.ts";
import type { RoleScopes } from "../members/roles.ts";
import { findMember, listPlaces, lockMember, updatePasswordHash } from "../members/store/members.ts";
import type { Throttle } from "../members/throttle.ts";
import type { Call, OpenCall } from "../product.ts";
import type { AccessTokens } from "./access-token.ts";
import { sessionError } from "./errors.ts";
import type { FailedSignIns, HeldBack } from "./failed-sign-ins.ts";
import { endSession, refreshSession, startSession, type Refreshed } from "./operations.ts";
import { readSecondStep, secondStepToken, SECOND_STEP_SECONDS } from "./second-step.ts";
import { findSessionMember, updateProved } from "./store.ts";
import type { TokensView } from "./schema.ts";

/** What signing in rests on in one process. */
export type SignInTools = {
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  readonly tokens: AccessTokens;
  readonly failures: Pick<FailedSignIns, "note" | "noteHeldBack">;
  /** What the published scope of an access token says for each role; what counts is the role, at each request. */
  readonly roleScopes: RoleScopes;
};

type Found = { readonly row: MemberRow; readonly tenantId: string; readonly keys: TenantKeys };

export type LoginAnswer = TokensView | { mfa_required: true; mfa_token: string; expires_in: number };

/** The same work and the same answer for an unknown address, a suspended member and a wrong password. */
export async function logIn(
  call: OpenCall,
  tools: SignInTools,
  request: { email: string; password: string; tenant_id?: string | undefined },
): Promise<LoginAnswer> {
  const { keyring, db } = call.services;
  const hash = addressHash(keyring, request.email);
  const heldBack = { action: "platform.logIn", account: { addressHash: hash, tenantId: request.tenant_id ?? null } };
  await tools.throttle
    .signIn({ accountHash: hash, remoteAddress: call.remoteAddress })
    .catch(notingHeldBack(call, tools, heldBack));
  const places = await db.directory((tx) => listPlaces(tx, hash, request.tenant_id ?? null));
  // An address with several organisations has to name one.
  const place = places.length === 1 ? places[0] : undefined;
  const found = await memberAt(call, place?.tenant_id ?? SERVER_TENANT, place?.member_id ?? "nobody");
  const checked = await tools.hasher.verify(request.password, found?.row.password ?? null);
  const tried = { account: `${hash.toString("hex")}/${request.tenant_id ?? ""}`, found };
  if (found === null || !checked.isRight || found.row.state !== "active") throw await refused(call, tools, tried);
  const { row, tenantId } = found;
  if (checked.isOutdated) await hashAgain(call, tools, found, request.password);
  if (row.totp_confirmed_at !== null) {
    await recordFirstHalf(call, found);
    const token = secondStepToken(keyring, { tenantId, memberId: row.id, version: row.version }, call.now);
    return { mfa_required: true, mfa_token: token, expires_in: SECOND_STEP_SECONDS };
  }
  const started = await db.tenant(tenantId, async (tx) => {
    const isProved = (await lockProved(tx, found)) !== null;
    return isProved ? start(tx, call, found, { action: "platform.logIn", by: "password" }) : null;
  });
  if (started === null) throw await refused(call, tools, tried);
  return tokensOf(tools, started, row, call.now);
}

function notingHeldBack(
  { remoteAddress, now: at }: OpenCall,
  { failures }: SignInTools,
  heldBack: Pick<HeldBack, "action" | "account">,
): (error: unknown) => never {
  return (error) => {
    if (isAppError(error, "platform", "rate_limited")) failures.noteHeldBack({ ...heldBack, remoteAddress, at });
    throw error;
  };
}

type Tried = { readonly account: string; readonly found: Found | null };

async function refused(call: OpenCall, tools: SignInTools, tried: Tried): Promise<Error> {
  await noteFailure(call, tools, { action: "platform.logIn", reason: "login_failed", ...tried });
  return sessionError(
    "login_failed",
    "Address or password is wrong. An address of several organisations names one by tenant_id.",
  );
}

/** The second half of a sign-in: a code, taken once. */
export async function logInByCode(
  call: OpenCall,
  tools: SignInTools,
  request: { mfa_token: string; code: string },
): Promise<TokensView> {
  const { keyring, db } = call.services;
  const step = readSecondStep(keyring, request.mfa_token, call.now);
  if (step === null) throw sessionError("login_failed", "The sign-in took too long; begin again.");
  await tools.throttle
    .secondStep(step)
    .catch(notingHeldBack(call, tools, { action: "platform.logInByCode", account: step }));
  const found = await memberAt(call, step.tenantId, step.memberId);
  if (found === null || found.row.state !== "active" || found.row.version !== step.version) throw changedMeanwhile();
  const { keys } = found;
  const started = await db.tenant(step.tenantId, async (tx) => {
    const row = await lockProved(tx, found);
    if (row === null) throw changedMeanwhile();
    const how = await spendCode(tx, row, request.code, { keyring, keys, now: call.now });
    return how === null ? null : start(tx, call, found, { action: "platform.logInByCode", by: how });
  });
  if (started === null) {
    await noteFailure(call, tools, {
      ...{ action: "platform.logInByCode", reason: "code_failed", account: found.row.id, found },
    });
    throw sessionError("code_failed", "The code is wrong or was used.");
  }
  return tokensOf(tools, started, found.row, call.now);
}

function changedMeanwhile(): Error {
  return sessionError("login_failed", "The account changed meanwhile; begin again.");
}

/** Spends a refresh token. A member who was suspended or removed gets nothing, and the session ends. */
export async function refresh(
  call: OpenCall,
  tools: SignInTools,
  request: { refresh_token: string; userAgent: string },
): Promise<TokensView> {
  const { keyring, db } = call.services;
  const { now, remoteAddress } = call;
  const context = { keyring, now, remoteAddress, userAgent: request.userAgent };
  const refreshed = await refreshSession(db, request.refresh_token, context).catch(async (error: unknown) => {
    if (isAppError(error, "sessions", "session_ended")) await tools.throttle.strayToken(remoteAddress);
    throw error;
  });
  const { tenantId, sessionId } = refreshed;
  const found = await db.tenant(tenantId, async (tx) => {
    const row = await findSessionMember(tx, tenantId, sessionId);
    if (row?.role && row.state === "active" && row.revoked_at === null) return { ...row, role: row.role };
    await endSession(tx, tenantId, { sessionId, reason: "member_gone", now });
    return null;
  });
  if (found === null) throw sessionError("session_ended", "The refresh token is not valid any more.");
  return tokensOf(tools, refreshed, { role: found.role }, found.proved_at ?? found.created_at);
}

/** Proves again who is at the keyboard: by a code where codes are on, else by the password. */
export async function stepUp(
  call: Call,
  tools: SignInTools,
  request: { password?: string | undefined; code?: string | undefined },
): Promise<{ access_token: string; token_type: "Bearer"; expires_in: number }> {
  const { row, sessionId } = await ownAccount(call);
  const { tenantId } = call.caller;
  const { keyring } = call.services;
  await tools.throttle.proof(row.id);
  const needsCode = row.totp_confirmed_at !== null;
  const isKnown = needsCode || (await tools.hasher.verify(request.password ?? "", row.password)).isRight;
  const isProved = await call.services.db.tenant(tenantId, async (tx) => {
    const context = { keyring, keys: call.keys, now: call.now };
    const isRight = needsCode ? (await spendCode(tx, row, request.code ?? "", context)) !== null : isKnown;
    if (!isRight || (await updateProved(tx, tenantId, sessionId, call.now)) !== 1) return false;
    await recordAudit(tx, tenantId, {
      action: "platform.stepUp",
      at: call.now,
      actor: actorOf(call),
      resource: { type: "session", id: sessionId },
      outcome: "success",
      details: { by: needsCode ? "code" : "password" },
    });
    return true;
  });
  if (!isProved) throw memberError("code_wrong", needsCode ? "A right code is needed." : "The password is needed.");
  tools.tokens.forget({ tenantId, sessionId });
  const claims = { memberId: row.id, tenantId, sessionId, scopes: tools.roleScopes[row.role], authTime: call.now };
  const { accessToken, expiresIn } = await tools.tokens.issue(claims);
  return { access_token: accessToken, token_type: "Bearer", expires_in: expiresIn };
}

async function memberAt(call: OpenCall, tenantId: string, memberId: string): Promise<Found | null> {
  const { keyring, db } = call.services;
  try {
    const keys = await keyring.of(tenantId);
    const row = await db.tenant(tenantId, (tx) => findMember(tx, tenantId, memberId));
    return row === null ? null : { row, tenantId, keys };
  } catch (error) {
    // Whoever was of a shredded organisation is nobody.
    if (error instanceof TenantShreddedError) return null;
    throw error;
  }
}

/**
 * The member, held to the end of `tx`, as long as the account is the one that was proved: else null. Between the proof
 * and here the password may have been changed, or the member suspended, and what ended their sessions did not see the
 * one that is about to begin.
 */
async function lockProved(tx: Tx, { tenantId, row: proved }: Found): Promise<MemberRow | null> {
  const row = await lockMember(tx, tenantId, proved.id);
  return row !== null && row.state === "active" && row.version === proved.version ? row : null;
}

/** Only for a member whom `lockProved` holds. */
async function start(
  tx: Tx,
  call: OpenCall,
  found: Found,
  act: { action: string; by: "password" | "totp" | "recovery" },
): Promise<Refreshed> {
  const { tenantId, row, keys } = found;
  const { keyring } = call.services;
  const email = emailOf(keys, row);
  const started = await startSession(tx, tenantId, row.id, { keyring, now: call.now });
  const hash = knownHash(keyring, addressHash(keyring, email), call.remoteAddress);
  await rememberAddress(tx, tenantId, { memberId: row.id, hash, now: call.now });
  await recordAudit(tx, tenantId, {
    action: act.action,
    at: call.now,
    actor: { type: "member", id: row.id, email, ip: call.remoteAddress },
    resource: { type: "session", id: started.sessionId },
    outcome: "success",
    details: { by: act.by, request_id: call.requestId },
  });
  return started;
}

/** Whoever it was: in the organisation's log where there is one, else in the server's. */
function noteFailure(
  call: OpenCall,
  { failures }: SignInTools,
  failed: Tried & { action: string; reason: string },
): Promise<void> {
  const { action, reason, account, found } = failed;
  const { remoteAddress, requestId, now: at } = call;
  const whose = { tenantId: found?.tenantId ?? SERVER_TENANT, memberId: found?.row.id ?? null };
  return failures.note({ action, reason, account, ...whose, remoteAddress, requestId, at });
}

/** The password is known to whoever asks: that is on record though nobody is signed in yet. */
async function recordFirstHalf(call: OpenCall, { tenantId, row, keys }: Found): Promise<void> {
  await call.services.db.tenant(tenantId, (tx) =>
    recordAudit(tx, tenantId, {
      action: "platform.logIn",
      at: call.now,
      actor: { type: "member", id: row.id, email: emailOf(keys, row), ip: call.remoteAddress },
      resource: { type: "member", id: row.id },
      outcome: "success",
      details: { by: "password", asks: "code", request_id: call.requestId },
    }),
  );
}

async function hashAgain(call: OpenCall, tools: SignInTools, found: Found, password: string): Promise<void> {
  const { tenantId, row } = found;
  const hashed = await tools.hasher.hash(password);
  const change = { id: row.id, password: hashed, version: row.version };
  await call.services.db.tenant(tenantId, (tx) => updatePasswordHash(tx, tenantId, change));
}

async function tokensOf(
  tools: SignInTools,
  session: Refreshed,
  member: Pick<MemberRow, "role">,
  authTime: Date,
): Promise<TokensView> {
  const { tenantId, sessionId, memberId, refreshToken } = session;
  const claims = { memberId, tenantId, sessionId, scopes: tools.roleScopes[member.role], authTime };
  const { accessToken, expiresIn } = await tools.tokens.issue(claims);
  return {
    access_token: accessToken,
    token_type: "Bearer",
    expires_in: expiresIn,
    refresh_token: refreshToken,
    session_id: sessionId,
    member_id: memberId,
    tenant_id: tenantId,
  };
}

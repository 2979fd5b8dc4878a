import { errors, jwtVerify, SignJWT, type JWTHeaderParameters } from "jose";
import { z } from "zod";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { ulid } from "../ids/ids.ts";
import { sessionError } from "./errors.ts";
import type { SigningKeys } from "./signing-keys.ts";
import { findSessionMember, type SessionMemberRow } from "./store.ts";

/** What an access token says of who holds it. */
export type AccessClaims = {
  readonly memberId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly scopes: readonly string[];
  /** When the member last proved who they are. */
  readonly authTime: Date;
};

export type AccessTokens = {
  issue(claims: AccessClaims): Promise<{ accessToken: string; expiresIn: number }>;
  /** Throws `session_ended`, always in the same words, for all that is no token of a living session. */
  check(token: string): Promise<AccessClaims>;
  /** As `check`, with the session and its member as they were at most half a second ago: one read for both. */
  look(token: string): Promise<{ claims: AccessClaims; row: SessionMemberRow }>;
  /** Forgets a session in this process; others follow within `FRESH_MS`. */
  forget(session: { readonly tenantId: string; readonly sessionId: string }): void;
};

export const ACCESS_SECONDS = 600;
const AUDIENCE = "tabellion";
const TYPE = "at+jwt";
/** The end of a session must hold on every process within a second; half of it leaves room for a slow read. */
const FRESH_MS = 500;
const MAX_REMEMBERED = 20_000;
/** Headers by which a token would bring the key that it is checked with. */
const FOREIGN_KEYS = ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"] as const;

const payloadShape = z.object({
  sub: z.string().min(1).max(64),
  tid: z.string().min(1).max(64),
  sid: z.string().min(1).max(64),
  scope: z.string().max(4_000),
  auth_time: z.int(),
});

type Options = {
  readonly db: Database;
  readonly clock: Clock;
  readonly keys: SigningKeys;
  /** Origin of this server. */
  readonly issuer: () => string;
};

export function createAccessTokens(options: Options): AccessTokens {
  const { db, clock, keys, issuer } = options;
  const remembered = new Map<string, { row: SessionMemberRow | null; atMs: number }>();

  async function sessionOf(tenantId: string, sessionId: string): Promise<SessionMemberRow | null> {
    const known = remembered.get(`${tenantId}/${sessionId}`);
    if (known !== undefined && performance.now() - known.atMs < FRESH_MS) return known.row;
    const atMs = performance.now();
    const row = await db.tenant(tenantId, (tx) => findSessionMember(tx, tenantId, sessionId));
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(`${tenantId}/${sessionId}`, { row, atMs });
    return row;
  }

  async function look(token: string): Promise<{ claims: AccessClaims; row: SessionMemberRow }> {
    const claims = await claimsOf(token, options);
    const row = await sessionOf(claims.tenantId, claims.sessionId);
    if (row === null || row.revoked_at !== null || row.member_id !== claims.memberId) throw ended();
    return { claims, row };
  }

  return {
    async issue(claims) {
      const { kid, key } = await keys.current();
      const issuedAt = Math.floor(clock.now().getTime() / 1000);
      const payload = {
        tid: claims.tenantId,
        sid: claims.sessionId,
        scope: claims.scopes.join(" "),
        auth_time: Math.floor(claims.authTime.getTime() / 1000),
      };
      const accessToken = await new SignJWT(payload)
        .setProtectedHeader({ alg: "EdDSA", kid, typ: TYPE })
        .setIssuer(issuer())
        .setAudience(AUDIENCE)
        .setSubject(claims.memberId)
        .setJti(ulid(clock.now()))
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ACCESS_SECONDS)
        .sign(key);
      return { accessToken, expiresIn: ACCESS_SECONDS };
    },
    check: async (token) => (await look(token)).claims,
    look,
    forget: ({ tenantId, sessionId }) => void remembered.delete(`${tenantId}/${sessionId}`),
  };
}

async function claimsOf(token: string, { clock, keys, issuer }: Options): Promise<AccessClaims> {
  try {
    const { payload } = await jwtVerify(token, (header) => keyFor(header, keys), {
      algorithms: ["EdDSA"],
      issuer: issuer(),
      audience: AUDIENCE,
      typ: TYPE,
      currentDate: clock.now(),
      maxTokenAge: ACCESS_SECONDS,
      requiredClaims: ["exp", "iat", "jti"],
    });
    const { sub, tid, sid, scope, auth_time: authTime } = payloadShape.parse(payload);
    const scopes = scope === "" ? [] : scope.split(" ");
    return { memberId: sub, tenantId: tid, sessionId: sid, scopes, authTime: new Date(authTime * 1000) };
  } catch (error) {
    // Whatever else happens, such as a database that is away, is no matter of this token.
    if (error instanceof errors.JOSEError || error instanceof z.ZodError) throw ended(error);
    throw error;
  }
}

async function keyFor(header: JWTHeaderParameters, keys: SigningKeys) {
  const isForeign = FOREIGN_KEYS.some((name) => name in header);
  const key = isForeign || typeof header.kid !== "string" ? null : await keys.find(header.kid);
  if (key === null) throw new errors.JWKSNoMatchingKey();
  return key;
}

function ended(cause?: unknown): Error {
  return sessionError("session_ended", "The access token is not valid any more.", { cause });
}

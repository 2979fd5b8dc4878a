import type { TokenCheck } from "../credentials/check.ts";
import { isAppError } from "../errors/errors.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { emailOf } from "../members/member.ts";
import { peopleScopes, type RoleScopes } from "../members/roles.ts";
import type { Caller } from "../product.ts";
import type { AccessTokens } from "./access-token.ts";

/** Proves who holds an access token, and what their role lets them do now. */
export type MemberCheck = {
  /** The member as a caller of `product`. Throws `unauthorized`. */
  bearer(authorization: string | undefined, product: string): Promise<Caller>;
};

const MAX_HEADER_CHARACTERS = 8_000;

/** Whether this is the form of an access token of a member; tokens of programs have a prefix of their own. */
export function isMemberToken(authorization: string | undefined): boolean {
  return /^Bearer +eyJ/i.test(authorization ?? "");
}

export function createMemberCheck(options: {
  keyring: Keyring;
  tokens: AccessTokens;
  /** What each role may do in each product. */
  scopes: Readonly<Record<string, RoleScopes>>;
}): MemberCheck {
  const { keyring, tokens } = options;
  const scopes: Readonly<Record<string, RoleScopes>> = { ...options.scopes, platform: peopleScopes };
  return {
    async bearer(authorization = "", product) {
      const isLong = authorization.length > MAX_HEADER_CHARACTERS;
      const token = isLong ? "" : (/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? "");
      const { claims, row } = await tokens.look(token).catch((error: unknown) => {
        throw isAppError(error, "sessions", "session_ended") ? refused(error) : error;
      });
      if (row.role === null || row.sealed_email === null || row.state !== "active") throw refused();
      const keys = await keyring.of(claims.tenantId);
      const proved = row.proved_at ?? row.created_at;
      return {
        tenantId: claims.tenantId,
        credentialId: claims.memberId,
        product,
        scopes: new Set(scopes[product]?.[row.role] ?? []),
        isLive: true,
        member: {
          memberId: claims.memberId,
          sessionId: claims.sessionId,
          email: emailOf(keys, { id: claims.memberId, sealed_email: row.sealed_email }),
          role: row.role,
          provedAt: proved > claims.authTime ? proved : claims.authTime,
        },
      };
    },
  };
}

/** A check of tokens that also takes access tokens of members, as callers of `product`. */
export function withMembers(tokenCheck: TokenCheck, memberCheck: MemberCheck, product: string): TokenCheck {
  return {
    ...tokenCheck,
    bearer: (authorization, remoteAddress) =>
      isMemberToken(authorization)
        ? memberCheck.bearer(authorization, product)
        : tokenCheck.bearer(authorization, remoteAddress),
  };
}

function refused(cause?: unknown): Error {
  return platformError("unauthorized", "The access token is not valid any more.", { cause });
}

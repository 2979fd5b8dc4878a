import type { JobDefinition } from "../jobs/jobs.ts";
import type { Route } from "../http/route.ts";
import { memberJobs } from "../members/jobs.ts";
import { linkRoutes } from "../members/link-routes.ts";
import { createPasswordRules } from "../members/password-rules.ts";
import { createPasswordHasher } from "../members/password.ts";
import type { RoleScopes } from "../members/roles.ts";
import { accountRoutes, memberRoutes } from "../members/routes.ts";
import { createThrottle } from "../members/throttle.ts";
import type { Call, OpenCall, Services } from "../product.ts";
import { createAccessTokens } from "./access-token.ts";
import { createFailedSignIns } from "./failed-sign-ins.ts";
import { sessionJobs } from "./jobs.ts";
import { createMemberCheck, type MemberCheck } from "./member-check.ts";
import { endSessions } from "./operations.ts";
import { sessionRoutes, signInRoutes } from "./routes.ts";
import { createSigningKeys } from "./signing-keys.ts";

/** Members and their sessions, as one process holds them. */
export type People = {
  readonly memberCheck: MemberCheck;
  readonly routes: readonly Route<Call>[];
  readonly openRoutes: readonly Route<OpenCall>[];
  readonly jobs: readonly JobDefinition[];
  /** Puts on record what is only counted yet. */
  stop(): Promise<void>;
};

/** `scopes`: what each role may do in each product; those of SecuFile are what access tokens say. */
export function createPeople(
  services: Services,
  scopes: { readonly secufile: RoleScopes } & Readonly<Record<string, RoleScopes>>,
): People {
  const keys = createSigningKeys(services);
  const tokens = createAccessTokens({ ...services, keys, issuer: () => services.publicUrl() });
  const failures = createFailedSignIns(services);
  const tools = {
    hasher: createPasswordHasher(),
    rules: createPasswordRules(),
    throttle: createThrottle(services),
    endSessions,
    tokens,
    failures,
    roleScopes: scopes.secufile,
  };
  return {
    memberCheck: createMemberCheck({ keyring: services.keyring, tokens, scopes }),
    routes: [...sessionRoutes(tools), ...accountRoutes(tools), ...memberRoutes(endSessions)],
    openRoutes: [...signInRoutes(tools, keys), ...linkRoutes(tools)],
    jobs: [...memberJobs(services), ...sessionJobs(services)],
    stop: () => failures.stop(),
  };
}

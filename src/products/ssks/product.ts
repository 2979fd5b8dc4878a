import { credentialErrors } from "../../platform/credentials/errors.ts";
import { credentialsFrench } from "../../platform/credentials/french.ts";
import type { TokenCheck } from "../../platform/credentials/check.ts";
import { tokenRoutes } from "../../platform/credentials/routes.ts";
import type { Product, Services } from "../../platform/product.ts";
import { authenticateApplicationWith } from "./auth.ts";
import { ssksDialect } from "./dialect.ts";
import { ssksErrors } from "./errors.ts";
import { ssksEvents } from "./events.ts";
import { ssksFrench } from "./french.ts";
import { ssksJobs } from "./jobs.ts";
import { authenticateManagerWith } from "./management/auth.ts";
import { MANAGEMENT_PREFIX, isManagement, managementDialect } from "./management/dialect.ts";
import { managementRoutes } from "./management/routes.ts";
import { createAppLookup } from "./operations/app-lookup.ts";
import { CHALLENGE_PURPOSE, giveBackUnsent, isChallengeAwaited } from "./operations/challenges.ts";
import { createHeldBack } from "./operations/held-back.ts";
import { headerSchemes } from "./published-contract.ts";
import { backRoutes, frontRoutes } from "./routes.ts";
import { failureShape } from "./schema.ts";
import { ssksScopes } from "./scopes.ts";

/** Two front doors, each with words of its own. */
const dialect: Product["dialect"] = {
  failure: (error, context) => (isManagement(context.path) ? managementDialect : ssksDialect).failure(error, context),
};

/** SSKS: keys of users' identities, kept behind a two-man-rule or a password. */
export function ssks(services: Services, tokenCheck: TokenCheck): Product {
  const apps = createAppLookup(services);
  const heldBack = createHeldBack(services, apps);
  const [application, manager] = [authenticateApplicationWith(tokenCheck), authenticateManagerWith(tokenCheck)];
  return {
    name: "ssks",
    dialect,
    pathPrefixes: [MANAGEMENT_PREFIX, "/tmr", "/strict", "/push", "/search"],
    authenticate: (request, call) => (isManagement(request.url ?? "") ? manager : application)(request, call),
    routes: [
      ...backRoutes(apps, services, heldBack),
      ...managementRoutes({ apps, forgetKey: (lookupId) => tokenCheck.forget(lookupId) }),
      ...tokenRoutes({ product: "ssks", prefix: MANAGEMENT_PREFIX, scopes: ssksScopes, tokenCheck }),
    ],
    openRoutes: frontRoutes(apps, heldBack),
    stop: () => heldBack.stop(),
    jobs: ssksJobs(services),
    wanted: { [CHALLENGE_PURPOSE]: isChallengeAwaited },
    unsent: { [CHALLENGE_PURPOSE]: giveBackUnsent },
    events: ssksEvents,
    errors: { ...ssksErrors, ...credentialErrors },
    migrations: [{ area: "ssks", folder: new URL("./migrations/", import.meta.url) }],
    about: {
      title: "SSKS API",
      version: "1.0.0",
      description:
        "Encrypted identities of your users, given back to who proves to have a factor (two-man-rule) or a password. " +
        "The server is never handed what opens them. " +
        "Point `ssks` clients at this origin: the paths of their contract are at its root.",
      tokenVariable: "SSKS_TOKEN",
      securitySchemes: headerSchemes,
      failureShape,
      conventions: [
        "**The published contract.** Routes outside `/v1` are those of the SSKS contract: they take the headers that each of " +
          "them names instead of a token, ignore members that are not described, know no `Idempotency-Key`, answer with and " +
          "without the slash at the end, and word failures as `Failure`.",
      ],
      tags: {
        "Two-man-rule": "Identities that are given back to who proves to have a factor: a mail address or a telephone.",
        Password: "Identities that are given back to who knows a password, in slots side by side.",
        Applications: "What uses this key storage: keys, environment, quota, templates, budgets.",
        Tokens: "What your programs manage applications with. Keys of applications are no such tokens.",
      },
      french: { ...ssksFrench, ...credentialsFrench },
    },
  };
}

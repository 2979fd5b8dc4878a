import { refusalJobs } from "../audit-reading/refusal-jobs.ts";
import { refusalRoutes } from "../audit-reading/refusal-routes.ts";
import { auditReadingErrors } from "../audit-reading/errors.ts";
import { serverAuditRoutes } from "../audit-reading/routes.ts";
import { credentialErrors } from "../credentials/errors.ts";
import { problemDialect } from "../http/problem.ts";
import { memberErrors } from "../members/errors.ts";
import { notifyErrors } from "../notify/errors.ts";
import { notifyRoutes } from "../notify/routes.ts";
import type { Product, Services } from "../product.ts";
import { sessionErrors } from "../sessions/errors.ts";
import type { People } from "../sessions/people.ts";
import { tenantErrors } from "../tenants/errors.ts";
import { authenticateWith } from "./auth.ts";
import { keyRoutes, type RotateKey } from "./key-routes.ts";
import { administrationRoutes } from "./routes.ts";

/** Where the pages of mailed links are. */
const PAGES = ["/invite", "/reset"];

/** The routes of the operator and of people, in the form of a product. */
export function administration(
  services: Services,
  scopes: Readonly<Record<string, readonly [string, ...string[]]>>,
  people: People,
  rotateEvidenceKey: RotateKey,
): Product {
  return {
    name: "platform",
    dialect: problemDialect("/v1/platform/reference", PAGES),
    pathPrefixes: ["/v1/tenants", "/v1/platform", "/v1/auth", "/v1/members", "/.well-known", ...PAGES],
    authenticate: authenticateWith(people.memberCheck),
    routes: [
      ...administrationRoutes(scopes),
      ...keyRoutes(rotateEvidenceKey),
      ...notifyRoutes(),
      ...refusalRoutes(["operator"]),
      ...serverAuditRoutes({
        product: "platform",
        scopes: ["operator"],
        sender: { title: "Tabellion", version: "1.0.0" },
      }),
      ...people.routes,
    ],
    openRoutes: people.openRoutes,
    jobs: [...refusalJobs(services), ...people.jobs],
    events: {},
    errors: {
      ...tenantErrors,
      ...credentialErrors,
      ...auditReadingErrors,
      ...notifyErrors,
      ...memberErrors,
      ...sessionErrors,
    },
    migrations: [],
    about: {
      title: "Tabellion administration",
      version: "1.0.0",
      description:
        "What the operator of a server does: organisations, their first tokens, their keys. And what people do: sign in, " +
        "look after their account, and manage the members of their organisation.",
      tokenVariable: "TABELLION_OPERATOR_TOKEN",
      tags: {},
    },
  };
}

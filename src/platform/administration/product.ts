import { refusalJobs } from "../audit-reading/refusal-jobs.ts";
import { refusalRoutes } from "../audit-reading/refusal-routes.ts";
import { auditReadingErrors } from "../audit-reading/errors.ts";
import { serverAuditRoutes } from "../audit-reading/routes.ts";
import { credentialErrors } from "../credentials/errors.ts";
import { problemDialect } from "../http/problem.ts";
import { notifyErrors } from "../notify/errors.ts";
import { notifyRoutes } from "../notify/routes.ts";
import type { Product, Services } from "../product.ts";
import { tenantErrors } from "../tenants/errors.ts";
import { authenticateOperator } from "./auth.ts";
import { administrationRoutes } from "./routes.ts";

/** The operator's routes, in the form of a product. */
export function administration(
  services: Services,
  scopes: Readonly<Record<string, readonly [string, ...string[]]>>,
): Product {
  return {
    name: "platform",
    dialect: problemDialect("/v1/platform/reference"),
    pathPrefixes: ["/v1/tenants", "/v1/platform"],
    authenticate: authenticateOperator,
    routes: [
      ...administrationRoutes(scopes),
      ...notifyRoutes(),
      ...refusalRoutes(["operator"]),
      ...serverAuditRoutes({
        product: "platform",
        scopes: ["operator"],
        sender: { title: "Tabellion", version: "1.0.0" },
      }),
    ],
    openRoutes: [],
    jobs: refusalJobs(services),
    events: {},
    errors: { ...tenantErrors, ...credentialErrors, ...auditReadingErrors, ...notifyErrors },
    migrations: [],
    about: {
      title: "Tabellion administration",
      version: "1.0.0",
      description: "What the operator of a server does: organisations, their first tokens, their keys.",
      tokenVariable: "TABELLION_OPERATOR_TOKEN",
      tags: {},
    },
  };
}

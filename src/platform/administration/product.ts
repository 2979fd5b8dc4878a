import { refusalJobs } from "../audit-reading/refusal-jobs.ts";
import { refusalRoutes } from "../audit-reading/refusal-routes.ts";
import { auditReadingErrors } from "../audit-reading/errors.ts";
import { serverAuditRoutes } from "../audit-reading/routes.ts";
import { auditReadingFrench } from "../audit-reading/french.ts";
import { credentialErrors } from "../credentials/errors.ts";
import { credentialsFrench } from "../credentials/french.ts";
import { problemDialect } from "../http/problem.ts";
import { memberErrors } from "../members/errors.ts";
import { membersFrench } from "../members/french.ts";
import { notifyErrors } from "../notify/errors.ts";
import { notifyFrench } from "../notify/french.ts";
import { notifyRoutes } from "../notify/routes.ts";
import type { Product, Services } from "../product.ts";
import { sessionErrors } from "../sessions/errors.ts";
import { sessionsFrench } from "../sessions/french.ts";
import type { People } from "../sessions/people.ts";
import { tenantErrors } from "../tenants/errors.ts";
import { tenantsFrench } from "../tenants/french.ts";
import { authenticateWith } from "./auth.ts";
import { administrationFrench } from "./french.ts";
import { keyRoutes, type RotateKey } from "./key-routes.ts";
import { administrationRoutes } from "./routes.ts";

/** What samples of members' routes hold: an access token, not the operator's. */
const MEMBER_VARIABLE = "TABELLION_ACCESS_TOKEN";
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
      tokenVariables: { self: MEMBER_VARIABLE, "members:read": MEMBER_VARIABLE, "members:manage": MEMBER_VARIABLE },
      tags: {
        Organisations: "Whom the server keeps apart: made, given their first tokens, and shredded by its operator.",
        "Signing keys": "What the server signs the checkpoints of audit logs and the evidence of signatures with.",
        Notifications: "Mails and text messages: how each of them stands, never what it says.",
        Audit:
          "The server's own log, which holds what its operator did, and counts of what was refused to unknown callers.",
        Account: "Signing in, and what people do with their own account.",
        People:
          "The members of an organisation and invitations to it, as its members manage them and as the operator does.",
      },
      french: {
        ...administrationFrench,
        ...auditReadingFrench,
        ...credentialsFrench,
        ...membersFrench,
        ...notifyFrench,
        ...sessionsFrench,
        ...tenantsFrench,
      },
    },
  };
}

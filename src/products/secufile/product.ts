import { auditReadingErrors } from "../../platform/audit-reading/errors.ts";
import { auditReadingFrench } from "../../platform/audit-reading/french.ts";
import { auditRoutes } from "../../platform/audit-reading/routes.ts";
import { credentialsFrench } from "../../platform/credentials/french.ts";
import { webhooksFrench } from "../../platform/webhooks/french.ts";
import { secufileFrench } from "./french.ts";
import { credentialErrors } from "../../platform/credentials/errors.ts";
import type { TokenCheck } from "../../platform/credentials/check.ts";
import { tokenRoutes } from "../../platform/credentials/routes.ts";
import type { Product, Services } from "../../platform/product.ts";
import { webhookErrors } from "../../platform/webhooks/errors.ts";
import { webhookRoutes } from "../../platform/webhooks/routes.ts";
import { authenticateWith } from "./auth.ts";
import { secufileDialect, SIGN_PREFIX } from "./dialect.ts";
import { secufileErrors } from "./errors.ts";
import { secufileEvents } from "./events.ts";
import { secufileJobs } from "./jobs.ts";
import { secufileOpenRoutes, secufileRoutes } from "./routes.ts";
import { secufileScopes } from "./scopes.ts";

const PREFIX = "/v1/secufile";

/** SecuFile: documents that the customer encrypted. */
export function secufile(services: Services, tokenCheck: TokenCheck): Product {
  return {
    name: "secufile",
    dialect: secufileDialect,
    pathPrefixes: [PREFIX, "/v1", SIGN_PREFIX],
    authenticate: authenticateWith(tokenCheck),
    routes: [
      ...secufileRoutes,
      ...webhookRoutes({
        product: "secufile",
        family: "Secufile",
        events: secufileEvents,
        scopes: { read: "webhooks:read", write: "webhooks:write" },
        pathPrefix: PREFIX,
      }),
      ...auditRoutes({
        product: "secufile",
        prefix: PREFIX,
        scopes: { read: "audit:read", export: "audit:export" },
        tokenCheck,
        sender: { title: "SecuFile", version: "1.0.0" },
      }),
      ...tokenRoutes({ product: "secufile", prefix: PREFIX, scopes: secufileScopes, tokenCheck, isBare: true }),
    ],
    openRoutes: secufileOpenRoutes,
    jobs: secufileJobs(services),
    events: secufileEvents,
    errors: { ...secufileErrors, ...webhookErrors, ...credentialErrors, ...auditReadingErrors },
    migrations: [{ area: "secufile", folder: new URL("./migrations/", import.meta.url) }],
    about: {
      title: "SecuFile API",
      version: "1.0.0",
      description:
        "Documents that you encrypt before they leave you: kept, shown to whom you allow, told about by signed webhooks. " +
        "Every route answers under `/v1/secufile/…` and under `/v1/…`. A key of the built-in key service lets the server " +
        "unwrap data keys; a key that you keep elsewhere does not.",
      tokenVariable: "SECUFILE_API_KEY",
      tags: {
        Documents: "Ciphertext and what is known of it: name, size, hash, key references, signers.",
        Signatures:
          "Requests for signatures: who is asked, where each of them stands, and the evidence of what was signed.",
        Keys: "The built-in key service, and the release of a document's data key to a recipient.",
        Audit:
          "Who did what, when and from where: a log that nobody can change, with proofs that need no trust in the server.",
        Webhooks: "Where you are told what happened, by signed deliveries that you can look at and replay.",
        Tokens: "What your programs prove themselves with: scopes, expiry, networks, rotation.",
      },
      french: { ...secufileFrench, ...auditReadingFrench, ...credentialsFrench, ...webhooksFrench },
    },
  };
}

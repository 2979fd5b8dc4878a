import { administration } from "../../src/platform/administration/product.ts";
import { systemClock } from "../../src/platform/clock/clock.ts";
import type { TokenCheck } from "../../src/platform/credentials/check.ts";
import type { Product, Services } from "../../src/platform/product.ts";
import { createPeople } from "../../src/platform/sessions/people.ts";
import { rotateEvidenceKey } from "../../src/products/secufile/operations/evidence.ts";
import { secufile } from "../../src/products/secufile/product.ts";
import { secufileRoleScopes, secufileScopes } from "../../src/products/secufile/scopes.ts";
import { ssks } from "../../src/products/ssks/product.ts";
import { ssksRoleScopes, ssksScopes } from "../../src/products/ssks/scopes.ts";

/** Only handlers look at what a server is made of, and no request is handled by these. */
// oxlint-disable-next-line typescript/no-unsafe-assignment -- a clock is all that is needed, by the line above
const nothing: Services & TokenCheck = Object.assign(Object.create(null), { clock: systemClock });

/** The products as a server has them, to look at their routes. */
export const allProducts: readonly Product[] = [
  secufile(nothing, nothing),
  ssks(nothing, nothing),
  administration(
    nothing,
    { secufile: secufileScopes, ssks: ssksScopes },
    createPeople(nothing, { secufile: secufileRoleScopes, ssks: ssksRoleScopes }),
    rotateEvidenceKey,
  ),
];

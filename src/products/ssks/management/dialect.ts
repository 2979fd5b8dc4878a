import { problemDialect } from "../../../platform/http/problem.ts";

/** Whoever manages applications is told of failures as problem details (RFC 9457). */
export const managementDialect = problemDialect("/v1/ssks/reference");

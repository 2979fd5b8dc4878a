import { isUnder, problemDialect } from "../../../platform/http/problem.ts";

/** Whoever manages applications is told of failures as problem details (RFC 9457). */
export const managementDialect = problemDialect("/v1/ssks/reference");

export const MANAGEMENT_PREFIX = "/v1/ssks";

export function isManagement(path: string): boolean {
  return isUnder([MANAGEMENT_PREFIX], path);
}

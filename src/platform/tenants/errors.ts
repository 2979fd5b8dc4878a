import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const tenantErrors = {
  tenant_not_found: { status: 404, wire: "tenant_not_found", title: "Organisation not found", retry: "no" },
} as const satisfies ErrorTable;

export const tenantError = errorsOf("tenants", tenantErrors);

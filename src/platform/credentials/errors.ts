import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const credentialErrors = {
  token_not_found: { status: 404, wire: "token_not_found", title: "Token not found", retry: "no" },
  scope_not_held: { status: 403, wire: "scope_not_held", title: "A token cannot give more than it holds", retry: "no" },
  token_revoked: { status: 409, wire: "token_revoked", title: "The token is revoked or expired", retry: "no" },
} as const satisfies ErrorTable;

export const credentialError = errorsOf("credentials", credentialErrors);

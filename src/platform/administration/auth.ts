import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { platformError } from "../errors/platform-errors.ts";
import { isId } from "../ids/ids.ts";
import { SERVER_TENANT, TenantShreddedError, type Keyring } from "../keys/keyring.ts";
import type { Caller } from "../product.ts";
import { tenantError } from "../tenants/errors.ts";

/** The token of whoever runs this server; derived, so that it is kept in no database. */
export function operatorToken(keyring: Keyring): string {
  return `tbo_${keyring.mac("operator-token", "operator").toString("base64url")}`;
}

const ACTS_FOR = /^\/v1\/tenants\/([^/?]+)/;

/** The operator; behind the wall of the organisation that the path names, else behind the server's own. */
export async function authenticateOperator(keyring: Keyring, request: IncomingMessage): Promise<Caller> {
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (!timingSafeEqual(digest(given), digest(operatorToken(keyring)))) {
    throw platformError(
      "unauthorized",
      "This needs the operator token, which is in operator.token in the data folder.",
    );
  }
  return {
    tenantId: await wallOf(keyring, ACTS_FOR.exec(request.url ?? "")?.[1]),
    credentialId: "operator",
    product: "platform",
    scopes: new Set(["operator"]),
    isLive: true,
  };
}

async function wallOf(keyring: Keyring, named: string | undefined): Promise<string> {
  if (named === undefined || !isId("ten", named)) return SERVER_TENANT;
  try {
    await keyring.of(named);
    return named;
  } catch (error) {
    if (!(error instanceof TenantShreddedError)) throw error;
    throw tenantError("tenant_not_found", `There is no organisation ${named}.`, { cause: error });
  }
}

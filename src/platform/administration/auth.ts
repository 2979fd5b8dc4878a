import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { recordAudit } from "../audit/audit.ts";
import { platformError } from "../errors/platform-errors.ts";
import { isId } from "../ids/ids.ts";
import { SERVER_TENANT, TenantShreddedError, type Keyring } from "../keys/keyring.ts";
import type { Caller, OpenCall } from "../product.ts";
import { isMemberToken, type MemberCheck } from "../sessions/member-check.ts";
import { tenantError } from "../tenants/errors.ts";

/** The token of whoever runs this server; derived, so that it is kept in no database. */
export function operatorToken(keyring: Keyring): string {
  return `tbo_${keyring.mac("operator-token", "operator").toString("base64url")}`;
}

/** The operator, or a member where an access token of one is shown: what each may do is a matter of scopes. */
export function authenticateWith(memberCheck: MemberCheck) {
  return (request: IncomingMessage, call: OpenCall): Promise<Caller> =>
    isMemberToken(request.headers.authorization)
      ? memberCheck.bearer(request.headers.authorization, "platform")
      : authenticateOperator(request, call);
}

const ACTS_FOR = /^\/v1\/tenants\/([^/?]+)(\/[^?]+)?/;

/**
 * The operator; behind the wall of the organisation that the path names, else behind the server's own. There also to
 * shred an organisation: of its own log nobody reads that any more.
 */
async function authenticateOperator(request: IncomingMessage, call: OpenCall): Promise<Caller> {
  const { keyring } = call.services;
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (!timingSafeEqual(digest(given), digest(operatorToken(keyring)))) {
    throw platformError(
      "unauthorized",
      "This needs the operator token, which is in operator.token in the data folder.",
    );
  }
  return {
    tenantId: await wallOf(call, actsFor(request)),
    credentialId: "operator",
    product: "platform",
    scopes: new Set(["operator"]),
    isLive: true,
  };
}

function actsFor(request: IncomingMessage): string | undefined {
  const [, named, below] = ACTS_FOR.exec(request.url ?? "") ?? [];
  return request.method === "DELETE" && below === undefined ? undefined : named;
}

async function wallOf(call: OpenCall, named: string | undefined): Promise<string> {
  if (named === undefined || !isId("ten", named)) return SERVER_TENANT;
  try {
    await call.services.keyring.of(named);
    return named;
  } catch (error) {
    if (!(error instanceof TenantShreddedError)) throw error;
    await recordMissing(call, named);
    throw tenantError("tenant_not_found", `There is no organisation ${named}.`, { cause: error });
  }
}

/** The operator is known by then, so this refusal is on record, too: in the server's own log. */
async function recordMissing(call: OpenCall, tenantId: string): Promise<void> {
  await call.services.db.tenant(
    SERVER_TENANT,
    (tx) =>
      recordAudit(tx, SERVER_TENANT, {
        action: "platform.authenticate",
        at: call.now,
        actor: { type: "operator", id: "operator", ip: call.remoteAddress },
        resource: { type: "tenant", id: tenantId },
        outcome: "failed",
        details: { code: "tenant_not_found", request_id: call.requestId },
      }),
    { isCommitAhead: true },
  );
}

import type { Services } from "../product.ts";
import { auditReadingError } from "./errors.ts";
import type { LogKey } from "./proved-export.ts";

/** The key by which a tenant's log signs its checkpoints. Throws `audit_not_signed` before there is one. */
export async function logKeyOf(_services: Pick<Services, "keyring" | "db">, tenantId: string): Promise<LogKey> {
  throw auditReadingError("audit_not_signed", `The log of ${tenantId} has no key yet.`, { retryAfterSeconds: 1 });
}

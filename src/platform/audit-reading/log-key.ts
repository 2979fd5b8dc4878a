import { logSigner, originHostOf } from "../audit/log-key.ts";
import type { LogName } from "../audit/store/tree.ts";
import type { Services } from "../product.ts";
import type { LogKey } from "./proved-export.ts";

/** The key by which a log signs its checkpoints. */
export async function logKeyOf(
  services: Pick<Services, "keyring" | "db" | "clock" | "config">,
  tenantId: string,
  log: LogName = "audit",
): Promise<LogKey> {
  const signer = await logSigner({ ...services, originHost: originHostOf(services.config) }, tenantId, log);
  return { verifier: signer.verifierKey, origin: signer.name, sign: (bytes) => signer.sign(bytes) };
}

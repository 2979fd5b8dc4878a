import { openLogKeys, originHostOf, originOf, signerOf } from "../audit/log-key.ts";
import type { LogName } from "../audit/store/tree.ts";
import type { Services } from "../product.ts";
import type { LogKey } from "./proved-export.ts";
import type { PublishedKey } from "./schema.ts";

type Context = Pick<Services, "keyring" | "db" | "clock" | "config">;

/** The newest key that signed this checkpoint of a log. */
export async function logKeyOf(
  services: Context,
  tenantId: string,
  signed: { readonly log: LogName; readonly note: string },
): Promise<LogKey> {
  const origin = await originIn(services, tenantId, signed.log);
  const signer = signerOf(await openLogKeys(services), origin, [signed.note]);
  return { verifier: signer.verifierKey, origin: signer.name, sign: (bytes) => signer.sign(bytes) };
}

/** Every key that ever signed checkpoints of a log, the newest first. */
export async function publishedKeysOf(services: Context, tenantId: string, log: LogName): Promise<PublishedKey[]> {
  const origin = await originIn(services, tenantId, log);
  return (await openLogKeys(services)).map((key) => ({
    key: key.signer(origin).verifierKey,
    signs_from: key.signsFrom.toISOString(),
    signs_until: key.signsUntil?.toISOString() ?? null,
  }));
}

function originIn(services: Context, tenantId: string, log: LogName): Promise<string> {
  return originOf({ ...services, originHost: originHostOf(services.config) }, tenantId, log);
}

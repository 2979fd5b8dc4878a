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
  const key = signerOf(await openLogKeys(services), origin, signed.note);
  if (key === null) throw new Error("no key of this server signed that checkpoint");
  return { verifier: key.verifierKey(origin), origin, sign: (bytes) => key.signer(origin).sign(bytes) };
}

/** Every key that ever signed checkpoints of these logs, the newest first: the same keys, each under the log's name. */
export async function publishedKeysOf(
  services: Context,
  logs: readonly { readonly tenantId: string; readonly log: LogName }[],
): Promise<PublishedKey[][]> {
  const keys = await openLogKeys(services);
  const origins = await Promise.all(logs.map(({ tenantId, log }) => originIn(services, tenantId, log)));
  return origins.map((origin) =>
    keys.map((key) => ({
      key: key.verifierKey(origin),
      signs_from: key.signsFrom.toISOString(),
      signs_until: key.signsUntil?.toISOString() ?? null,
    })),
  );
}

function originIn(services: Context, tenantId: string, log: LogName): Promise<string> {
  return originOf({ ...services, originHost: originHostOf(services.config) }, tenantId, log);
}

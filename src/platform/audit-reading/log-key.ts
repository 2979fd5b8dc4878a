import { openLogKeys, originHostOf, originOf, signerOf, signingAt } from "../audit/log-key.ts";
import { findHead, type LogName } from "../audit/store/tree.ts";
import type { Services } from "../product.ts";
import type { LogKey } from "./proved-export.ts";
import type { PublishedKey } from "./schema.ts";

type Context = Pick<Services, "keyring" | "db" | "clock" | "config">;

/**
 * The newest key that signs now and has signed this checkpoint of an organisation's audit log; null where those of its keys
 * have ended: a key that is no longer to be trusted makes no new signature, of whatever kind.
 */
export async function signingKeyOf(
  services: Pick<Context, "keyring" | "db" | "clock">,
  tenantId: string,
  note: string,
): Promise<LogKey | null> {
  const head = await services.db.tenant(tenantId, (tx) => findHead(tx, tenantId, "audit"));
  if (head === null) return null;
  const { origin } = head;
  const key = signerOf(signingAt(await openLogKeys(services), services.clock.now()), origin, note);
  return key === null
    ? null
    : { verifier: key.verifierKey(origin), origin, sign: (bytes) => key.signer(origin).sign(bytes) };
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

import { randomBytes } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
import type { Database, Tx } from "../db/tx.ts";
import { SERVER_TENANT, type Keyring, type TenantKeys } from "../keys/keyring.ts";
import { noteSigner, type NoteSigner } from "../tlog/note.ts";
import { findLogKey, insertLogKey, type LogKeyRow } from "./store/keys.ts";
import { findHead, type LogName } from "./store/tree.ts";

const SEED_BYTES = 32;
const FIRST_KEY = "log-1";

export type LogKeyContext = { readonly db: Database; readonly keyring: Keyring; readonly clock: Clock };

/** Host under which the names of new logs stand. */
export function originHostOf(config: { readonly publicUrl: string | null }): string {
  return config.publicUrl === null ? "tabellion.local" : new URL(config.publicUrl).host;
}

/** The name of a log: fixed by its first checkpoint, whatever the server is called later. */
export function newOrigin(originHost: string, tenantId: string, log: LogName): string {
  return log === "top" ? `${originHost}/audit/top` : `${originHost}/audit/${tenantId}`;
}

/**
 * The signer of a log's checkpoints: the server's one key under the log's name. `originHost` names a log that has no
 * checkpoint yet.
 */
export async function logSigner(
  context: LogKeyContext & { readonly originHost: string },
  tenantId: string,
  log: LogName,
): Promise<NoteSigner> {
  const head = await context.db.tenant(tenantId, (tx) => findHead(tx, tenantId, log));
  const seed = await logSeed(context);
  const signer = noteSigner(head?.origin ?? newOrigin(context.originHost, tenantId, log), seed);
  seed.fill(0);
  return signer;
}

/**
 * The seed of the key that signs. It is made when it is first asked for; processes that ask at once agree on one. The
 * caller wipes it.
 */
export async function logSeed({ db, keyring, clock }: LogKeyContext): Promise<Buffer> {
  const keys = await keyring.of(SERVER_TENANT);
  const found = await db.tenant(SERVER_TENANT, (tx) => findLogKey(tx, SERVER_TENANT));
  const row = found ?? (await db.tenant(SERVER_TENANT, (tx) => makeKey(tx, keys, clock.now())));
  return keys.open("audit-signing", row.sealed_seed, row.id);
}

async function makeKey(tx: Tx, keys: TenantKeys, now: Date): Promise<LogKeyRow> {
  const seed = randomBytes(SEED_BYTES);
  const made = { id: FIRST_KEY, sealed_seed: keys.seal("audit-signing", seed, FIRST_KEY), now };
  seed.fill(0);
  await insertLogKey(tx, SERVER_TENANT, made);
  const kept = await findLogKey(tx, SERVER_TENANT);
  if (kept === null) throw new Error("the key of the audit log is not there after it was made");
  return kept;
}

/** What verifies a log's checkpoints, as `<origin>+<key id>+<key>`; null before the log's first checkpoint. */
export async function logVerifierKey(context: LogKeyContext, tenantId: string, log: LogName): Promise<string | null> {
  const head = await context.db.tenant(tenantId, (tx) => findHead(tx, tenantId, log));
  if (head === null) return null;
  const seed = await logSeed(context);
  const { verifierKey } = noteSigner(head.origin, seed);
  seed.fill(0);
  return verifierKey;
}

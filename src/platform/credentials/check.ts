import { timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
import { networkSet } from "../config/settings.ts";
import type { Database } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import type { Caller } from "../product.ts";
import { createLastUses } from "./last-use.ts";
import { findDirectoryEntry, type DirectoryRow } from "./store.ts";
import { parseToken } from "./token.ts";

/** Proves who holds a token. Owns the small memory of checked tokens and of their last use. */
export type TokenCheck = {
  /**
   * The caller behind `Authorization: Bearer <token>`. Throws `unauthorized` for all that is not a living token, and
   * `address_forbidden` when the token is not allowed from `remoteAddress`.
   */
  bearer(authorization: string | undefined, remoteAddress: string): Promise<Caller>;
  /** Forgets a token in this process; others follow within `FRESH_MS`. */
  forget(lookupId: string): void;
  /** Writes last uses that are not in the database yet. */
  flush(): Promise<void>;
  stop(): Promise<void>;
};

/** Revocation must hold on every process within a second; half of it leaves room for a slow read. */
const FRESH_MS = 500;
const MAX_REMEMBERED = 20_000;

type Remembered = { readonly row: DirectoryRow; readonly readAtMs: number };

export function createTokenCheck(options: { db: Database; keyring: Keyring; clock: Clock; log: Log }): TokenCheck {
  const { db, keyring, clock, log } = options;
  const remembered = new Map<string, Remembered>();
  const lastUses = createLastUses({ db, log, maxRemembered: MAX_REMEMBERED });

  async function read(lookupId: string): Promise<DirectoryRow | null> {
    const known = remembered.get(lookupId);
    if (known !== undefined && performance.now() - known.readAtMs < FRESH_MS) return known.row;
    remembered.delete(lookupId);
    const readAtMs = performance.now();
    const row = await db.lookup(findDirectoryEntry(lookupId));
    if (row === null) return null;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(lookupId, { row, readAtMs });
    return row;
  }

  return {
    async bearer(authorization, remoteAddress) {
      const token = bearerToken(authorization);
      const parts = parseToken(token);
      const row = parts === null ? null : await read(parts.lookupId);
      // Compared also when nothing was found, so that the time tells nothing.
      const mac = keyring.mac("token-pepper", token);
      const isGenuine = timingSafeEqual(mac, row?.mac ?? Buffer.alloc(mac.length)) && row !== null;
      const now = clock.now();
      if (!isGenuine || row === null) throw platformError("unauthorized", "The token is not valid.");
      if (row.revoked_at !== null) throw platformError("unauthorized", "The token was revoked.");
      if (row.expires_at <= now)
        throw platformError("unauthorized", `The token expired at ${row.expires_at.toISOString()}.`);
      if (row.ip_allow.length > 0 && !networkSet(row.ip_allow).has(remoteAddress)) {
        throw platformError("address_forbidden", `The token may not be used from ${remoteAddress}.`);
      }
      lastUses.note({ tenantId: row.tenant_id, credentialId: row.credential_id, at: now, ip: remoteAddress });
      return {
        tenantId: row.tenant_id,
        credentialId: row.credential_id,
        product: row.product,
        scopes: new Set(row.scopes),
        isLive: row.is_live,
      };
    },
    forget: (lookupId) => void remembered.delete(lookupId),
    flush: lastUses.flush,
    stop: lastUses.stop,
  };
}

const MAX_HEADER_CHARACTERS = 300;

function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined || authorization === "") {
    throw platformError("unauthorized", "Send a token: Authorization: Bearer <token>.");
  }
  const match = authorization.length > MAX_HEADER_CHARACTERS ? null : /^Bearer +(\S+) *$/i.exec(authorization);
  if (match?.[1] === undefined) {
    throw platformError("unauthorized", "The Authorization header is not of the form: Bearer <token>.");
  }
  return match[1];
}

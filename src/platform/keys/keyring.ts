import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { Database, Tx } from "../db/tx.ts";
import type { RootGeneration, RootKey } from "./root-key.ts";
import { RootKeyError } from "./root-key.ts";
import { generationOf, openWith, SealError, sealWith } from "./seal.ts";
import {
  deleteTenantKeys,
  insertTenantKey,
  listKeysOfOtherRoot,
  listTenantKeys,
  updateTenantKey,
  type TenantKeyRow,
} from "./store.ts";

/** What keys are used for; each purpose has keys of its own, so that bytes sealed for one never open as another. */
export type Purpose =
  | "blob-keys"
  | "kms-keys"
  | "webhook-secrets"
  | "idempotency-answers"
  | "document-links"
  | "audit-signing"
  | "notifications"
  | "member-secrets"
  | "session-signing"
  | "signatures"
  | "key-storage";

/** The keys of one tenant, as of the last second. */
export type TenantKeys = {
  readonly tenantId: string;
  /** Bytes that only `open` of the same tenant, purpose and context gives back. */
  seal(purpose: Purpose, plain: Uint8Array, context: string): Buffer;
  /** Throws `SealError` when anything differs. */
  open(purpose: Purpose, sealed: Uint8Array, context: string): Buffer;
};

/** Nothing of this tenant can be opened: it does not exist or was shredded. */
export class TenantShreddedError extends Error {
  override readonly name = "TenantShreddedError";
}

/** What the server keys its own hashes with: token pepper and the like. They outlive rotations of the root key. */
export type MacPurpose =
  | "token-pepper"
  | "operator-token"
  | "link-tokens"
  | "address-hashes"
  | "session-tokens"
  | "one-time-codes"
  | "password-secrets"
  | "user-names";

/**
 * The key hierarchy: root key -> tenant keys -> purpose keys. The root key wraps tenant keys; tenant keys never
 * leave this area; purpose keys are derived by HKDF-SHA-256 (RFC 5869).
 */
export type Keyring = {
  /**
   * The keys of a tenant. Call it before opening a transaction. They are kept for a second, so that a tenant that
   * another process shredded is gone here within that time. Throws `TenantShreddedError`.
   */
  of(tenantId: string): Promise<TenantKeys>;
  /** HMAC-SHA-256 under a key of the server that is in no database. 32 bytes. */
  mac(purpose: MacPurpose, data: string | Uint8Array): Buffer;
  /** Gives a new tenant its first key. */
  createTenantKeys(tx: Tx, tenantId: string): Promise<void>;
  /** A few seconds after `tx` commits, seals use a new key; older seals still open. Answers the new generation. */
  rotateTenantKeys(tx: Tx, tenantId: string): Promise<number>;
  /** Destroys a tenant's keys once `tx` commits; other processes follow within a second. */
  shredTenantKeys(tx: Tx, tenantId: string): Promise<void>;
  /** Wraps every tenant key by the newest root generation; answers how many it moved. Safe to repeat after a crash. */
  rewrapAll(): Promise<number>;
};

/** Under this id the server keeps keys and an audit log of its own, for what belongs to no tenant. */
export const SERVER_TENANT = "server";
const KEY_BYTES = 32;
const FRESH_MS = 1_000;
const REWRAP_PAGE = 500;
const MAX_CACHED_TENANTS = 10_000;

type Loaded = { readonly keys: TenantKeys; readonly loadedAtMs: number };

export async function createKeyring(options: { db: Database; root: RootKey }): Promise<Keyring> {
  const { db, root } = options;
  const cache = new Map<string, Loaded>();
  await db.directory((tx) => insertTenantKey(tx, wrapNew(root, SERVER_TENANT, 1)));
  const serverKeys = generations(root, await db.directory((tx) => listTenantKeys(tx, SERVER_TENANT)));
  const serverKey = serverKeys.get(1);
  if (serverKey === undefined) throw new RootKeyError("the server key is missing from the database");
  const macKeys = new Map<MacPurpose, Buffer>();

  async function load(tenantId: string): Promise<TenantKeys> {
    const rows = await db.directory((tx) => listTenantKeys(tx, tenantId));
    if (rows.length === 0) throw new TenantShreddedError(`no keys for ${tenantId}`);
    // A new generation seals only once every process can open what it sealed.
    const newest = rows.find((row) => row.is_settled) ?? rows.at(-1);
    return tenantKeys(tenantId, generations(root, rows), newest?.generation ?? 1);
  }

  return {
    async of(tenantId) {
      const known = cache.get(tenantId);
      if (known !== undefined && performance.now() - known.loadedAtMs < FRESH_MS) return known.keys;
      cache.delete(tenantId);
      const loadedAtMs = performance.now();
      const keys = await load(tenantId);
      if (cache.size >= MAX_CACHED_TENANTS) cache.clear();
      cache.set(tenantId, { keys, loadedAtMs });
      return keys;
    },
    mac(purpose, data) {
      const key = macKeys.get(purpose) ?? derive(serverKey, `mac/${purpose}`);
      macKeys.set(purpose, key);
      return createHmac("sha256", key).update(data).digest();
    },
    async createTenantKeys(tx, tenantId) {
      await insertTenantKey(tx, wrapNew(root, tenantId, 1));
    },
    async rotateTenantKeys(tx, tenantId) {
      const newest = (await listTenantKeys(tx, tenantId))[0];
      if (newest === undefined) throw new TenantShreddedError(`no keys for ${tenantId}`);
      await insertTenantKey(tx, wrapNew(root, tenantId, newest.generation + 1));
      return newest.generation + 1;
    },
    async shredTenantKeys(tx, tenantId) {
      await deleteTenantKeys(tx, tenantId);
      cache.delete(tenantId);
    },
    async rewrapAll() {
      for (let moved = 0; ;) {
        const page = await db.directory((tx) => rewrapPage(tx, root));
        moved += page;
        if (page < REWRAP_PAGE) return moved;
      }
    },
  };
}

async function rewrapPage(tx: Tx, root: RootKey): Promise<number> {
  const rows = await listKeysOfOtherRoot(tx, root.newest.generation, REWRAP_PAGE);
  for (const row of rows) {
    const key = unwrap(root, row);
    await updateTenantKey(tx, wrap(root.newest, row.tenant_id, row.generation, key));
    key.fill(0);
  }
  return rows.length;
}

function contextOf(tenantId: string, generation: number): string {
  return `tenant-key/${tenantId}/${generation}`;
}

function wrap(root: RootGeneration, tenantId: string, generation: number, key: Buffer): TenantKeyRow {
  return {
    tenant_id: tenantId,
    generation,
    root_generation: root.generation,
    wrapped_key: sealWith(root.key, root.generation, key, contextOf(tenantId, generation)),
  };
}

function wrapNew(root: RootKey, tenantId: string, generation: number): TenantKeyRow {
  return wrap(root.newest, tenantId, generation, randomBytes(KEY_BYTES));
}

function unwrap(root: RootKey, row: TenantKeyRow): Buffer {
  const wanted = generationOf(row.wrapped_key);
  const found = [root.newest, root.previous].find((entry) => entry?.generation === wanted);
  if (found === undefined || found === null) {
    throw new RootKeyError(`a key is wrapped by root key generation ${wanted}, which this server was not given`);
  }
  try {
    return openWith(found.key, row.wrapped_key, contextOf(row.tenant_id, row.generation));
  } catch (error) {
    throw new RootKeyError(`root key generation ${wanted} does not open the keys of this database`, { cause: error });
  }
}

function generations(root: RootKey, rows: readonly TenantKeyRow[]): Map<number, Buffer> {
  return new Map(rows.map((row) => [row.generation, unwrap(root, row)]));
}

function derive(key: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, Buffer.alloc(0), `tabellion/${info}`, KEY_BYTES));
}

function tenantKeys(tenantId: string, byGeneration: ReadonlyMap<number, Buffer>, newest: number): TenantKeys {
  const derived = new Map<string, Buffer>();
  function purposeKey(purpose: Purpose, generation: number): Buffer {
    const name = `${purpose}/${generation}`;
    const known = derived.get(name);
    if (known !== undefined) return known;
    const key = byGeneration.get(generation);
    if (key === undefined) throw new SealError("sealed bytes cannot be opened");
    const made = derive(key, `tenant/${purpose}`);
    derived.set(name, made);
    return made;
  }
  return {
    tenantId,
    seal: (purpose, plain, context) =>
      sealWith(purposeKey(purpose, newest), newest, plain, `${tenantId}/${purpose}/${context}`),
    open: (purpose, sealed, context) =>
      openWith(purposeKey(purpose, generationOf(sealed)), sealed, `${tenantId}/${purpose}/${context}`),
  };
}

/** The keyring as the blob store needs it: object keys wrapped under the tenant's key. */
export function objectKeyring(keyring: Keyring): {
  wrap(tenantId: string, objectKey: Buffer, context: string): Promise<Buffer>;
  unwrap(tenantId: string, wrapped: Buffer, context: string): Promise<Buffer>;
} {
  return {
    wrap: async (tenantId, objectKey, context) => (await keyring.of(tenantId)).seal("blob-keys", objectKey, context),
    unwrap: async (tenantId, wrapped, context) => (await keyring.of(tenantId)).open("blob-keys", wrapped, context),
  };
}

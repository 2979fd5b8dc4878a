import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { JWK } from "jose";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { insertSigningKey, listSigningKeys, lockSigningKeys, type SigningKeyRow } from "./store.ts";

/** The keys that access tokens are signed with: the same for all processes. */
export type SigningKeys = {
  current(): Promise<{ kid: string; key: KeyObject }>;
  /** Null: no key of ours, or one whose tokens are all over. */
  find(kid: string): Promise<KeyObject | null>;
  /** For `/.well-known/jwks.json`. */
  published(): Promise<{ keys: JWK[] }>;
};

const DAY_MS = 24 * 3600 * 1000;
export const ROTATE_AFTER_MS = 30 * DAY_MS;
/** A key that signs no more is published so long. */
const OVERLAP_MS = DAY_MS;
/** Published so long before it signs, so that whoever keeps the published keys has it. */
export const SETTLE_MS = 10 * 60 * 1000;
const FRESH_MS = 60_000;
/** A name that nobody knows makes us look again, at most so often. */
const AGAIN_MS = 1_000;

type Loaded = { readonly rows: readonly SigningKeyRow[]; readonly atMs: number };

export function createSigningKeys(options: { db: Database; keyring: Keyring; clock: Clock }): SigningKeys {
  const { db, keyring, clock } = options;
  let loaded: Loaded | null = null;

  async function rows(maxAgeMs: number): Promise<readonly SigningKeyRow[]> {
    if (loaded !== null && performance.now() - loaded.atMs < maxAgeMs) return loaded.rows;
    const atMs = performance.now();
    const found = await db.tenant(SERVER_TENANT, (tx) => listSigningKeys(tx, SERVER_TENANT, oldestUsed(clock.now())));
    loaded = { rows: found, atMs };
    return found;
  }

  return {
    async current() {
      const now = clock.now();
      let known = await rows(FRESH_MS);
      if (isDue(known, now)) {
        await rotateSigningKey(options);
        known = await rows(0);
      }
      const settled = known.find((row) => now.getTime() - row.created_at.getTime() >= SETTLE_MS) ?? known.at(-1);
      if (settled === undefined) throw new Error("there is no key to sign access tokens with");
      const keys = await keyring.of(SERVER_TENANT);
      const der = keys.open("session-signing", settled.sealed_key, settled.id);
      return { kid: settled.id, key: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) };
    },
    async find(kid) {
      const has = (list: readonly SigningKeyRow[]): SigningKeyRow | undefined =>
        list.find((row) => row.id === kid && row.created_at > oldestUsed(clock.now()));
      const row = has(await rows(FRESH_MS)) ?? has(await rows(AGAIN_MS));
      return row === undefined ? null : publicKeyOf(row);
    },
    async published() {
      const known = await rows(AGAIN_MS);
      const keys = known.map((row) => ({
        ...publicKeyOf(row).export({ format: "jwk" }),
        kid: row.id,
        use: "sig",
        alg: "EdDSA",
      }));
      return { keys };
    },
  };
}

/** Makes a key when the newest is due. Of processes that find it due at once, one makes it and all use that one. */
export async function rotateSigningKey(options: { db: Database; keyring: Keyring; clock: Clock }): Promise<void> {
  const { db, keyring, clock } = options;
  const keys = await keyring.of(SERVER_TENANT);
  const now = clock.now();
  await db.tenant(SERVER_TENANT, async (tx) => {
    await lockSigningKeys(tx);
    if (!isDue(await listSigningKeys(tx, SERVER_TENANT, oldestUsed(now)), now)) return;
    const id = newId("sgk", now);
    const pair = generateKeyPairSync("ed25519");
    const der = pair.privateKey.export({ format: "der", type: "pkcs8" });
    await insertSigningKey(tx, SERVER_TENANT, {
      id,
      public_key: pair.publicKey.export({ format: "der", type: "spki" }),
      sealed_key: keys.seal("session-signing", der, id),
      created_at: now,
    });
    der.fill(0);
  });
}

function oldestUsed(now: Date): Date {
  return new Date(now.getTime() - ROTATE_AFTER_MS - OVERLAP_MS);
}

function isDue(newestFirst: readonly SigningKeyRow[], now: Date): boolean {
  const newest = newestFirst[0];
  return newest === undefined || now.getTime() - newest.created_at.getTime() >= ROTATE_AFTER_MS;
}

function publicKeyOf(row: SigningKeyRow): KeyObject {
  return createPublicKey({ key: row.public_key, format: "der", type: "spki" });
}

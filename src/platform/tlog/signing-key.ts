import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Database } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { type Keyring, SERVER_TENANT } from "../keys/keyring.ts";
import { insertKey, listKeys } from "./store.ts";

/** The server's key for all its logs; the name under which it signs is each log's origin. */
export type SigningKey = { readonly id: string; readonly publicKey: Buffer; readonly privateKey: KeyObject };

const PUBLIC_KEY_BYTES = 32;

/** The newest signing key, made by whoever comes first: of two starters both get the one that was stored. */
export async function loadSigningKey(options: { db: Database; keyring: Keyring; now: Date }): Promise<SigningKey> {
  const { db } = options;
  const keys = await options.keyring.of(SERVER_TENANT);
  const rows = await db.tenant(SERVER_TENANT, (tx) => listKeys(tx, SERVER_TENANT));
  if (rows.length === 0) {
    const id = newId("lgk", options.now);
    const pair = generateKeyPairSync("ed25519");
    const der = pair.privateKey.export({ format: "der", type: "pkcs8" });
    const publicKey = pair.publicKey.export({ format: "der", type: "spki" }).subarray(-PUBLIC_KEY_BYTES);
    const sealedPrivateKey = keys.seal("audit-signing", der, id);
    der.fill(0);
    await db.tenant(SERVER_TENANT, (tx) =>
      insertKey(tx, SERVER_TENANT, { generation: 1, id, publicKey, sealedPrivateKey, at: options.now }),
    );
    return loadSigningKey(options);
  }
  const [newest] = rows;
  if (newest === undefined) throw new Error("the key that signs checkpoints is gone");
  const der = keys.open("audit-signing", newest.sealed_private_key, newest.id);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return { id: newest.id, publicKey: newest.public_key, privateKey };
}

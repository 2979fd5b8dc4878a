import { createHash } from "node:crypto";
import { RootKeyError, type RootGeneration, type RootKey } from "../keys/root-key.ts";
import { generationOf, openWith } from "../keys/seal.ts";
import { BackupError } from "./backup-error.ts";
import type { Manifest } from "./manifest.ts";

/** One tenant's key as it lies in the database. */
export type WrappedKey = { readonly tenantId: string; readonly generation: number; readonly wrapped: Buffer };

/** Names a root key without telling it: 64 bits of a hash of 256 random bits. */
export function fingerprintOf(root: RootGeneration): string {
  return createHash("sha256").update("tabellion root key\n").update(root.key).digest("hex").slice(0, 16);
}

function generationsOf(root: RootKey): readonly RootGeneration[] {
  return root.previous === null ? [root.newest] : [root.previous, root.newest];
}

/** Those generations of `root` that a database uses. Throws `BackupError` when one of them is missing. */
export function rootKeysInUse(root: RootKey, generations: readonly number[]): Manifest["rootKeys"] {
  return generations.map((generation) => {
    const found = generationsOf(root).find((each) => each.generation === generation);
    if (found === undefined) {
      throw new BackupError("root_key", `the database uses root key generation ${generation}, which is not at hand`);
    }
    return { generation, fingerprint: fingerprintOf(found) };
  });
}

/** Throws `BackupError` unless `root` has every generation that the backup's keys are wrapped by. */
export function checkRootKey(root: RootKey | null, wanted: Manifest["rootKeys"]): void {
  for (const each of wanted) {
    const name = `generation ${each.generation} with the fingerprint ${each.fingerprint}`;
    if (root === null) {
      throw new BackupError("root_key", `the backup holds no root key; put root.key of ${name} into the data folder`);
    }
    const found = generationsOf(root).find((own) => own.generation === each.generation);
    if (found === undefined || fingerprintOf(found) !== each.fingerprint) {
      throw new BackupError("root_key", `the root key here is not the one of this backup, ${name}`);
    }
  }
}

/** Throws `BackupError` unless `root` opens the tenant's key. The context is that of `keys/keyring.ts`. */
export function checkTenantKey(root: RootKey, row: WrappedKey): void {
  try {
    const found = generationsOf(root).find((each) => each.generation === generationOf(row.wrapped));
    if (found === undefined) throw new RootKeyError("its generation of the root key is not at hand");
    openWith(found.key, row.wrapped, `tenant-key/${row.tenantId}/${row.generation}`).fill(0);
  } catch (error) {
    throw new BackupError("root_key", `the root key does not open the key of ${row.tenantId}`, error);
  }
}

import { ChecksumCheck, contextOf, HEADER_LIMIT_BYTES, layoutOf, parseHeader } from "../blobs/sealed-format.ts";
import { isBlobError } from "../blobs/errors.ts";
import type { RootKey } from "../keys/root-key.ts";
import type { BackupIdentity } from "./age-file.ts";
import type { BackupCounts, Manifest } from "./manifest.ts";
import { type OnProgress, ProgressCounter } from "./progress.ts";
import { type BackupBlob, type BackupRows, DecayedBlobError, readBackup } from "./read-backup.ts";
import { damaged } from "./records.ts";
import { checkRootKey, checkTenantKey } from "./root-key-check.ts";

export type VerifyBackupOptions = {
  readonly input: AsyncIterable<Uint8Array>;
  readonly identity: BackupIdentity;
  /** Where it is at hand: then it must be the one of the backup. The backup's own is used where it holds one. */
  readonly rootKey?: RootKey | null;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
};

export type VerifiedBackup = {
  readonly manifest: Manifest;
  readonly counts: BackupCounts;
  /** How many tenants' keys were opened; null when no root key was at hand. */
  readonly openedKeys: number | null;
};

const KEY_TABLE = "platform.tenant_keys";

/**
 * Reads all of a backup and writes nothing: authenticity, order, counts and hash of the file, structure and checksums
 * of every object, and with the root key whether it opens every tenant's key. Throws `BackupError`.
 */
export async function verifyBackup(options: VerifyBackupOptions): Promise<VerifiedBackup> {
  const progress = new ProgressCounter(options.onProgress);
  let manifest: Manifest | null = null;
  let root: RootKey | null = null;
  let openedKeys = 0;
  const counts = await readBackup(
    { ...options, progress },
    {
      async begin(read, rootKey) {
        manifest = read;
        root = rootKey ?? options.rootKey ?? null;
        if (root !== null) checkRootKey(root, read.rootKeys);
      },
      async rows(batch) {
        if (root !== null && batch.table.name === KEY_TABLE) openedKeys += openKeys(root, batch);
      },
      sequences: async () => undefined,
      jobs: async () => undefined,
      blob: checkBlob,
    },
  );
  progress.enter("done");
  if (manifest === null) throw damaged("it has no manifest");
  return { manifest, counts, openedKeys: root === null ? null : openedKeys };
}

function openKeys(root: RootKey, batch: BackupRows): number {
  const column = (name: string): number => batch.table.columns.indexOf(name);
  const [tenantId, generation, wrapped] = [column("tenant_id"), column("generation"), column("wrapped_key")];
  for (const row of batch.rows) {
    checkTenantKey(root, {
      tenantId: row[tenantId] ?? "",
      generation: Number(row[generation]),
      wrapped: Buffer.from((row[wrapped] ?? "").slice("\\x".length), "hex"),
    });
  }
  return batch.rows.length;
}

/** Holds an object to its header, length and checksums, as the store does when it takes it in. */
async function checkBlob(blob: BackupBlob): Promise<void> {
  const context = contextOf(blob.tenantId, blob.ref);
  let head: Buffer = Buffer.alloc(0);
  let check: ChecksumCheck | null = null;
  try {
    for await (const piece of blob.pieces) {
      if (check !== null) {
        check.update(piece);
        continue;
      }
      head = Buffer.concat([head, piece]);
      if (head.length >= Math.min(HEADER_LIMIT_BYTES, blob.sealedBytes)) {
        check = new ChecksumCheck(layoutOf(parseHeader(head, context).headerBytes, blob.sealedBytes));
        check.update(head);
      }
    }
    if (check === null) throw damaged(`${context} is cut off`);
  } catch (error) {
    if (error instanceof DecayedBlobError) return;
    if (isBlobError(error)) throw damaged(`${context} is not a whole object`, error);
    throw error;
  }
}

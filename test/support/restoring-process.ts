import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { argv, stdout } from "node:process";
import { createLocalBlobs } from "../../src/platform/blobs/local-blobs.ts";
import { restoreBackup } from "../../src/platform/backup/restore-backup.ts";
import { allFolders, APP_ROLE } from "./backup-place.ts";
import { testLog } from "./database.ts";

/*
 * A process for a crash test: restores a backup but for its last bytes, says so, and waits to be killed. Arguments: the
 * owner's URL, a directory, the backup, its passphrase, the root key in hex.
 */
const [ownerUrl = "", directory = "", file = "", passphrase = "", rootKey = ""] = argv.slice(2);
const refuse = (): Promise<never> => Promise.reject(new Error("no keys here"));

async function* withoutEnd(): AsyncGenerator<Buffer, void, void> {
  const bytes = await readFile(file);
  yield bytes.subarray(0, bytes.length - 100);
  stdout.write("waiting\n");
  await new Promise(() => void setInterval(() => undefined, 60_000));
}

await restoreBackup({
  input: withoutEnd(),
  identity: { passphrase },
  ownerUrl,
  appRole: APP_ROLE,
  folders: allFolders,
  blobs: await createLocalBlobs({ directory: join(directory, "blobs"), keyring: { wrap: refuse, unwrap: refuse } }),
  isBlobStoreEmpty: () => Promise.resolve(true),
  rootKey: { newest: { generation: 1, key: Buffer.from(rootKey, "hex") }, previous: null },
  keepRootKey: refuse,
  log: testLog,
});

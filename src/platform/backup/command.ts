import { createReadStream } from "node:fs";
import { access, opendir, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { Writable } from "node:stream";
import type { BlobStore } from "../blobs/blobs.ts";
import { createLocalBlobs } from "../blobs/local-blobs.ts";
import type { Config } from "../config/config.ts";
import { embeddedUrls, startEmbedded } from "../db/embedded.ts";
import { findLocation, makeDataDirectory } from "../db/location.ts";
import { checkDatabase, type MigrationFolder } from "../db/migrate.ts";
import { loadRootKey, type RootKey, RootKeyError, writeRootKey } from "../keys/root-key.ts";
import type { Log } from "../log/log.ts";
import { BackupError } from "./backup-error.ts";
import { type BackupCommandLine, parseCommandLine, USAGE } from "./command-line.ts";
import { type BackupSummary, createBackup } from "./create-backup.ts";
import type { BackupCounts, Manifest } from "./manifest.ts";
import { writeOutputFile } from "./output-file.ts";
import { progressLine } from "./progress-line.ts";
import { restoreBackup } from "./restore-backup.ts";
import { readIdentity, readRecipient, type SecretOptions, type Terminal } from "./secret-input.ts";
import { verifyBackup } from "./verify-backup.ts";

/** What the command is given by the process that it runs in. */
export type BackupCommandOptions = {
  readonly config: Config;
  readonly log: Log;
  /** The value of TABELLION_BACKUP_PASSPHRASE, or null. */
  readonly passphrase: string | null;
  /** All migrations of this version, the platform's and the products'. */
  readonly folders: readonly MigrationFolder[];
  readonly stdin: Terminal["input"];
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly signal?: AbortSignal;
};

/** Exit codes beside 0. */
const FAILED = 1;
const MISUSED = 2;
/** The backup is whole but for objects that had decayed on the disk. */
const LACKING = 3;

type Urls = { readonly url: string; readonly ownerUrl: string };

/**
 * Runs `tabellion backup …`, which works whether the server runs or not, and answers the exit code. Throws a
 * `StartError` where the database cannot be used, as a start would; else nothing that is expected.
 */
export async function runBackupCommand(argv: readonly string[], options: BackupCommandOptions): Promise<number> {
  try {
    const line = parseCommandLine(argv);
    const command = { create, verify, restore }[line.verb];
    return await command(line, options);
  } catch (error) {
    if (!(error instanceof BackupError) && !(error instanceof RootKeyError)) throw error;
    const isMisuse = error instanceof BackupError && error.failure === "usage";
    options.stderr.write(`backup: ${error.message}\n${isMisuse ? `\n${USAGE}` : ""}`);
    return isMisuse ? MISUSED : FAILED;
  }
}

async function create(line: BackupCommandLine, options: BackupCommandOptions): Promise<number> {
  const { config } = options;
  if (config.databaseUrl === null && (await findLocation(config.dataDirectory)) === null) {
    throw new BackupError("usage", `there is no database in ${config.dataDirectory}; is TABELLION_DATA right?`);
  }
  const rootKey = await loadRootKey(config.dataDirectory, config.rootKey, false);
  const recipient = await readRecipient(secretsOf(line, options), line.recipient);
  const blobs = await openBlobs(config);
  const shown = progressLine(options.stderr, null);
  let summary: BackupSummary | null = null;
  await withDatabase(options, async ({ ownerUrl }) => {
    const take = async (output: Writable): Promise<void> => {
      const { onProgress } = shown;
      const includeRootKey = line.isRootKeyWanted;
      summary = await createBackup({
        ownerUrl,
        blobs,
        rootKey,
        includeRootKey,
        recipient,
        output,
        onProgress,
        ...signalOf(options),
      });
    };
    await (line.file === "-" ? take(keptOpen(options.stdout)) : writeOutputFile(line.file, line.isReplacing, take));
  }).finally(() => shown.end());
  return summary === null ? FAILED : tellSummary(summary, options);
}

function tellSummary(summary: BackupSummary, options: BackupCommandOptions): number {
  const { manifest, counts, damagedBlobs } = summary;
  options.stderr.write(`backup: made ${describe(manifest, counts)}\n`);
  for (const { generation, fingerprint } of manifest.hasRootKey ? [] : manifest.rootKeys) {
    options.stderr.write(
      `backup: to restore it, keep root.key (generation ${generation}, fingerprint ${fingerprint})\n`,
    );
  }
  if (counts.damagedBlobs === 0) return 0;
  options.stderr.write(`backup: ${counts.damagedBlobs} objects had decayed on the disk and are not in it:\n`);
  for (const name of damagedBlobs) options.stderr.write(`  ${name}\n`);
  return LACKING;
}

async function verify(line: BackupCommandLine, options: BackupCommandOptions): Promise<number> {
  const identity = await readIdentity(secretsOf(line, options), line.identityFile);
  const rootKey = await findRootKey(options.config);
  const shown = progressLine(options.stderr, await sizeOf(line.file));
  const input = openInput(line.file, options);
  const { onProgress } = shown;
  const verified = await verifyBackup({ input, identity, rootKey, onProgress, ...signalOf(options) }).finally(() =>
    shown.end(),
  );
  const keys =
    verified.openedKeys === null
      ? "no root key was at hand, so the tenants' keys were not tried"
      : `the root key opens all ${verified.openedKeys} keys`;
  options.stderr.write(`backup: sound: ${describe(verified.manifest, verified.counts)}; ${keys}\n`);
  return 0;
}

async function restore(line: BackupCommandLine, options: BackupCommandOptions): Promise<number> {
  const { config, log, folders } = options;
  const identity = await readIdentity(secretsOf(line, options), line.identityFile);
  await access(line.file === "-" ? "." : line.file).catch((error: unknown) => {
    throw new BackupError("usage", `${line.file} cannot be read`, error);
  });
  await makeDataDirectory(config.dataDirectory);
  const rootKey = await findRootKey(config);
  const blobs = await openBlobs(config);
  const shown = progressLine(options.stderr, await sizeOf(line.file));
  const { onProgress } = shown;
  await withDatabase(options, async (urls) => {
    const restored = await restoreBackup({
      input: openInput(line.file, options),
      identity,
      ownerUrl: urls.ownerUrl,
      appRole: appRoleOf(urls),
      folders,
      blobs,
      isBlobStoreEmpty: () => isEmpty(blobFolderOf(config)),
      rootKey,
      keepRootKey: (root) => writeRootKey(config.dataDirectory, root),
      async beforeWriting() {
        if (line.file === "-") return; // it comes only once: a damaged one leaves the mark
        await verifyBackup({
          input: openInput(line.file, options),
          identity,
          rootKey,
          onProgress,
          ...signalOf(options),
        });
      },
      log,
      onProgress,
      ...signalOf(options),
    });
    shown.end();
    options.stderr.write(`backup: restored ${describe(restored.manifest, restored.counts)}\n`);
  }).finally(() => shown.end());
  return 0;
}

function describe(manifest: Manifest, counts: BackupCounts): string {
  const rows = Object.values(counts.rows).reduce((sum, count) => sum + count, 0);
  return (
    `${manifest.id} of ${manifest.createdAt}: ${counts.tenants} tenants, ${rows} rows, ${counts.jobs} jobs, ` +
    `${counts.blobs} objects of ${(counts.blobBytes / 1e6).toFixed(1)} MB, ${manifest.hasRootKey ? "with" : "without"} root key`
  );
}

/** Uses the database that the server uses; the embedded one is started for the time of `work` where it does not run. */
async function withDatabase(options: BackupCommandOptions, work: (urls: Urls) => Promise<void>): Promise<void> {
  const { config, log } = options;
  if (config.databaseUrl !== null && config.databaseOwnerUrl !== null) {
    const urls = { url: config.databaseUrl, ownerUrl: config.databaseOwnerUrl };
    await checkDatabase({ ownerUrl: urls.ownerUrl, appRole: appRoleOf(urls), log });
    return work(urls);
  }
  const running = await embeddedUrls(config.dataDirectory);
  if (running !== null) return work(running);
  const { dataDirectory, postgresDirectory: directory, databaseConnections: connections } = config;
  const started = await startEmbedded({ dataDirectory, directory, connections, log });
  try {
    await work(started);
  } finally {
    await started.stop();
  }
}

function appRoleOf({ url }: Urls): string {
  return decodeURIComponent(new URL(url).username);
}

function blobFolderOf(config: Config): string {
  return join(config.dataDirectory, "blobs");
}

/** The store of the server. Only sealed objects pass here, so it is given no keys. */
function openBlobs(config: Config): Promise<BlobStore> {
  const refuse = (): Promise<never> => Promise.reject(new Error("a backup holds no keys of objects"));
  return createLocalBlobs({ directory: blobFolderOf(config), keyring: { wrap: refuse, unwrap: refuse } });
}

async function isEmpty(blobFolder: string): Promise<boolean> {
  for await (const entry of await opendir(blobFolder, { recursive: true })) {
    const isIncoming = `${entry.parentPath}${sep}`.startsWith(`${join(blobFolder, ".incoming")}${sep}`);
    if (entry.isFile() && !isIncoming) return false;
  }
  return true;
}

/** The root key of this place, or null where there is none yet. */
async function findRootKey(config: Config): Promise<RootKey | null> {
  const isThere = await access(join(config.dataDirectory, "root.key")).then(
    () => true,
    () => false,
  );
  if (!isThere && config.rootKey === null) return null;
  return loadRootKey(config.dataDirectory, config.rootKey, false);
}

function secretsOf(line: BackupCommandLine, options: BackupCommandOptions): SecretOptions {
  const terminal = { input: options.stdin, output: options.stderr };
  return { passphrase: options.passphrase, passphraseFile: line.passphraseFile, terminal };
}

function signalOf(options: BackupCommandOptions): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}

async function* openInput(file: string, options: BackupCommandOptions): AsyncGenerator<Uint8Array, void, void> {
  const source = file === "-" ? options.stdin : createReadStream(file, { highWaterMark: 1024 * 1024 });
  try {
    for await (const piece of source) yield Buffer.from(piece);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new BackupError("usage", `${file} is not there`, error);
    }
    throw error;
  }
}

async function sizeOf(file: string): Promise<number | null> {
  return file === "-"
    ? null
    : stat(file)
        .then((facts) => facts.size)
        .catch(() => null);
}

/** Standard output is not ours to end. */
function keptOpen(output: NodeJS.WritableStream): Writable {
  return new Writable({
    write(piece: Buffer, _encoding, callback) {
      output.write(piece, (error) => callback(error ?? null));
    },
  });
}

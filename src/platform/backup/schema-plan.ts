import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { MigrationFolder } from "../db/migrate.ts";
import { BackupError } from "./backup-error.ts";
import type { LedgerEntry } from "./manifest.ts";

/** Which migrations must have run before the rows of a backup are loaded. */
export type SchemaPlan = {
  /** Those of the backup: for an older backup a copy of the folders that holds no newer file. */
  readonly folders: readonly MigrationFolder[];
  /** Whether this version has migrations that the backup had not seen: they run once the rows are there. */
  readonly isOlder: boolean;
  /** Removes the copies. */
  dispose(): Promise<void>;
};

/** The area whose migrations are not in the given folders; `migrate` always runs all of them first. */
const OWN_AREA = "db";

function keyOf(entry: { readonly area: string; readonly name: string }): string {
  return `${entry.area}/${entry.name}`;
}

/**
 * Compares the backup's ledger with the migrations of this version. Throws `BackupError` when the backup has one that
 * this version does not know, or knows otherwise: its rows might mean something else.
 */
export async function planSchema(
  folders: readonly MigrationFolder[],
  ledger: readonly LedgerEntry[],
): Promise<SchemaPlan> {
  const shipped = (await Promise.all(folders.map(readChecksums))).flat();
  const known = new Map(shipped.map((entry) => [keyOf(entry), entry.checksum]));
  const wanted = new Set(ledger.map(keyOf));
  for (const entry of ledger) {
    if (entry.area !== OWN_AREA && known.get(keyOf(entry)) !== entry.checksum) {
      const what = known.has(keyOf(entry)) ? "another" : "no";
      throw new BackupError(
        "version",
        `the backup is of a version with a migration ${keyOf(entry)}; this one has ${what} such`,
      );
    }
  }
  const isOlder = shipped.some((entry) => !wanted.has(keyOf(entry)));
  if (!isOlder) return { folders, isOlder, dispose: async () => undefined };
  const copy = await mkdtemp(join(tmpdir(), "tabellion-migrations-"));
  return {
    folders: await Promise.all(folders.map((folder) => copyWanted(folder, copy, wanted))),
    isOlder,
    dispose: () => rm(copy, { recursive: true, force: true }),
  };
}

async function readChecksums(source: MigrationFolder): Promise<LedgerEntry[]> {
  const names = (await readdir(fileURLToPath(source.folder))).filter((name) => name.endsWith(".sql"));
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, source.folder), "utf8");
      return { area: source.area, name, checksum: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

async function copyWanted(
  source: MigrationFolder,
  copy: string,
  wanted: ReadonlySet<string>,
): Promise<MigrationFolder> {
  const target = join(copy, source.area);
  await mkdir(target);
  for (const name of await readdir(fileURLToPath(source.folder))) {
    if (wanted.has(keyOf({ area: source.area, name })))
      await copyFile(new URL(name, source.folder), join(target, name));
  }
  return { area: source.area, folder: pathToFileURL(`${target}/`) };
}

/** Throws `BackupError` when the database has seen a migration that the backup has not: its rows would not fit. */
export function checkLedger(present: readonly LedgerEntry[], ledger: readonly LedgerEntry[]): void {
  const wanted = new Map(ledger.map((entry) => [keyOf(entry), entry.checksum]));
  const newer = present.find((entry) => entry.area !== OWN_AREA && wanted.get(keyOf(entry)) !== entry.checksum);
  if (newer !== undefined) {
    throw new BackupError(
      "not_empty",
      `the tables here are newer than the backup (${keyOf(newer)}); restore into a database without any`,
    );
  }
}

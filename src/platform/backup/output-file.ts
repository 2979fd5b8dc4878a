import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Writable } from "node:stream";
import { BackupError } from "./backup-error.ts";

const BUFFER_BYTES = 1024 * 1024;

/**
 * Makes the file `path` from what `write` sends: under a temporary name beside it, readable by the owner only, and
 * under its own name once all is on the disk. When `write` throws, nothing is left. A file that is there already stays
 * as it is (`BackupError`, `exists`) unless `isReplacing`.
 */
export async function writeOutputFile(
  path: string,
  isReplacing: boolean,
  write: (output: Writable) => Promise<void>,
): Promise<void> {
  if (!isReplacing && (await isThere(path))) throw alreadyThere(path);
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.partial`);
  const handle = await open(partial, "wx", 0o600);
  try {
    try {
      await write(outputTo(handle));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await publish(partial, path, isReplacing);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A stream of the handle's own would close it, or keep it from being closed. */
function outputTo(handle: FileHandle): Writable {
  return new Writable({
    highWaterMark: BUFFER_BYTES,
    write(piece: Buffer, _encoding, callback) {
      void append(handle, piece, callback);
    },
  });
}

async function append(handle: FileHandle, piece: Buffer, done: (error: Error | null) => void): Promise<void> {
  let failure: Error | null = null;
  try {
    await handle.appendFile(piece);
  } catch (error) {
    failure = error instanceof Error ? error : new Error("the file could not be written");
  }
  done(failure);
}

async function publish(partial: string, path: string, isReplacing: boolean): Promise<void> {
  if (isReplacing) return rename(partial, path);
  try {
    // Unlike a rename, a link never replaces what somebody else put there meanwhile.
    await link(partial, path);
  } catch (error) {
    if (hasCode(error, "EEXIST")) throw alreadyThere(path);
    if (!hasCode(error, "EPERM") && !hasCode(error, "ENOTSUP")) throw error;
    // A file system without links: the look before is all there is.
    if (await isThere(path)) throw alreadyThere(path);
    return rename(partial, path);
  }
  await rm(partial);
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    },
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function alreadyThere(path: string): BackupError {
  return new BackupError("exists", `${path} is there already; choose another name, or --force to replace it`);
}

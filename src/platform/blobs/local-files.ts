import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { damaged } from "./sealed-format.ts";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Directories known to be durable that are remembered; past this the memory starts anew, at the cost of some syncs. */
const REMEMBERED_DIRECTORIES = 65_536;
/** Large files are pushed to the disk as they grow, so that the last sync is short and the page cache stays clean. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
/** In which files are read back. */
const BLOCK_BYTES = 1024 * 1024;

export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Makes the entries of a directory durable: what was created in, renamed into or removed from it. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `path` and what is missing above it, durably. */
export async function makeRoot(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  if (topmost === undefined) return;
  for (let made = path; made.length >= topmost.length; made = dirname(made)) await syncDirectory(dirname(made));
}

/**
 * The directories below a root. A file in a directory is durable only when the directory's own entry is; this
 * remembers for which that holds, and lets concurrent callers wait for the one that makes it.
 */
export class DurableDirectories {
  readonly #root: string;
  /** Owned here. */
  readonly #made = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** On return `path`, which lies below the root, exists and so do its parents, durably. */
  async ensure(path: string): Promise<void> {
    if (path === this.#root) return;
    let making = this.#made.get(path);
    if (making === undefined) {
      if (this.#made.size >= REMEMBERED_DIRECTORIES) this.#made.clear();
      making = this.#make(path);
      this.#made.set(path, making);
    }
    try {
      await making;
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** After a failure: a directory may have been taken away from outside, so all are looked at again. */
  forget(): void {
    this.#made.clear();
  }

  /** Even a directory that exists is synced once: the process that made it may have died before it did so. */
  async #make(path: string): Promise<void> {
    const parent = dirname(path);
    await this.ensure(parent);
    try {
      await mkdir(path, { mode: DIRECTORY_MODE });
    } catch (error) {
      if (!hasErrorCode(error, "EEXIST") || !(await stat(path)).isDirectory()) throw error;
    }
    await syncDirectory(parent);
  }
}

/** Reads `length` bytes; a file that ends before is damaged. */
export async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw damaged("the file is cut off");
    filled += bytesRead;
  }
  return bytes;
}

async function writeAll(handle: FileHandle, pieces: Buffer[], position: number): Promise<void> {
  const { bytesWritten } = await handle.writev(pieces, position);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (bytesWritten === length) return;
  // The kernel may write less than asked, above all just before the disk is full: the next write then tells why.
  const bytes = Buffer.concat(pieces);
  let written = bytesWritten;
  while (written < length) {
    const next = await handle.write(bytes, written, length - written, position + written);
    written += next.bytesWritten;
  }
}

/**
 * A file that is being written under a temporary name. Its owner calls `discard` at the end, published or not. Appends are sequential:
 * the owner is one writer that awaits each call.
 */
export class IncomingFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #length = 0;
  #syncedLength = 0;
  #isClosed = false;
  #isRenamed = false;
  // Work under way, as its outcome: a failure is kept until the writer comes to ask, so no rejection goes unheard.
  #writing: Promise<Outcome> = Promise.resolve(null);
  #syncing: Promise<Outcome> = Promise.resolve(null);

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async create(path: string): Promise<IncomingFile> {
    return new IncomingFile(path, await open(path, "wx+", FILE_MODE));
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Begins to write `pieces` at the end, once what was appended before is written. The pieces belong to the file until
   * the next `append` or `settle` returns.
   */
  async append(pieces: Buffer[]): Promise<void> {
    await this.settle();
    const position = this.#length;
    this.#length += pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#writing = outcomeOf(writeAll(this.#handle, pieces, position));
    if (position - this.#syncedLength < SYNC_EVERY_BYTES) return;
    this.#syncedLength = position;
    throwFailed(await this.#syncing);
    this.#syncing = outcomeOf(this.#handle.datasync());
  }

  /** Waits for the write under way and throws what it threw. */
  async settle(): Promise<void> {
    throwFailed(await this.#writing);
  }

  /** What was written so far, read back. */
  async *blocks(): AsyncGenerator<Buffer, void, void> {
    await this.settle();
    for (let position = 0; position < this.#length; position += BLOCK_BYTES) {
      yield await readExactly(this.#handle, position, Math.min(BLOCK_BYTES, this.#length - position));
    }
  }

  /** Whether `other` holds the same bytes as this file. */
  async hasBytesOf(other: FileHandle): Promise<boolean> {
    const { size } = await other.stat();
    if (size !== this.#length) return false;
    let position = 0;
    for await (const block of this.blocks()) {
      if (!block.equals(await readExactly(other, position, block.length))) return false;
      position += block.length;
    }
    return true;
  }

  /**
   * Makes the content durable, then visible as `finalPath`, then the name durable. When it throws, the file is not
   * visible; `discard` must still follow.
   */
  async publish(finalPath: string, createdAt: Date): Promise<void> {
    await this.settle();
    throwFailed(await this.#syncing);
    await this.#handle.utimes(createdAt, createdAt);
    await this.#handle.datasync();
    await this.#close();
    await rename(this.#path, finalPath);
    this.#isRenamed = true;
    try {
      await syncDirectory(dirname(finalPath));
    } catch (error) {
      // Nobody was told of this object, and nobody knows whether it would outlive a power cut.
      throw await firstError(error, unlink(finalPath));
    }
  }

  /** Removes the temporary file; does nothing once it was published. */
  async discard(): Promise<void> {
    if (this.#isRenamed) return;
    await Promise.all([this.#writing, this.#syncing]);
    await this.#close();
    await rm(this.#path, { force: true });
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
  }
}

/** `error`, after a cleaning up that may fail too; then both are told. */
export async function firstError(error: unknown, cleaningUp: Promise<void>): Promise<unknown> {
  const outcome = await outcomeOf(cleaningUp);
  return outcome === null ? error : new AggregateError([error, outcome.error], "a failure, and its cleaning up failed");
}

type Outcome = { readonly error: unknown } | null;

function outcomeOf(work: Promise<void>): Promise<Outcome> {
  return work.then(
    () => null,
    (error: unknown) => ({ error }),
  );
}

function throwFailed(outcome: Outcome): void {
  if (outcome !== null) throw outcome.error;
}

/** A file in the making that was not written to for this long belongs to nobody: no put pauses so long. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/**
 * Where files are written before they are published. Removes what a crash left there, and leaves what another process
 * may be writing: a backup opens the store of a server that runs.
 */
export async function prepareIncoming(root: string, now: Date): Promise<string> {
  const incoming = join(root, ".incoming");
  try {
    await mkdir(incoming, { mode: DIRECTORY_MODE });
  } catch (error) {
    if (!hasErrorCode(error, "EEXIST")) throw error;
  }
  for (const name of await readdir(incoming)) await removeAbandoned(join(incoming, name), now);
  await syncDirectory(root);
  return incoming;
}

async function removeAbandoned(path: string, now: Date): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (now.getTime() - mtimeMs >= ABANDONED_AFTER_MS) await unlink(path);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error; // its writer was done with it just now
  }
}

import assert from "node:assert";
import { createHash, randomBytes } from "node:crypto";
import { open, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Clock, systemClock } from "../clock/clock.ts";
import { isId, newId } from "../ids/ids.ts";
import { piecesOf, throwIfAborted } from "./blob-source.ts";
import type {
  BlobRange,
  BlobReader,
  BlobReceipt,
  BlobStat,
  BlobStore,
  ListedBlob,
  ObjectKeyring,
  PutOptions,
  SealedBlob,
} from "./blobs.ts";
import { blobError, storageError } from "./errors.ts";
import {
  DurableDirectories,
  firstError,
  hasErrorCode,
  IncomingFile,
  makeRoot,
  prepareIncoming,
  syncDirectory,
} from "./local-files.ts";
import {
  ChecksumCheck,
  contextOf,
  damaged,
  encodeHeader,
  HEADER_LIMIT_BYTES,
  KEY_BYTES,
  layoutOf,
  parseHeader,
  type SealedHeader,
} from "./sealed-format.ts";
import {
  closeBlob,
  type OpenBlob,
  plainStream,
  positionsOf,
  readFooter,
  readStructure,
  type SealedFile,
  sealedStream,
} from "./sealed-reader.ts";
import { SealedWriter, tooLarge } from "./sealed-writer.ts";

const REF_PREFIX = "blb";
/** Characters of a ref that name its shard: the last ones, which are random, so 1,024 shards fill evenly. */
const SHARD_CHARACTERS = 2;
/** No dots and no separators, so that a tenant's id is always one plain directory name. */
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

export type LocalBlobsOptions = {
  /** The store's own directory. Made when it is missing. */
  readonly directory: string;
  readonly keyring: ObjectKeyring;
  readonly clock?: Clock;
};

/**
 * A blob store on the local disk, holding only ciphertext. Opening it removes what puts left half-way an hour ago or
 * earlier, when the process before was killed. Layout: `<directory>/<tenant>/<shard>/<ref>`, and `<directory>/.incoming` for files in the making.
 */
export async function createLocalBlobs(options: LocalBlobsOptions): Promise<BlobStore> {
  const directory = resolve(options.directory);
  try {
    await makeRoot(directory);
    return new LocalBlobs(directory, await prepareIncoming(directory, (options.clock ?? systemClock).now()), options);
  } catch (error) {
    throw storageError(error);
  }
}

class LocalBlobs implements BlobStore {
  readonly #root: string;
  readonly #incoming: string;
  readonly #directories: DurableDirectories;
  readonly #keyring: ObjectKeyring;
  readonly #clock: Clock;

  constructor(root: string, incoming: string, options: LocalBlobsOptions) {
    this.#root = root;
    this.#incoming = incoming;
    this.#directories = new DurableDirectories(root);
    this.#keyring = options.keyring;
    this.#clock = options.clock ?? systemClock;
  }

  async put(tenantId: string, source: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<BlobReceipt> {
    const { maxBytes, expectedSizeBytes, signal } = options;
    if (maxBytes !== undefined && expectedSizeBytes !== undefined && expectedSizeBytes > maxBytes) {
      throw tooLarge(maxBytes);
    }
    const ref = newId(REF_PREFIX, this.#clock.now());
    const context = contextOf(tenantId, ref);
    const finalPath = this.#pathOf(tenantId, ref);
    const key = randomBytes(KEY_BYTES);
    try {
      const header = encodeHeader(await this.#wrap(tenantId, key, context), context);
      const sealing = { key, headerDigest: header.digest };
      return await this.#withIncoming(ref, async (file) => {
        const footer = await new SealedWriter(file, header.bytes, sealing, options).write(piecesOf(source, signal));
        await this.#publish(file, finalPath, signal);
        return { ref, sizeBytes: footer.sizeBytes, sha256: footer.sha256 };
      });
    } finally {
      key.fill(0);
    }
  }

  async get(tenantId: string, ref: string, range?: BlobRange): Promise<BlobReader> {
    const blob = await this.#open(tenantId, ref);
    const { sizeBytes } = blob.footer;
    try {
      const { start, end } = positionsOf(sizeBytes, range);
      return { sizeBytes, start, end, stream: plainStream(blob, start, end) };
    } catch (error) {
      throw await firstError(error, closeBlob(blob));
    }
  }

  async stat(tenantId: string, ref: string): Promise<BlobStat> {
    const blob = await this.#open(tenantId, ref);
    await closeBlob(blob);
    return statOf(blob);
  }

  async verify(tenantId: string, ref: string, options: { readonly signal?: AbortSignal } = {}): Promise<BlobStat> {
    const blob = await this.#open(tenantId, ref);
    const stream = plainStream(blob, 0, blob.footer.sizeBytes - 1);
    const hash = createHash("sha256");
    try {
      for await (const piece of piecesOf(stream, options.signal)) hash.update(piece);
    } finally {
      stream.destroy();
    }
    if (!hash.digest().equals(blob.footer.sha256)) throw damaged("its content does not have the hash in its footer");
    return statOf(blob);
  }

  async delete(tenantId: string, ref: string): Promise<boolean> {
    if (!isId(REF_PREFIX, ref)) return false;
    const path = this.#pathOf(tenantId, ref);
    try {
      const isThere = await absentAs(false, async () => {
        await unlink(path);
        return true;
      });
      // Also when nothing was there: a deletion before this one may have failed before it was durable.
      await absentAs(undefined, () => syncDirectory(dirname(path)));
      return isThere;
    } catch (error) {
      throw storageError(error);
    }
  }

  async *list(tenantId: string): AsyncGenerator<ListedBlob, void, void> {
    const tenantDirectory = this.#directoryOf(tenantId);
    try {
      for (const shard of await absentAs([], () => readdir(tenantDirectory))) {
        yield* listShard(join(tenantDirectory, shard));
      }
    } catch (error) {
      throw storageError(error);
    }
  }

  async exportSealed(tenantId: string, ref: string): Promise<SealedBlob> {
    const file = await this.#openFile(tenantId, ref);
    return { sealedBytes: file.sealedBytes, stream: sealedStream(file) };
  }

  async importSealed(
    tenantId: string,
    ref: string,
    source: AsyncIterable<Uint8Array>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<boolean> {
    if (!isId(REF_PREFIX, ref)) throw blobError("blob_not_found", "no object can have this reference");
    const finalPath = this.#pathOf(tenantId, ref);
    return this.#withIncoming(ref, async (file) => {
      await copySealed(file, piecesOf(source, options.signal), contextOf(tenantId, ref));
      if (await isStoredAlready(finalPath, file)) return false;
      await this.#publish(file, finalPath, options.signal);
      return true;
    });
  }

  #directoryOf(tenantId: string): string {
    assert(TENANT_ID.test(tenantId), "a tenant id is letters, digits, - and _");
    return join(this.#root, tenantId);
  }

  #pathOf(tenantId: string, ref: string): string {
    return join(this.#directoryOf(tenantId), ref.slice(-SHARD_CHARACTERS), ref);
  }

  async #wrap(tenantId: string, key: Buffer, context: string): Promise<Buffer> {
    try {
      return await this.#keyring.wrap(tenantId, key, context);
    } catch (error) {
      throw blobError("blob_key_refused", "the object key could not be wrapped", { cause: error });
    }
  }

  async #unwrap(tenantId: string, wrapped: Buffer, context: string): Promise<Buffer> {
    let key: Buffer;
    try {
      key = await this.#keyring.unwrap(tenantId, wrapped, context);
    } catch (error) {
      throw blobError("blob_key_refused", "the object key could not be unwrapped", { cause: error });
    }
    if (key.length !== KEY_BYTES) throw damaged("its key has another length");
    return key;
  }

  /** Lends a new temporary file to `work`, which may publish it; else nothing of it remains. */
  async #withIncoming<T>(ref: string, work: (file: IncomingFile) => Promise<T>): Promise<T> {
    try {
      // A random end, because two imports may bring the same ref at the same time.
      const file = await IncomingFile.create(join(this.#incoming, `${ref}.${randomBytes(8).toString("hex")}`));
      try {
        return await work(file);
      } finally {
        await file.discard();
      }
    } catch (error) {
      throw storageError(error);
    }
  }

  async #publish(file: IncomingFile, finalPath: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#directories.ensure(dirname(finalPath));
    throwIfAborted(signal);
    try {
      await file.publish(finalPath, this.#clock.now());
    } catch (error) {
      this.#directories.forget();
      throw error;
    }
  }

  /** Opens an object's file and checks its structure. The caller closes the handle. */
  async #openFile(tenantId: string, ref: string): Promise<SealedFile> {
    const path = this.#pathOf(tenantId, ref);
    if (!isId(REF_PREFIX, ref)) throw blobError("blob_not_found", "no object has this reference");
    try {
      const handle = await absentAs(null, () => open(path, "r"));
      if (handle === null) throw blobError("blob_not_found", "no object has this reference");
      try {
        return await readStructure(handle, contextOf(tenantId, ref));
      } catch (error) {
        throw await firstError(error, handle.close());
      }
    } catch (error) {
      throw storageError(error);
    }
  }

  /** Opens an object and verifies all but its chunks. The caller calls `closeBlob`. */
  async #open(tenantId: string, ref: string): Promise<OpenBlob> {
    const file = await this.#openFile(tenantId, ref);
    let key: Buffer = Buffer.alloc(0);
    try {
      key = await this.#unwrap(tenantId, file.header.wrappedKey, contextOf(tenantId, ref));
      const sealing = { key, headerDigest: file.header.digest };
      return { file, sealing, footer: await readFooter(file, sealing) };
    } catch (error) {
      key.fill(0);
      throw storageError(await firstError(error, file.handle.close()));
    }
  }
}

function statOf(blob: OpenBlob): BlobStat {
  return { sizeBytes: blob.footer.sizeBytes, sha256: blob.footer.sha256, createdAt: blob.file.createdAt };
}

/** What `work` gives, or `fallback` when the file or directory it needs is not there. */
async function absentAs<T, F>(fallback: F, work: () => Promise<T>): Promise<T | F> {
  try {
    return await work();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return fallback;
    throw error;
  }
}

/** Writes a sealed object as it comes; throws `blob_damaged` when its structure or checksums are wrong. */
async function copySealed(file: IncomingFile, pieces: AsyncIterable<Uint8Array>, context: string): Promise<void> {
  let head = Buffer.alloc(0);
  let header: SealedHeader | null = null;
  for await (const piece of pieces) {
    if (header === null) {
      head = Buffer.concat([head, piece]);
      if (head.length >= HEADER_LIMIT_BYTES) header = parseHeader(head, context);
    }
    // Written before the next piece is asked for, because the source may reuse the buffer.
    await file.append([Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)]);
    await file.settle();
  }
  header ??= parseHeader(head, context);
  const check = new ChecksumCheck(layoutOf(header.headerBytes, file.length));
  for await (const block of file.blocks()) check.update(block);
}

/** Throws `blob_exists` when the object at `path` is another than `file`. */
async function isStoredAlready(path: string, file: IncomingFile): Promise<boolean> {
  const stored = await absentAs(null, () => open(path, "r"));
  if (stored === null) return false;
  try {
    if (await file.hasBytesOf(stored)) return true;
  } finally {
    await stored.close();
  }
  throw blobError("blob_exists", "the reference holds other bytes");
}

async function* listShard(directory: string): AsyncGenerator<ListedBlob, void, void> {
  for (const ref of await readdir(directory)) {
    if (!isId(REF_PREFIX, ref)) continue;
    const stats = await absentAs(null, () => stat(join(directory, ref)));
    if (stats !== null) yield { ref, createdAt: stats.mtime };
  }
}

import type { BlobStore } from "../blobs/blobs.ts";
import { isBlobError } from "../blobs/errors.ts";
import { BackupError } from "./backup-error.ts";
import { type BackupBlob, DecayedBlobError } from "./read-backup.ts";

/** Objects up to this size are read whole and stored beside each other: each costs two syncs of the disk. */
const SMALL_BYTES = 1024 * 1024;
const AT_ONCE = 8;

/** Stores the objects of a backup. Holds at most `AT_ONCE` small ones in memory; larger ones pass through. */
export class BlobImport {
  readonly #blobs: BlobStore;
  readonly #signal: AbortSignal;
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;

  constructor(blobs: BlobStore, signal: AbortSignal) {
    this.#blobs = blobs;
    this.#signal = signal;
  }

  /** Returns when the object's pieces were read; a small one is durable only once `settle` has returned. */
  async add(blob: BackupBlob): Promise<void> {
    this.#throwFailure();
    if (blob.sealedBytes > SMALL_BYTES) return this.#store(blob, blob.pieces);
    const pieces = await readWhole(blob);
    if (pieces === null) return;
    while (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay);
    this.#throwFailure();
    const storing = this.#store(blob, asSource(pieces))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underWay.delete(storing));
    this.#underWay.add(storing);
  }

  /** Every object that was added is durable on return; throws what the first failure threw. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#throwFailure();
  }

  async #store(blob: BackupBlob, pieces: AsyncIterable<Buffer>): Promise<void> {
    try {
      await this.#blobs.importSealed(blob.tenantId, blob.ref, pieces, { signal: this.#signal });
    } catch (error) {
      if (!isBlobError(error, "blob_interrupted")) throw error;
      if (error.cause instanceof DecayedBlobError) return;
      throw error.cause instanceof BackupError ? error.cause : error;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}

/** Null when the object had decayed before it was backed up. */
async function readWhole(blob: BackupBlob): Promise<Buffer[] | null> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of blob.pieces) pieces.push(piece);
  } catch (error) {
    if (error instanceof DecayedBlobError) return null;
    throw error;
  }
  return pieces;
}

async function* asSource(pieces: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  yield* pieces;
}

import { Readable } from "node:stream";
import { callbackify } from "node:util";
import { storageError } from "./errors.ts";

/** Where a stream's blocks come from. The stream owns what `close` releases. */
export type BlockSource = {
  /** Numbers of the first and the last block, inclusive. */
  readonly first: number;
  readonly last: number;
  /** Reads a block from the disk. */
  readonly fetch: (index: number) => Promise<Buffer>;
  /** Turns what was read into what is pushed; throws when it must not be. */
  readonly open: (index: number, fetched: Buffer) => Buffer;
  /** Called once, when the stream has ended or is destroyed. */
  readonly close: () => Promise<void>;
};

/**
 * A stream of blocks. While one block is opened and consumed the next is fetched; nothing more is held, however slow
 * the consumer. Errors are those of the store.
 */
export class PrefetchStream extends Readable {
  readonly #source: BlockSource;
  #index: number;
  #fetching: Promise<Buffer> | null = null;

  constructor(source: BlockSource, highWaterMark: number) {
    super({ highWaterMark });
    this.#source = source;
    this.#index = source.first;
  }

  override _read(): void {
    this.#step().catch((error: unknown) => this.destroy(storageError(error)));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const close = callbackify(async () => {
      await this.#source.close();
      if (error !== null) throw error;
    });
    close(callback);
  }

  async #step(): Promise<void> {
    if (this.#index > this.#source.last) {
      this.push(null);
      return;
    }
    const index = this.#index;
    const fetched = await (this.#fetching ?? this.#fetch(index));
    if (this.destroyed) return;
    this.#index += 1;
    this.#fetching = this.#index <= this.#source.last ? this.#fetch(this.#index) : null;
    const bytes = this.#source.open(index, fetched);
    // Only an empty object has an empty block; pushing no bytes would leave the stream waiting for ever.
    this.push(bytes.length === 0 ? null : bytes);
  }

  #fetch(index: number): Promise<Buffer> {
    const fetching = this.#source.fetch(index);
    // The next step awaits it, perhaps much later or, after a destroy, never; a failure must not count as unheard.
    fetching.catch(() => {});
    return fetching;
  }
}

import { createHash } from "node:crypto";
import type { PutOptions } from "./blobs.ts";
import { blobError } from "./errors.ts";
import type { IncomingFile } from "./local-files.ts";
import {
  CHUNK_BYTES,
  chunkCountOf,
  crcOf,
  type Footer,
  sealChunk,
  sealTail,
  type SealingKey,
} from "./sealed-format.ts";

/** A chunk's buffer starts small, so that small objects do not pay for large ones. */
const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * Seals the plaintext of one object into a file: header, chunks, footer. The write of one chunk runs while the next is
 * gathered, hashed and sealed; besides these two chunks nothing is held. The owner is one `put`.
 */
export class SealedWriter {
  readonly #file: IncomingFile;
  readonly #sealing: SealingKey;
  readonly #options: PutOptions;
  readonly #hash = createHash("sha256");
  #buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  #fill = 0;
  #sizeBytes = 0;
  #chunkIndex = 0;
  #bodyCrc: number;
  /** Sealed bytes that go out with the next chunk: at first the header. */
  #waiting: Buffer[];

  constructor(file: IncomingFile, header: Buffer, sealing: SealingKey, options: PutOptions) {
    this.#file = file;
    this.#sealing = sealing;
    this.#options = options;
    this.#waiting = [header];
    this.#bodyCrc = crcOf([header]);
  }

  /** Seals everything `pieces` yields and returns what the footer says. The file is written, not yet durable. */
  async write(pieces: AsyncIterable<Uint8Array>): Promise<Footer> {
    for await (const piece of pieces) {
      this.#sizeBytes += piece.length;
      this.#refuseExcess();
      await this.#take(piece);
    }
    return this.#finish();
  }

  #refuseExcess(): void {
    const { maxBytes, expectedSizeBytes } = this.#options;
    if (maxBytes !== undefined && this.#sizeBytes > maxBytes) throw tooLarge(maxBytes);
    if (expectedSizeBytes !== undefined && this.#sizeBytes > expectedSizeBytes) throw sizeMismatch(expectedSizeBytes);
  }

  async #take(piece: Uint8Array): Promise<void> {
    let taken = 0;
    while (taken < piece.length) {
      // A full chunk is held until one more byte comes: only then is it known not to be the last.
      if (this.#fill === CHUNK_BYTES) await this.#sealBuffer(false);
      const length = Math.min(piece.length - taken, CHUNK_BYTES - this.#fill);
      this.#makeRoom(this.#fill + length);
      this.#buffer.set(piece.subarray(taken, taken + length), this.#fill);
      this.#fill += length;
      taken += length;
    }
  }

  #makeRoom(neededBytes: number): void {
    if (neededBytes <= this.#buffer.length) return;
    let sizeBytes = this.#buffer.length;
    while (sizeBytes < neededBytes) sizeBytes *= 2;
    const larger = Buffer.allocUnsafeSlow(Math.min(sizeBytes, CHUNK_BYTES));
    larger.set(this.#buffer.subarray(0, this.#fill));
    this.#buffer = larger;
  }

  async #sealBuffer(isLast: boolean): Promise<void> {
    const plain = this.#buffer.subarray(0, this.#fill);
    this.#hash.update(plain);
    const sealed = sealChunk(this.#sealing, this.#chunkIndex, isLast, plain);
    this.#bodyCrc = crcOf(sealed, this.#bodyCrc);
    this.#waiting.push(...sealed);
    this.#chunkIndex += 1;
    this.#fill = 0;
    if (!isLast) await this.#flush();
  }

  async #flush(): Promise<void> {
    const pieces = this.#waiting;
    this.#waiting = [];
    await this.#file.append(pieces);
  }

  async #finish(): Promise<Footer> {
    await this.#sealBuffer(true);
    const footer = { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest(), bodyCrc: this.#bodyCrc };
    this.#refuseMismatch(footer);
    if (this.#chunkIndex !== chunkCountOf(this.#sizeBytes)) throw new Error("chunks and size disagree");
    this.#waiting.push(...sealTail(this.#sealing, footer));
    await this.#flush();
    return footer;
  }

  #refuseMismatch(footer: Footer): void {
    const { expectedSizeBytes, expectedSha256 } = this.#options;
    if (expectedSizeBytes !== undefined && footer.sizeBytes !== expectedSizeBytes)
      throw sizeMismatch(expectedSizeBytes);
    if (expectedSha256 !== undefined && !footer.sha256.equals(expectedSha256)) {
      throw blobError("blob_mismatch", "the bytes do not have the expected SHA-256");
    }
  }
}

export function tooLarge(maxBytes: number): Error {
  return blobError("blob_too_large", `at most ${maxBytes} bytes are taken here`);
}

function sizeMismatch(expectedSizeBytes: number): Error {
  return blobError("blob_mismatch", `the source did not yield the ${expectedSizeBytes} bytes expected`);
}

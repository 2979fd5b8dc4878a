import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { BlobRange } from "./blobs.ts";
import { blobError } from "./errors.ts";
import { readExactly } from "./local-files.ts";
import { PrefetchStream } from "./prefetch-stream.ts";
import {
  CHUNK_BYTES,
  chunkAt,
  type Footer,
  ChecksumCheck,
  HEADER_LIMIT_BYTES,
  layoutOf,
  openChunk,
  openTail,
  parseHeader,
  type SealedHeader,
  type SealedLayout,
  type SealingKey,
  TAIL_BYTES,
} from "./sealed-format.ts";

/** What one read at the start fetches: any header, and the whole of a small object. */
const HEAD_BYTES = 32 * 1024;
const EXPORT_BLOCK_BYTES = 256 * 1024;
if (HEAD_BYTES < HEADER_LIMIT_BYTES) throw new Error("the first read must hold any header");

/** An open file whose structure was checked without a key. */
export type SealedFile = {
  readonly handle: FileHandle;
  readonly head: Buffer;
  readonly header: SealedHeader;
  readonly layout: SealedLayout;
  readonly sealedBytes: number;
  readonly createdAt: Date;
};

/** A sealed file with its key: header and footer are verified. The owner closes the handle and zeroes the key. */
export type OpenBlob = { readonly file: SealedFile; readonly sealing: SealingKey; readonly footer: Footer };

/** Checks header and length; throws `blob_damaged`. The handle stays the caller's. */
export async function readStructure(handle: FileHandle, context: string): Promise<SealedFile> {
  const { size, mtime } = await handle.stat();
  const head = await readExactly(handle, 0, Math.min(size, HEAD_BYTES));
  const header = parseHeader(head, context);
  return { handle, head, header, layout: layoutOf(header.headerBytes, size), sealedBytes: size, createdAt: mtime };
}

async function readAt(file: SealedFile, position: number, length: number): Promise<Buffer> {
  if (position + length <= file.head.length) return file.head.subarray(position, position + length);
  return readExactly(file.handle, position, length);
}

export async function readFooter(file: SealedFile, sealing: SealingKey): Promise<Footer> {
  return openTail(sealing, file.layout, await readAt(file, file.layout.tailAt, TAIL_BYTES));
}

/** The positions to read; throws `blob_range`. Without a range it is the whole object, which may be empty. */
export function positionsOf(sizeBytes: number, range: BlobRange | undefined): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: sizeBytes - 1 };
  const { start, end } = range;
  const isWhole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!isWhole || start < 0 || end < start || start >= sizeBytes) {
    throw blobError("blob_range", `the object has ${sizeBytes} bytes`, {
      headers: { "content-range": `bytes */${sizeBytes}` },
    });
  }
  return { start, end: Math.min(end, sizeBytes - 1) };
}

/**
 * The plaintext from `start` to `end`, chunk by chunk, each authenticated before a byte of it is pushed. The stream owns
 * the blob from here on: it closes the file and zeroes the key.
 */
export function plainStream(blob: OpenBlob, start: number, end: number): Readable {
  const { file, sealing } = blob;
  const first = Math.floor(start / CHUNK_BYTES);
  const source = {
    first,
    last: Math.max(first, Math.floor(end / CHUNK_BYTES)),
    fetch: (index: number) => {
      const { position, length } = chunkAt(file.layout, index);
      return readAt(file, position, length);
    },
    open: (index: number, sealed: Buffer) => {
      const plain = openChunk(sealing, index, index === file.layout.chunkCount - 1, sealed);
      const chunkStart = index * CHUNK_BYTES;
      return plain.subarray(Math.max(0, start - chunkStart), end + 1 - chunkStart);
    },
    close: () => closeBlob(blob),
  };
  return new PrefetchStream(source, CHUNK_BYTES);
}

export async function closeBlob(blob: OpenBlob): Promise<void> {
  blob.sealing.key.fill(0);
  await blob.file.handle.close();
}

/**
 * The file as it is; fails with `blob_damaged` at the end when its checksums do not hold. The stream owns the handle
 * from here on.
 */
export function sealedStream(file: SealedFile): Readable {
  const check = new ChecksumCheck(file.layout);
  const source = {
    first: 0,
    last: Math.ceil(file.sealedBytes / EXPORT_BLOCK_BYTES) - 1,
    fetch: (index: number) => {
      const position = index * EXPORT_BLOCK_BYTES;
      return readAt(file, position, Math.min(EXPORT_BLOCK_BYTES, file.sealedBytes - position));
    },
    open: (_index: number, fetched: Buffer) => {
      check.update(fetched);
      return fetched;
    },
    close: () => file.handle.close(),
  };
  return new PrefetchStream(source, EXPORT_BLOCK_BYTES);
}

import assert from "node:assert";
import type { BlobStore } from "./blobs.ts";
import { type BlobErrorCode, isBlobError } from "./errors.ts";

/** A store under test, and what a test must do behind its back. */
export type BlobStoreUnderTest = {
  readonly store: BlobStore;
  /** The stored bytes of an object, of one copy where a store keeps several. */
  readonly readStored: (tenantId: string, ref: string) => Promise<Buffer>;
  /** Replaces the stored bytes, in every copy. */
  readonly writeStored: (tenantId: string, ref: string, bytes: Buffer) => Promise<void>;
  /** How many files the store holds besides whole objects, and how many whole objects. */
  readonly countFiles: () => Promise<{ incoming: number; objects: number }>;
  /** Another store over the same disk and keys, as after a restart. */
  readonly reopen: () => Promise<BlobStore>;
  /** A process of its own that opens a store over the same disk and prints each ref of `tenantId` once it is put. */
  readonly crashingWriter: (tenantId: string) => { readonly file: string; readonly args: readonly string[] };
  readonly dispose: () => Promise<void>;
};

export const TENANT = "ten_conformance";
export const OTHER_TENANT = "ten_other";

export async function* oneByOne(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* pieces;
}

export async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function rejectsWith(code: BlobErrorCode, work: Promise<unknown>): Promise<void> {
  return assert.rejects(work, (error) => isBlobError(error, code));
}

export async function refsOf(store: BlobStore, tenantId: string): Promise<string[]> {
  const refs: string[] = [];
  for await (const { ref } of store.list(tenantId)) refs.push(ref);
  return refs.toSorted();
}

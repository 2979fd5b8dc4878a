import type { Readable } from "node:stream";

/**
 * Wraps an object's key under the tenant's key. Implemented by `platform/keys`; the caller passes it in.
 *
 * `context` must be bound to the wrapping, so that `unwrap` under another context fails. The buffers passed in are
 * zeroed after the call: keep no reference. The buffer that `unwrap` returns becomes the store's, which zeroes it.
 */
export type ObjectKeyring = {
  wrap(tenantId: string, objectKey: Buffer, context: string): Promise<Buffer>;
  unwrap(tenantId: string, wrapped: Buffer, context: string): Promise<Buffer>;
};

export type BlobReceipt = {
  /** `blb_<ULID>`, never used again, not even after a delete. */
  readonly ref: string;
  readonly sizeBytes: number;
  /** SHA-256 of the plaintext. */
  readonly sha256: Buffer;
};

export type BlobStat = {
  readonly sizeBytes: number;
  /** SHA-256 of the plaintext. */
  readonly sha256: Buffer;
  /** When this store made the object durable; a restore counts as that. */
  readonly createdAt: Date;
};

/**
 * Part of an object. The receiver owns `stream` and must read it to its end or destroy it: until then it holds a file
 * and a key. It fails with `blob_damaged` before the first byte that cannot be authenticated.
 */
export type BlobReader = {
  /** Size of the whole object. */
  readonly sizeBytes: number;
  /** First and last byte of the part, inclusive; an empty object has `start` 0 and `end` -1. */
  readonly start: number;
  readonly end: number;
  readonly stream: Readable;
};

/** A stored object as it lies on the disk: ciphertext, and the object's key wrapped. Owned as `BlobReader.stream` is. */
export type SealedBlob = { readonly sealedBytes: number; readonly stream: Readable };

export type ListedBlob = { readonly ref: string; readonly createdAt: Date };

/** Inclusive byte positions; an `end` past the object's last byte means that byte. */
export type BlobRange = { readonly start: number; readonly end: number };

export type PutOptions = {
  /** Refuse more plaintext than this. Without it the disk is the limit. */
  readonly maxBytes?: number;
  /** Stops the put; ignored once the object is complete and being published. */
  readonly signal?: AbortSignal;
  /** SHA-256 that the plaintext must have. */
  readonly expectedSha256?: Buffer;
  readonly expectedSizeBytes?: number;
};

/**
 * Objects of bytes, each belonging to one tenant, each immutable. Objects know nothing of the database: `put` first,
 * then commit the row that names the ref. A crash between the two leaves an orphan, which `list` finds.
 *
 * Every method throws errors that `isBlobError` knows, and besides those stated below `blob_io` (the disk failed) and,
 * where a key is needed, `blob_key_refused` (the key ring threw; its error is the cause). Both may be retried.
 */
export type BlobStore = {
  /**
   * Stores what `source` yields. On return the object is durable: it outlives a crash and a power cut. When it throws,
   * nothing is visible and nothing is left behind; a retry needs a fresh source and makes another ref.
   *
   * `blob_too_large` past `maxBytes`; `blob_mismatch` when size or hash is not the expected; `blob_interrupted` when
   * the signal fired or the source threw (the cause says what) — but an `AppError` of the source passes unchanged;
   * `blob_no_space` when the disk is full. On every failure the source's iterator is told to return, without waiting
   * for it. A yielded buffer is copied before the next is asked for, so a source may reuse it.
   */
  put(tenantId: string, source: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<BlobReceipt>;

  /**
   * Opens an object, or a range of it, for reading. Header and footer are verified before it returns, so truncation
   * and extension never pass; every chunk is verified before any of its bytes is yielded. A delete during the read
   * does not disturb it.
   *
   * `blob_not_found` when the tenant has no such object, whoever else may have one; `blob_damaged` when it fails
   * verification; `blob_range` when the range is empty, not of whole numbers or starts past the end.
   */
  get(tenantId: string, ref: string, range?: BlobRange): Promise<BlobReader>;

  /** Size and hash from the sealed footer, after verifying header, footer and length. Throws as `get` does. */
  stat(tenantId: string, ref: string): Promise<BlobStat>;

  /**
   * Reads the whole object and checks every chunk and the hash. Throws `blob_damaged` or `blob_not_found`.
   * `blob_interrupted` when the signal fired.
   */
  verify(tenantId: string, ref: string, options?: { readonly signal?: AbortSignal }): Promise<BlobStat>;

  /**
   * Deletes an object, damaged or not. On return the deletion is durable. False when there was none, so it may be
   * repeated at will.
   */
  delete(tenantId: string, ref: string): Promise<boolean>;

  /**
   * Every object of a tenant, in no order that may be relied on. What is put or deleted meanwhile may or may not
   * appear. To collect orphans, delete those that no row names and whose `createdAt` is older than any transaction
   * may last.
   */
  list(tenantId: string): AsyncIterable<ListedBlob>;

  /**
   * The object as stored, for a backup that holds no keys. Structure is checked at once, and its checksums as it
   * streams: a stream that ends without an error held an object that has not decayed. What was forged only `verify`
   * finds, which needs the key. `blob_not_found` and `blob_damaged` as for `get`.
   */
  exportSealed(tenantId: string, ref: string): Promise<SealedBlob>;

  /**
   * Stores what `exportSealed` gave, under the tenant and ref it had. On return it is durable as after `put`; nothing
   * is left behind when it throws. True when it was stored, false when these very bytes were there already, so it may
   * be repeated. Needs no key: `blob_damaged` tells a wrong header, ref, tenant, length or checksum; forged bytes are
   * found by `verify` or when read. `blob_exists` when the ref holds other bytes: delete those first. `blob_interrupted` and
   * `blob_no_space` as for `put`.
   */
  importSealed(
    tenantId: string,
    ref: string,
    source: AsyncIterable<Uint8Array>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<boolean>;
};

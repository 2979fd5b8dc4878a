import type { BlobStore, SealedBlob } from "../blobs/blobs.ts";
import { isBlobError } from "../blobs/errors.ts";
import { type BackupCounts, encodeJson } from "./manifest.ts";
import type { ProgressCounter } from "./progress.ts";
import { type BackupRecord, RECORD } from "./records.ts";

/** Where objects come from and who is told of them. */
export type BlobSource = {
  readonly blobs: BlobStore;
  readonly counts: BackupCounts;
  readonly damagedBlobs: string[];
};

const NAMED_DAMAGES = 100;

/**
 * Every object of one tenant as it lies in the store. One that went meanwhile is counted as vanished, one that decayed
 * as damaged: a single bad sector must not keep all the others from being backed up.
 */
export async function* blobRecords(
  source: BlobSource,
  tenantId: string,
  progress: ProgressCounter,
): AsyncGenerator<BackupRecord, void, void> {
  for await (const { ref } of source.blobs.list(tenantId)) {
    const sealed = await openSealed(source, tenantId, ref);
    if (sealed === null) continue;
    yield { kind: RECORD.blobStart, payload: encodeJson({ tenantId, ref, sealedBytes: sealed.sealedBytes }) };
    let isWhole = true;
    try {
      for await (const piece of sealed.stream) yield { kind: RECORD.blobPart, payload: asBuffer(piece) };
    } catch (error) {
      if (!isBlobError(error, "blob_damaged")) throw error;
      isWhole = false;
      noteDamage(source, tenantId, ref);
    } finally {
      sealed.stream.destroy();
    }
    if (isWhole) {
      source.counts.blobs++;
      source.counts.blobBytes += sealed.sealedBytes;
      progress.add({ blobs: 1 });
    }
    yield { kind: RECORD.blobEnd, payload: encodeJson({ isWhole }) };
  }
}

async function openSealed(source: BlobSource, tenantId: string, ref: string): Promise<SealedBlob | null> {
  try {
    return await source.blobs.exportSealed(tenantId, ref);
  } catch (error) {
    if (isBlobError(error, "blob_not_found")) source.counts.vanishedBlobs++;
    else if (isBlobError(error, "blob_damaged")) noteDamage(source, tenantId, ref);
    else throw error;
    return null;
  }
}

function noteDamage(source: BlobSource, tenantId: string, ref: string): void {
  source.counts.damagedBlobs++;
  if (source.damagedBlobs.length < NAMED_DAMAGES) source.damagedBlobs.push(`${tenantId}/${ref}`);
}

function asBuffer(piece: unknown): Buffer {
  if (!Buffer.isBuffer(piece)) throw new TypeError("a sealed stream gave something else than bytes");
  return piece;
}

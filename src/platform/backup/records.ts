import { createHash, type Hash } from "node:crypto";
import { BackupError } from "./backup-error.ts";
import { ByteQueue } from "./byte-queue.ts";

/** The kinds of records, in the order in which they may come; the byte table is in README.md. */
export const RECORD = {
  manifest: 1,
  rootKey: 2,
  tenants: 3,
  rows: 4,
  sequences: 5,
  jobs: 6,
  blobStart: 7,
  blobPart: 8,
  blobEnd: 9,
  end: 255,
} as const;

export type BackupRecord = { readonly kind: number; readonly payload: Buffer };

/** What the last record adds to the counts: SHA-256 of all bytes before it. */
export type EndMaker = (sha256: string) => Buffer;

const MAGIC = Buffer.from("TABELLION-BACKUP\n", "latin1");
const FRAME_BYTES = 5;
const HASH_BYTES = 32;
/** The largest record: a row that is longer cannot be backed up, a longer record in a file is damage. */
export const RECORD_LIMIT_BYTES = 128 * 1024 * 1024;

/** The bytes of a backup before encryption: magic, records, and the end record with the hash of all before it. */
export async function* encodeRecords(
  records: AsyncIterable<BackupRecord>,
  makeEnd: EndMaker,
): AsyncGenerator<Buffer, void, void> {
  const hash = createHash("sha256");
  yield hashed(hash, MAGIC);
  for await (const record of records) {
    yield hashed(hash, frame(record));
    yield hashed(hash, record.payload);
  }
  const end = { kind: RECORD.end, payload: makeEnd(hash.digest("hex")) };
  yield frame(end);
  yield end.payload;
}

function hashed(hash: Hash, bytes: Buffer): Buffer {
  hash.update(bytes);
  return bytes;
}

function frame(record: BackupRecord): Buffer {
  if (record.payload.length > RECORD_LIMIT_BYTES) {
    throw new BackupError("version", `a record of ${record.payload.length} bytes is too long for a backup`);
  }
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt8(record.kind);
  head.writeUInt32BE(record.payload.length, 1);
  return head;
}

/** A record, and for the last one the hash of all bytes before it. */
export type ReadRecord = BackupRecord & { readonly sha256Before: string | null };

/** Cuts the bytes of a backup into records. Throws `BackupError` (`damaged`) unless the end record is the last thing. */
export async function* decodeRecords(bytes: AsyncIterable<Buffer>): AsyncGenerator<ReadRecord, void, void> {
  const queue = new ByteQueue();
  const hash = createHash("sha256");
  let isStarted = false;
  let isEnded = false;
  let head: { kind: number; length: number } | null = null;
  for await (const piece of bytes) {
    queue.push(piece);
    if (!isStarted && queue.length >= MAGIC.length) {
      if (!hashed(hash, queue.take(MAGIC.length)).equals(MAGIC)) throw notOurs();
      isStarted = true;
    }
    if (!isStarted) continue;
    while (!isEnded) {
      head ??= queue.length < FRAME_BYTES ? null : parseFrame(queue.take(FRAME_BYTES));
      if (head === null || queue.length < head.length) break;
      isEnded = head.kind === RECORD.end;
      const payload = queue.take(head.length);
      if (!isEnded) {
        hashed(hash, frame({ kind: head.kind, payload }));
        hashed(hash, payload);
      }
      yield { kind: head.kind, payload, sha256Before: isEnded ? hash.digest("hex") : null };
      head = null;
    }
    if (isEnded && queue.length > 0) throw damaged("something follows its end");
  }
  if (!isStarted) throw notOurs();
  if (!isEnded) throw damaged("it ends before its last record");
}

function parseFrame(bytes: Buffer): { kind: number; length: number } {
  const length = bytes.readUInt32BE(1);
  if (length > RECORD_LIMIT_BYTES) throw damaged("a record is longer than any can be");
  return { kind: bytes.readUInt8(), length };
}

function notOurs(): BackupError {
  return new BackupError("not_a_backup", "the file opens, but it holds no backup of this server");
}

/** The error for a file whose content contradicts itself. */
export function damaged(what: string, cause?: unknown): BackupError {
  return new BackupError("damaged", `the backup is damaged: ${what}`, cause);
}

export const SHA256_HEX = new RegExp(`^[0-9a-f]{${HASH_BYTES * 2}}$`);

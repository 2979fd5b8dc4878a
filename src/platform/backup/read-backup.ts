import { type BackupIdentity, openAge } from "./age-file.ts";
import { BackupError } from "./backup-error.ts";
import { type RootKey, parseRootKey } from "../keys/root-key.ts";
import {
  type BackupCounts,
  type BackupJob,
  decodeJson,
  decodePacked,
  FORMAT,
  type Manifest,
  type ManifestTable,
  noCounts,
  type Sequence,
  shapes,
} from "./manifest.ts";
import type { ProgressCounter } from "./progress.ts";
import { damaged, decodeRecords, type ReadRecord, RECORD } from "./records.ts";
import type { TextRow } from "./store/rows.ts";

export type BackupRows = { readonly table: ManifestTable; readonly tenantId: string | null; readonly rows: TextRow[] };

export type BackupBlob = {
  readonly tenantId: string;
  readonly ref: string;
  readonly sealedBytes: number;
  /** Throws `DecayedBlobError` at its end when the object had decayed before it was backed up. To be read to its end. */
  readonly pieces: AsyncIterable<Buffer>;
};

/** What is done with a backup as it is read, in this order. Nothing is certain until `readBackup` has returned. */
export type BackupVisitor = {
  begin(manifest: Manifest, rootKey: RootKey | null): Promise<void>;
  rows(batch: BackupRows): Promise<void>;
  sequences(sequences: readonly Sequence[]): Promise<void>;
  jobs(jobs: readonly BackupJob[]): Promise<void>;
  blob(blob: BackupBlob): Promise<void>;
};

/** The object had decayed before it was backed up. */
export class DecayedBlobError extends Error {
  override readonly name = "DecayedBlobError";
}

export type ReadOptions = {
  readonly input: AsyncIterable<Uint8Array>;
  readonly identity: BackupIdentity;
  readonly progress: ProgressCounter;
  readonly signal?: AbortSignal;
};

/**
 * Reads a backup once, from its start to its end, and hands its parts to `visitor`. Returns when all of it was
 * authentic, complete and in agreement with its own counts; throws `BackupError` otherwise.
 */
export async function readBackup(options: ReadOptions, visitor: BackupVisitor): Promise<BackupCounts> {
  const records = decodeRecords(openAge(stoppable(options.input, options.signal), options.identity));
  const reading = new Reading(records, visitor, options.progress);
  try {
    return await reading.run();
  } finally {
    await records.return();
  }
}

async function* stoppable(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of input) {
    signal?.throwIfAborted();
    yield piece;
  }
}

/** Owns the place in the file: which kinds of records may come next, and what was counted. */
class Reading {
  readonly #records: AsyncGenerator<ReadRecord, void, void>;
  readonly #visitor: BackupVisitor;
  readonly #progress: ProgressCounter;
  readonly #counts = noCounts();
  readonly #tenants = new Set<string>();
  #manifest: Manifest | null = null;
  #lastKind: number = RECORD.manifest;

  constructor(records: AsyncGenerator<ReadRecord, void, void>, visitor: BackupVisitor, progress: ProgressCounter) {
    this.#records = records;
    this.#visitor = visitor;
    this.#progress = progress;
  }

  async run(): Promise<BackupCounts> {
    await this.#begin();
    for (;;) {
      const record = await this.#next();
      if (record.kind < this.#lastKind) throw damaged("its records are out of order");
      this.#lastKind = record.kind;
      if (record.kind === RECORD.end) {
        // Only now the last chunk is known to be the last, and nothing to follow it.
        if ((await this.#records.next()).done !== true) throw damaged("something follows its end");
        return this.#end(record);
      }
      await this.#take(record);
    }
  }

  async #next(): Promise<ReadRecord> {
    const next = await this.#records.next();
    if (next.done === true) throw damaged("it ends before its last record");
    this.#progress.add({ bytes: next.value.payload.length });
    return next.value;
  }

  async #begin(): Promise<void> {
    const record = await this.#next();
    if (record.kind !== RECORD.manifest) throw damaged("it does not begin with its manifest");
    const manifest = decodeJson(shapes.manifest, record.payload);
    if (manifest.format !== FORMAT) {
      throw new BackupError("version", `the backup has format ${manifest.format}; this version reads format ${FORMAT}`);
    }
    this.#manifest = manifest;
    await this.#visitor.begin(manifest, manifest.hasRootKey ? await this.#rootKey() : null);
  }

  async #rootKey(): Promise<RootKey> {
    const record = await this.#next();
    if (record.kind !== RECORD.rootKey) throw damaged("the root key is missing");
    return parseRootKey(record.payload.toString("utf8"));
  }

  async #take(record: ReadRecord): Promise<void> {
    switch (record.kind) {
      case RECORD.tenants: {
        for (const id of decodeJson(shapes.tenants, record.payload)) this.#tenants.add(id);
        this.#counts.tenants = this.#tenants.size;
        return;
      }
      case RECORD.rows:
        return this.#rows(record.payload);
      case RECORD.sequences:
        return this.#visitor.sequences(decodeJson(shapes.sequences, record.payload));
      case RECORD.jobs: {
        const jobs = decodePacked(shapes.jobs, record.payload);
        this.#counts.jobs += jobs.length;
        return this.#visitor.jobs(jobs);
      }
      case RECORD.blobStart:
        return this.#blob(record.payload);
      default:
        throw damaged("a record is of a kind that does not belong here");
    }
  }

  async #rows(payload: Buffer): Promise<void> {
    const batch = decodePacked(shapes.rows, payload);
    const table = this.#manifest?.tables[batch.table];
    if (table === undefined) throw damaged("rows of a table that the manifest does not name");
    const isPlaced = table.isWalled
      ? batch.tenantId !== null && this.#tenants.has(batch.tenantId)
      : batch.tenantId === null;
    if (!isPlaced || batch.rows.some((row) => row.length !== table.columns.length)) {
      throw damaged(`rows of ${table.name} do not fit it`);
    }
    this.#counts.rows[table.name] = (this.#counts.rows[table.name] ?? 0) + batch.rows.length;
    this.#progress.add({ rows: batch.rows.length });
    await this.#visitor.rows({ table, tenantId: batch.tenantId, rows: batch.rows });
  }

  async #blob(payload: Buffer): Promise<void> {
    const start = decodeJson(shapes.blobStart, payload);
    if (!this.#tenants.has(start.tenantId)) throw damaged("an object of a tenant that it does not name");
    this.#progress.enter("blobs");
    const state = { isOver: false, isWhole: false };
    await this.#visitor.blob({ ...start, pieces: this.#pieces(start.sealedBytes, state) });
    if (!state.isOver) throw new Error("an object of the backup was not read to its end");
    if (!state.isWhole) {
      this.#counts.damagedBlobs++;
      return;
    }
    this.#counts.blobs++;
    this.#counts.blobBytes += start.sealedBytes;
    this.#progress.add({ blobs: 1 });
  }

  async *#pieces(
    sealedBytes: number,
    state: { isOver: boolean; isWhole: boolean },
  ): AsyncGenerator<Buffer, void, void> {
    let length = 0;
    for (;;) {
      const record = await this.#next();
      if (record.kind === RECORD.blobPart) {
        length += record.payload.length;
        yield record.payload;
      } else if (record.kind === RECORD.blobEnd) {
        state.isOver = true;
        state.isWhole = decodeJson(shapes.blobEnd, record.payload).isWhole;
        if (!state.isWhole) throw new DecayedBlobError("the object had decayed before it was backed up");
        if (length !== sealedBytes) throw damaged("an object has another length than announced");
        return;
      } else {
        throw damaged("an object does not end");
      }
    }
  }

  #end(record: ReadRecord): BackupCounts {
    const { counts, sha256 } = decodeJson(shapes.end, record.payload);
    if (sha256 !== record.sha256Before) throw damaged("its hash is another");
    // Objects of which nothing could be read have no record, so only the file's own number tells of them.
    const seen = { ...this.#counts, damagedBlobs: counts.damagedBlobs, vanishedBlobs: counts.vanishedBlobs };
    if (this.#counts.damagedBlobs > counts.damagedBlobs || !isSame(seen, counts))
      throw damaged("its counts do not agree");
    return counts;
  }
}

const NUMBERS = ["tenants", "jobs", "blobs", "blobBytes", "damagedBlobs", "vanishedBlobs"] as const;

function isSame(a: BackupCounts, b: BackupCounts): boolean {
  const names = new Set([...Object.keys(a.rows), ...Object.keys(b.rows)]);
  return (
    NUMBERS.every((name) => a[name] === b[name]) &&
    [...names].every((name) => (a.rows[name] ?? 0) === (b.rows[name] ?? 0))
  );
}

import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BlobStore } from "../blobs/blobs.ts";
import { type Clock, systemClock } from "../clock/clock.ts";
import { newId } from "../ids/ids.ts";
import { formatRootKey, type RootKey } from "../keys/root-key.ts";
import { type BackupRecipient, sealAge } from "./age-file.ts";
import { blobRecords } from "./blob-records.ts";
import { BackupError } from "./backup-error.ts";
import {
  type BackupCounts,
  encodeJson,
  encodePacked,
  FORMAT,
  type Manifest,
  noCounts,
  type RowBatch,
} from "./manifest.ts";
import { openOwnerSession, type OwnerSession } from "./owner-client.ts";
import { type OnProgress, ProgressCounter } from "./progress.ts";
import { type BackupRecord, encodeRecords, RECORD } from "./records.ts";
import { checkTenantKey, rootKeysInUse } from "./root-key-check.ts";
import {
  type CatalogTable,
  findLedger,
  findPostgresVersion,
  listSequences,
  listTables,
  listUndeclaredTables,
} from "./store/catalog.ts";
import { listJobs } from "./store/jobs.ts";
import { lockBackup } from "./store/locks.ts";
import { findMark } from "./store/mark.ts";
import {
  findTenantKey,
  listFilled,
  listRootGenerations,
  listRows,
  listTenantIds,
  lockTables,
  updateTenantSetting,
} from "./store/rows.ts";
import { orderTables, type TableOrder } from "./table-order.ts";

export type CreateBackupOptions = {
  /** The role that owns the tables. */
  readonly ownerUrl: string;
  readonly blobs: BlobStore;
  readonly rootKey: RootKey;
  /** Whether the root key itself goes in; else only its fingerprint, and the backup is of no use without the key. */
  readonly includeRootKey: boolean;
  readonly recipient: BackupRecipient;
  /** Ended when all is written. What it makes durable is its own affair. */
  readonly output: Writable;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
};

export type BackupSummary = {
  readonly manifest: Manifest;
  readonly counts: BackupCounts;
  /** The first hundred objects that could not be copied whole, as `<tenant>/<ref>`. */
  readonly damagedBlobs: readonly string[];
};

/** Not copied: they say which processes live and what may be done where, which is made anew at the other place. */
const OF_THIS_PLACE = new Set(["platform.job_workers"]);
const TENANT_PAGE = 1_000;
const JOB_PAGE = 1_000;
const HEARTBEAT_MS = 15_000;

/**
 * Writes all that this server holds into `output`, encrypted: every row as of one moment, and every object that a row
 * of that moment names. The server may go on meanwhile. Throws `BackupError` and whatever database, disk and `output`
 * throw; what was written until then is not a backup, and `verifyBackup` says so.
 */
export async function createBackup(options: CreateBackupOptions): Promise<BackupSummary> {
  const session = await openOwnerSession(options.ownerUrl, "tabellion-backup");
  const signals = [session.lost, ...(options.signal === undefined ? [] : [options.signal])];
  const progress = new ProgressCounter(options.onProgress);
  try {
    const snapshot = await openSnapshot(session, options);
    const taking = new Taking(session, snapshot, options, progress);
    const plain = encodeRecords(taking.records(), (sha256) => encodeJson({ counts: taking.counts, sha256 }));
    await pipeline(sealAge(counted(plain, progress), options.recipient), options.output, {
      signal: AbortSignal.any(signals),
    });
    progress.enter("done");
    return { manifest: snapshot.manifest, counts: taking.counts, damagedBlobs: taking.damagedBlobs };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (session.lost.aborted)
      throw new BackupError("busy", "the database went away during the backup", session.lost.reason);
    throw error;
  } finally {
    await session.close().catch(() => undefined); // the connection is of no more use, however it ends
  }
}

async function* counted(bytes: AsyncIterable<Buffer>, progress: ProgressCounter): AsyncGenerator<Buffer, void, void> {
  for await (const piece of bytes) {
    progress.add({ bytes: piece.length });
    yield piece;
  }
}

type Snapshot = {
  readonly manifest: Manifest;
  readonly order: TableOrder<CatalogTable>;
  readonly tenantIds: readonly string[];
};

/** Announces the backup, then opens the transaction whose snapshot it is. */
async function openSnapshot(session: OwnerSession, options: CreateBackupOptions): Promise<Snapshot> {
  const { client } = session;
  const now = (options.clock ?? systemClock).now();
  await lockBackup(client);
  if ((await findMark(client)) !== null) {
    throw new BackupError(
      "half_restored",
      "a restore into this database has not finished: there is nothing to back up",
    );
  }
  if ((await findLedger(client)) === null) throw new BackupError("version", "this database has no tables of ours");
  const known = await listTables(client);
  await lockTables(client, known);
  const tables = await listTables(client);
  if (JSON.stringify(tables) !== JSON.stringify(known)) {
    throw new BackupError("busy", "the tables were changed just now, by an upgrade; start the backup again");
  }
  const [undeclared] = await listUndeclaredTables(client);
  if (undeclared !== undefined) throw new Error(`${undeclared} is not declared in platform.table_access`);
  const copied = tables.filter((table) => !OF_THIS_PLACE.has(table.name));
  const order = orderTables(copied);
  await checkRootKeyFits(session, options.rootKey);
  return {
    order,
    tenantIds: await listTenantIds(client, copied),
    manifest: {
      format: FORMAT,
      id: newId("bak", now),
      createdAt: now.toISOString(),
      postgresVersion: await findPostgresVersion(client),
      hasRootKey: options.includeRootKey,
      rootKeys: rootKeysInUse(options.rootKey, await listRootGenerations(client)),
      ledger: (await findLedger(client)) ?? [],
      tables: [...order.before, ...order.walled, ...order.after].map((table) => ({
        name: table.name,
        isWalled: table.isWalled,
        columns: table.columns.map((column) => column.name),
      })),
    },
  };
}

/** A backup beside the wrong root key would be found out only when it is needed. */
async function checkRootKeyFits(session: OwnerSession, rootKey: RootKey): Promise<void> {
  const row = await findTenantKey(session.client);
  if (row === null) return;
  checkTenantKey(rootKey, { tenantId: row.tenant_id, generation: row.generation, wrapped: row.wrapped_key });
}

/** Owns the counts, and the session while it reads. */
class Taking {
  readonly counts = noCounts();
  readonly damagedBlobs: string[] = [];
  readonly #session: OwnerSession;
  readonly #snapshot: Snapshot;
  readonly #options: CreateBackupOptions;
  readonly #progress: ProgressCounter;

  constructor(session: OwnerSession, snapshot: Snapshot, options: CreateBackupOptions, progress: ProgressCounter) {
    this.#session = session;
    this.#snapshot = snapshot;
    this.#options = options;
    this.#progress = progress;
  }

  async *records(): AsyncGenerator<BackupRecord, void, void> {
    const { manifest, order, tenantIds } = this.#snapshot;
    yield { kind: RECORD.manifest, payload: encodeJson(manifest) };
    if (manifest.hasRootKey) {
      yield { kind: RECORD.rootKey, payload: Buffer.from(formatRootKey(this.#options.rootKey), "utf8") };
    }
    for (let at = 0; at < tenantIds.length; at += TENANT_PAGE) {
      yield { kind: RECORD.tenants, payload: encodeJson(tenantIds.slice(at, at + TENANT_PAGE)) };
    }
    this.counts.tenants = tenantIds.length;
    for (const table of order.before) yield* this.#tableRecords(table, null);
    for (const tenantId of tenantIds) yield* this.#tenantRecords(tenantId);
    for (const table of order.after) yield* this.#tableRecords(table, null);
    yield { kind: RECORD.sequences, payload: encodeJson(await listSequences(this.#session.client)) };
    yield* this.#jobRecords();
    await this.#session.client.query("commit");
    this.#progress.enter("blobs");
    yield* this.#blobRecords();
  }

  async *#tenantRecords(tenantId: string): AsyncGenerator<BackupRecord, void, void> {
    const { client } = this.#session;
    await updateTenantSetting(client, tenantId);
    for (const table of await listFilled(client, this.#snapshot.order.walled))
      yield* this.#tableRecords(table, tenantId);
  }

  async *#tableRecords(table: CatalogTable, tenantId: string | null): AsyncGenerator<BackupRecord, void, void> {
    const index = this.#snapshot.manifest.tables.findIndex((each) => each.name === table.name);
    for await (const rows of listRows(this.#session.client, table)) {
      this.counts.rows[table.name] = (this.counts.rows[table.name] ?? 0) + rows.length;
      this.#progress.add({ rows: rows.length });
      yield { kind: RECORD.rows, payload: encodePacked({ table: index, tenantId, rows } satisfies RowBatch) };
    }
  }

  async *#jobRecords(): AsyncGenerator<BackupRecord, void, void> {
    let afterId = "0";
    for (;;) {
      const { jobs, lastId } = await listJobs(this.#session.client, afterId, JOB_PAGE);
      if (jobs.length > 0) yield { kind: RECORD.jobs, payload: encodePacked(jobs) };
      this.counts.jobs += jobs.length;
      if (jobs.length < JOB_PAGE) return;
      afterId = lastId;
    }
  }

  /** The session does nothing here but keep the backup announced; were it lost, objects might have been deleted. */
  async *#blobRecords(): AsyncGenerator<BackupRecord, void, void> {
    const { client } = this.#session;
    const beat = setInterval(() => {
      client.query("select 1").catch(() => undefined); // a lost connection is told by `lost`
    }, HEARTBEAT_MS);
    try {
      const source = { blobs: this.#options.blobs, counts: this.counts, damagedBlobs: this.damagedBlobs };
      for (const tenantId of this.#snapshot.tenantIds) yield* blobRecords(source, tenantId, this.#progress);
      await client.query("select 1"); // answered by the same session: it has been announced all the time
    } finally {
      clearInterval(beat);
    }
  }
}

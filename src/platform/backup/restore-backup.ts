import type { BlobStore } from "../blobs/blobs.ts";
import { migrate, type MigrationFolder } from "../db/migrate.ts";
import { installJobs } from "../jobs/install.ts";
import type { RootKey } from "../keys/root-key.ts";
import type { Log } from "../log/log.ts";
import type { BackupIdentity } from "./age-file.ts";
import { BackupError } from "./backup-error.ts";
import { BlobImport } from "./blob-import.ts";
import type { BackupCounts, BackupJob, Manifest, Sequence } from "./manifest.ts";
import { openOwnerSession, type OwnerSession } from "./owner-client.ts";
import { type OnProgress, ProgressCounter } from "./progress.ts";
import { type BackupBlob, type BackupRows, type BackupVisitor, readBackup } from "./read-backup.ts";
import { damaged } from "./records.ts";
import { checkRootKey } from "./root-key-check.ts";
import { checkLedger, planSchema, type SchemaPlan } from "./schema-plan.ts";
import {
  type CatalogTable,
  findFilledTable,
  findLedger,
  listTables,
  updateSequence,
  updateStatistics,
} from "./store/catalog.ts";
import { insertJobs } from "./store/jobs.ts";
import { lockRestore } from "./store/locks.ts";
import { deleteMark, findMark, insertMark } from "./store/mark.ts";
import { insertRows, lockForRestore, updateTenantSetting } from "./store/rows.ts";

export type RestoreBackupOptions = {
  readonly input: AsyncIterable<Uint8Array>;
  readonly identity: BackupIdentity;
  /** Of an empty database: without tables, or with tables in which there is no tenant. */
  readonly ownerUrl: string;
  readonly appRole: string;
  /** All migrations of this version but those of `db`, which `migrate` knows. */
  readonly folders: readonly MigrationFolder[];
  readonly blobs: BlobStore;
  isBlobStoreEmpty(): Promise<boolean>;
  /** The root key at the new place, or null where there is none yet. */
  readonly rootKey: RootKey | null;
  /** Called when the backup brings the root key and there is none; durable on return. */
  keepRootKey(root: RootKey): Promise<void>;
  /**
   * Called when everything fits and nothing has been written yet; throws to keep it so. The place to read the whole
   * file once before, where it can be read twice.
   */
  beforeWriting?(): Promise<void>;
  readonly log: Log;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
};

export type RestoredBackup = { readonly manifest: Manifest; readonly counts: BackupCounts };

/**
 * Restores a backup at an empty place. All rows become visible in one transaction, after every object is durable and
 * the whole file was found authentic. When it throws `BackupError` for a place that does not fit, nothing was changed.
 * When it fails or is killed later, the database keeps a mark by which `refuseHalfRestored` stops a start, and the
 * restore of the same backup may be repeated.
 */
export async function restoreBackup(options: RestoreBackupOptions): Promise<RestoredBackup> {
  const session = await openOwnerSession(options.ownerUrl, "tabellion-restore");
  const progress = new ProgressCounter(options.onProgress);
  const signal = AbortSignal.any([session.lost, ...(options.signal === undefined ? [] : [options.signal])]);
  const restoring = new Restoring(session, { ...options, signal });
  try {
    if (!(await lockRestore(session.client)))
      throw new BackupError("busy", "another restore is at work on this database");
    const counts = await readBackup({ input: options.input, identity: options.identity, progress, signal }, restoring);
    const manifest = await restoring.finish();
    progress.enter("done");
    return { manifest, counts };
  } catch (error) {
    options.signal?.throwIfAborted(); // told as what it was, not as the failure that it led to
    throw error;
  } finally {
    await restoring.dispose();
    await session.close().catch(() => undefined); // ends the transaction, if one is open
  }
}

/** Throws `BackupError` when a restore into this database has begun and not ended. To be called before every start. */
export async function refuseHalfRestored(ownerUrl: string): Promise<void> {
  const session = await openOwnerSession(ownerUrl, "tabellion-restore");
  try {
    const mark = await findMark(session.client);
    if (mark !== null) throw halfRestored(mark);
  } finally {
    await session.close();
  }
}

function halfRestored(backupId: string): BackupError {
  return new BackupError(
    "half_restored",
    `the restore of backup ${backupId} into this database has not finished; repeat it, or empty the database and the blobs`,
  );
}

type Loading = {
  readonly manifest: Manifest;
  readonly plan: SchemaPlan;
  readonly tables: ReadonlyMap<string, CatalogTable>;
};

/** Owns the transaction, from `begin` to `finish`. One batch of rows is under way while the next is read. */
class Restoring implements BackupVisitor {
  readonly #session: OwnerSession;
  readonly #options: RestoreBackupOptions & { readonly signal: AbortSignal };
  readonly #blobs: BlobImport;
  #loading: Loading | null = null;
  #plan: SchemaPlan | null = null;
  #tenantId: string | null = null;
  #underWay: Promise<void> = Promise.resolve();

  constructor(session: OwnerSession, options: RestoreBackupOptions & { readonly signal: AbortSignal }) {
    this.#session = session;
    this.#options = options;
    this.#blobs = new BlobImport(options.blobs, options.signal);
  }

  async begin(manifest: Manifest, included: RootKey | null): Promise<void> {
    const { client } = this.#session;
    const plan = await planSchema(this.#options.folders, manifest.ledger);
    this.#plan = plan;
    checkRootKey(this.#options.rootKey ?? included, manifest.rootKeys);
    await this.#refuseFilled(manifest);
    await this.#options.beforeWriting?.();
    await insertMark(client, manifest.id);
    if (included !== null && this.#options.rootKey === null) await this.#options.keepRootKey(included);
    await this.#migrate(plan.folders);
    const tables = new Map((await listTables(client)).map((table) => [table.name, table]));
    for (const table of manifest.tables) checkColumns(table, tables.get(table.name));
    this.#loading = { manifest, plan, tables };
    await lockForRestore(client);
  }

  async #refuseFilled(manifest: Manifest): Promise<void> {
    const { client } = this.#session;
    const mark = await findMark(client);
    const ledger = await findLedger(client);
    if (ledger !== null) {
      // While the migrations of a first try were under way there may be tables that the catalogue does not name yet.
      const filled = mark === null ? await findFilledTable(client) : null;
      if (filled !== null)
        throw new BackupError("not_empty", `there is data here already, in ${filled}; nothing was changed`);
      checkLedger(ledger, manifest.ledger);
    }
    if (mark === manifest.id || (await this.#options.isBlobStoreEmpty())) return;
    if (mark !== null) throw halfRestored(mark);
    throw new BackupError("not_empty", "the folder for blobs is not empty; nothing was changed");
  }

  async #migrate(folders: readonly MigrationFolder[]): Promise<void> {
    const { ownerUrl, appRole, log } = this.#options;
    await migrate({ ownerUrl, appRole, folders, log });
    await installJobs({ ownerUrl, appRole, log });
  }

  async rows(batch: BackupRows): Promise<void> {
    const table = this.#loading?.tables.get(batch.table.name);
    if (table === undefined) throw damaged("rows come before the manifest");
    await this.#underWay;
    this.#underWay = this.#insert(table, batch);
    this.#underWay.catch(() => undefined); // awaited before the next batch, or by `finish`
  }

  async #insert(table: CatalogTable, batch: BackupRows): Promise<void> {
    const { client } = this.#session;
    if (batch.tenantId !== null && batch.tenantId !== this.#tenantId) {
      await updateTenantSetting(client, batch.tenantId);
      this.#tenantId = batch.tenantId;
    }
    await insertRows(client, table, batch.table.columns, batch.rows);
  }

  async sequences(sequences: readonly Sequence[]): Promise<void> {
    await this.#underWay;
    for (const sequence of sequences) await updateSequence(this.#session.client, sequence);
  }

  async jobs(jobs: readonly BackupJob[]): Promise<void> {
    await this.#underWay;
    await insertJobs(this.#session.client, jobs);
  }

  async blob(blob: BackupBlob): Promise<void> {
    await this.#blobs.add(blob);
  }

  /** To be called when the whole file was read: makes all of it visible at once, then brings it to this version. */
  async finish(): Promise<Manifest> {
    const { client } = this.#session;
    await this.#underWay;
    await this.#blobs.settle();
    if (this.#loading === null) throw damaged("it has no manifest");
    this.#options.signal.throwIfAborted();
    await deleteMark(client);
    const answer = await client.query("commit");
    if (answer.command !== "COMMIT") throw new Error("the transaction had failed and was rolled back");
    if (this.#loading.plan.isOlder) await this.#migrate(this.#options.folders);
    await updateStatistics(client, [...this.#loading.tables.values()]);
    return this.#loading.manifest;
  }

  /** Waits for what is under way, so that nothing is written after the restore has returned. */
  async dispose(): Promise<void> {
    await Promise.allSettled([this.#underWay, this.#blobs.settle()]);
    await this.#plan?.dispose();
  }
}

function checkColumns(wanted: Manifest["tables"][number], found: CatalogTable | undefined): void {
  const names = new Set(found?.columns.map((column) => column.name));
  const missing = wanted.columns.find((name) => !names.has(name));
  if (found === undefined || missing !== undefined || found.isWalled !== wanted.isWalled) {
    throw new BackupError("version", `the table ${wanted.name} is not here as it was in the backup`);
  }
}

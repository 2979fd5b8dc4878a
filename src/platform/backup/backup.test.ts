import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import pg from "pg";
import {
  addDocument,
  allFolders,
  APP_ROLE,
  type BackupPlace,
  emptyPlace,
  factsOf,
  fillTenant,
  inPieces,
  memoryOutput,
  newRootKey,
  openPlace,
  shredTenant,
  workingPlace,
  type WorkingPlace,
} from "../../../test/support/backup-place.ts";
import { testLog } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import type { RootKey } from "../keys/root-key.ts";
import type { BackupIdentity, BackupRecipient } from "./age-file.ts";
import { BackupError, type BackupFailure } from "./backup-error.ts";
import { createBackup, type BackupSummary } from "./create-backup.ts";
import { refuseHalfRestored, restoreBackup, type RestoredBackup, type RestoreBackupOptions } from "./restore-backup.ts";
import { isBackupRunning } from "./running.ts";
import { verifyBackup } from "./verify-backup.ts";

const PASSPHRASE = "correct horse battery";
const RECIPIENT: BackupRecipient = { passphrase: PASSPHRASE, workFactor: 10 };
const IDENTITY: BackupIdentity = { passphrase: PASSPHRASE };

type Made = { readonly bytes: Buffer; readonly summary: BackupSummary };

async function backUp(
  place: WorkingPlace,
  options: { recipient?: BackupRecipient; includeRootKey?: boolean; signal?: AbortSignal } = {},
): Promise<Made> {
  const { output, bytes } = memoryOutput();
  const summary = await createBackup({
    ownerUrl: place.database.ownerUrl,
    blobs: place.blobs,
    rootKey: place.root,
    includeRootKey: options.includeRootKey ?? false,
    recipient: options.recipient ?? RECIPIENT,
    output,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { bytes: bytes(), summary };
}

type RestoreWishes = Partial<
  Pick<RestoreBackupOptions, "identity" | "rootKey" | "keepRootKey" | "folders" | "input" | "signal">
>;

function restoreInto(place: BackupPlace, bytes: Buffer, wishes: RestoreWishes = {}): Promise<RestoredBackup> {
  return restoreBackup({
    input: inPieces(bytes),
    identity: IDENTITY,
    ownerUrl: place.database.ownerUrl,
    appRole: APP_ROLE,
    folders: allFolders,
    blobs: place.blobs,
    isBlobStoreEmpty: async () => (await objectsOf(place)).length === 0,
    rootKey: null,
    keepRootKey: () => Promise.reject(new Error("no root key was expected")),
    log: testLog,
    ...wishes,
  });
}

async function objectsOf(place: BackupPlace): Promise<string[]> {
  const entries = await readdir(join(place.directory, "blobs"), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith(".incoming"))
    .map((entry) => entry.name)
    .toSorted();
}

function failsWith(failure: BackupFailure, work: Promise<unknown>): Promise<void> {
  return assert.rejects(work, (error) => {
    assert.ok(error instanceof BackupError, String(error));
    assert.equal(error.failure, failure, error.message);
    return true;
  });
}

async function withEmptyPlace(work: (place: BackupPlace) => Promise<void>): Promise<void> {
  const place = await emptyPlace();
  try {
    await work(place);
  } finally {
    await place.dispose();
  }
}

async function tablesOf(place: BackupPlace): Promise<number> {
  const client = new pg.Client({ connectionString: place.database.superUrl });
  await client.connect();
  const { rows } = await client.query<{ count: string }>(
    "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)'",
  );
  await client.end();
  return Number(rows[0]?.count);
}

describe("backup and restore", () => {
  let place: WorkingPlace;
  let first: { tenantId: string; ref: string };
  before(async () => {
    place = await workingPlace();
    first = await fillTenant(place, 3_000_000);
    const { tenantId: second } = await fillTenant(place, 0);
    // Larger than a chunk of the file's encryption: a file that is cut off in its last chunk has brought objects before.
    await addDocument(place, second, 200_000);
    const { tenantId: shredded } = await fillTenant(place, 1000);
    await shredTenant(place, shredded);
    await place.db.directory(async (tx) => {
      await tx.run(
        sql`select graphile_worker.add_job('test.fail', '{"x":  1}'::json, queue_name => 'q', priority => 3, flags => array['a','b'])`,
      );
      await tx.run(sql`update graphile_worker._private_jobs set attempts = max_attempts where priority = 3`);
    });
  });
  after(() => place.dispose());

  test("every row of every table, every job and every object is at the new place, byte for byte", async () => {
    const facts = await factsOf(place);
    const { bytes, summary } = await backUp(place);
    const verified = await verifyBackup({ input: inPieces(bytes), identity: IDENTITY, rootKey: place.root });
    assert.deepEqual(verified.counts, summary.counts);
    assert.equal(verified.openedKeys, 3); // the server's and two tenants': the third is shredded
    await withEmptyPlace(async (empty) => {
      const restored = await restoreInto(empty, bytes, { rootKey: place.root });
      assert.deepEqual(restored.counts, summary.counts);
      assert.deepEqual(await factsOf(empty), facts);
      assert.deepEqual(await objectsOf(empty), await objectsOf(place));
      for (const [name, count] of Object.entries(summary.counts.rows))
        assert.ok((facts[name] ?? "").startsWith(`${count} `), name);
      await refuseHalfRestored(empty.database.ownerUrl);
      const opened = await openPlace(empty, place.root);
      assert.equal((await opened.blobs.verify(first.tenantId, first.ref)).sizeBytes, 3_000_000);
      assert.deepEqual(opened.keyring.mac("token-pepper", "t"), place.keyring.mac("token-pepper", "t"));
      await addDocument(opened, first.tenantId, 10);
      await opened.db.close();
    });
  });

  test("an age recipient's backup opens with its identity and with no other", async () => {
    const identity = await generateX25519Identity();
    const { bytes } = await backUp(place, { recipient: { age: await identityToRecipient(identity) } });
    await verifyBackup({
      input: inPieces(bytes),
      identity: { identities: [await generateX25519Identity(), identity] },
    });
    const wrong = { identities: [await generateX25519Identity()] };
    await failsWith("wrong_secret", verifyBackup({ input: inPieces(bytes), identity: wrong }));
    await withEmptyPlace(async (empty) => {
      await failsWith("wrong_secret", restoreInto(empty, bytes, { identity: wrong, rootKey: place.root }));
      await failsWith("wrong_secret", restoreInto(empty, bytes, { rootKey: place.root }));
      assert.equal(await tablesOf(empty), 0);
    });
  });

  test("the root key goes in only when asked for; without it the one at the new place has to fit", async () => {
    const without = (await backUp(place)).bytes;
    await withEmptyPlace(async (empty) => {
      await failsWith("root_key", restoreInto(empty, without));
      await failsWith("root_key", restoreInto(empty, without, { rootKey: newRootKey() }));
      assert.equal(await tablesOf(empty), 0);
      assert.deepEqual(await objectsOf(empty), []);
    });
    await failsWith("root_key", verifyBackup({ input: inPieces(without), identity: IDENTITY, rootKey: newRootKey() }));
    assert.equal((await verifyBackup({ input: inPieces(without), identity: IDENTITY })).openedKeys, null);
    const including = (await backUp(place, { includeRootKey: true })).bytes;
    await withEmptyPlace(async (empty) => {
      const kept: RootKey[] = [];
      await failsWith("root_key", restoreInto(empty, including, { rootKey: newRootKey() }));
      await restoreInto(empty, including, { keepRootKey: async (root) => void kept.push(root) });
      assert.deepEqual(kept, [place.root]);
    });
  });

  test("a backup beside the wrong root key is refused when it is made", async () => {
    await failsWith("root_key", backUp({ ...place, root: newRootKey() }));
    await failsWith("root_key", backUp({ ...place, root: newRootKey(7) }));
  });

  test("a restore where a tenant or an object is already changes nothing", async () => {
    const { bytes } = await backUp(place);
    const other = await workingPlace();
    await fillTenant(other, 10);
    const facts = await factsOf(other);
    const objects = await objectsOf(other);
    await failsWith("not_empty", restoreInto(other, bytes, { rootKey: place.root }));
    assert.deepEqual(await factsOf(other), facts);
    assert.deepEqual(await objectsOf(other), objects);
    await refuseHalfRestored(other.database.ownerUrl);
    await withEmptyPlace(async (empty) => {
      const withObjects = { ...empty, directory: other.directory };
      await failsWith("not_empty", restoreInto(withObjects, bytes, { rootKey: place.root }));
      assert.equal(await tablesOf(empty), 0);
    });
    await other.dispose();
  });

  test("a restore that fails half-way stops a start and may be repeated; nothing of it is visible", async () => {
    const { bytes } = await backUp(place);
    await withEmptyPlace(async (empty) => {
      const cutOff = bytes.subarray(0, bytes.length - 100);
      await failsWith("damaged", restoreInto(empty, cutOff, { rootKey: place.root }));
      await failsWith("half_restored", refuseHalfRestored(empty.database.ownerUrl));
      assert.ok(Object.values(await factsOf(empty)).every((fact) => fact.startsWith("0 ")));
      const another = (await backUp(place)).bytes;
      await failsWith("half_restored", restoreInto(empty, another, { rootKey: place.root }));
      await restoreInto(empty, bytes, { rootKey: place.root });
      await refuseHalfRestored(empty.database.ownerUrl);
      assert.deepEqual(await factsOf(empty), await factsOf(place));
      await failsWith("not_empty", restoreInto(empty, bytes, { rootKey: place.root }));
    });
  });

  test("a restore whose process is killed half-way stops a start and may be repeated", async () => {
    const { bytes } = await backUp(place);
    await withEmptyPlace(async (empty) => {
      const file = join(empty.directory, "b.backup");
      await writeFile(file, bytes);
      const program = join(import.meta.dirname, "../../../test/support/restoring-process.ts");
      const key = place.root.newest.key.toString("hex");
      const child = spawn(process.execPath, [program, empty.database.ownerUrl, empty.directory, file, PASSPHRASE, key]);
      await once(child.stdout, "data"); // it has written rows and objects, and waits for more of its input
      child.kill("SIGKILL");
      await once(child, "exit");
      await failsWith("half_restored", refuseHalfRestored(empty.database.ownerUrl));
      assert.ok((await objectsOf(empty)).length > 0);
      await restoreWhenFree(empty, bytes);
      await refuseHalfRestored(empty.database.ownerUrl);
      assert.deepEqual(await factsOf(empty), await factsOf(place));
      assert.deepEqual(await objectsOf(empty), await objectsOf(place));
    });
  });

  /** The server may take a moment to notice that the killed process's session is over. */
  async function restoreWhenFree(empty: BackupPlace, bytes: Buffer): Promise<void> {
    for (;;) {
      try {
        await restoreInto(empty, bytes, { rootKey: place.root });
        return;
      } catch (error) {
        if (!(error instanceof BackupError && error.failure === "busy")) throw error;
      }
    }
  }

  test("an older backup is loaded into its own schema and then brought to this version", async () => {
    const { bytes } = await backUp(place);
    const newer = { area: "newer", folder: new URL("./test-newer/migrations/", import.meta.url) };
    await withEmptyPlace(async (empty) => {
      await restoreInto(empty, bytes, { rootKey: place.root, folders: [...allFolders, newer] });
      const client = new pg.Client({ connectionString: empty.database.superUrl });
      await client.connect();
      const { rows } = await client.query<{ note: string }>("select note from platform.tenants where note is not null");
      assert.equal(rows.length, 3);
      await client.end();
    });
    await withEmptyPlace(async (empty) => {
      await failsWith("version", restoreInto(empty, bytes, { rootKey: place.root, folders: allFolders.slice(0, -1) }));
      assert.equal(await tablesOf(empty), 0);
    });
  });

  test("a backup under load holds whole transactions only, and every object that its rows name", async () => {
    const { tenantId } = first;
    const stopping = new AbortController();
    let written = 0;
    const writers = Array.from({ length: 4 }, async () => {
      while (!stopping.signal.aborted) {
        await addDocument(place, tenantId, 5_000);
        written++;
      }
    });
    const { bytes } = await backUp(place);
    stopping.abort();
    await Promise.all(writers);
    assert.ok(written > 0);
    await withEmptyPlace(async (empty) => {
      await restoreInto(empty, bytes, { rootKey: place.root });
      const opened = await openPlace(empty, place.root);
      const rows = await opened.db.tenant(tenantId, (tx) =>
        tx.many(sql<{ id: string; ref: string; audits: string; jobs: string }>`
          select id, blob_ref as ref,
                 (select count(*) from platform.audit_events a where a.tenant_id = ${tenantId} and a.resource_id = d.id) as audits,
                 (select count(*) from graphile_worker._private_jobs j where j.key = d.id) as jobs
            from secufile.documents d where tenant_id = ${tenantId}`),
      );
      const audits = await opened.db.tenant(tenantId, (tx) =>
        tx.one(
          sql<{
            count: string;
          }>`select count(*) from platform.audit_events where tenant_id = ${tenantId} and resource_type = 'document'`,
        ),
      );
      assert.equal(rows.length, Number(audits?.count));
      assert.ok(rows.every((row) => row.audits === "1" && row.jobs === "1"));
      for (const row of rows) await opened.blobs.verify(tenantId, row.ref);
      await opened.db.close();
    });
  });

  test("a backup is announced from before its snapshot until it ends, however it ends", async () => {
    const isRunning = (): Promise<boolean> => place.db.directory(isBackupRunning);
    assert.equal(await isRunning(), false);
    const seen: boolean[] = [];
    const watching = {
      ...place,
      blobs: {
        ...place.blobs,
        async *list(tenantId: string) {
          seen.push(await isRunning());
          yield* place.blobs.list(tenantId);
        },
        exportSealed: (tenantId: string, ref: string) => place.blobs.exportSealed(tenantId, ref),
      },
    };
    await backUp(watching);
    assert.ok(seen.length > 0 && seen.every(Boolean));
    assert.equal(await isRunning(), false);
    const failing = { ...watching.blobs, exportSealed: () => Promise.reject(new Error("the disk is gone")) };
    await assert.rejects(backUp({ ...place, blobs: failing }), /the disk is gone/);
    assert.equal(await isRunning(), false);
  });

  test("a backup whose connection is lost fails instead of trusting that nothing was deleted", async () => {
    const killing = {
      ...place.blobs,
      async *list(tenantId: string) {
        const client = new pg.Client({ connectionString: place.database.superUrl });
        await client.connect();
        await client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tabellion-backup' and datname = current_database()",
        );
        await client.end();
        yield* place.blobs.list(tenantId);
      },
      exportSealed: (tenantId: string, ref: string) => place.blobs.exportSealed(tenantId, ref),
    };
    await failsWith("busy", backUp({ ...place, blobs: killing }));
  });

  test("a backup and a restore that are stopped say so, and the restore can be repeated", async () => {
    const stopping = new AbortController();
    const blobs = {
      ...place.blobs,
      async *list(tenantId: string) {
        stopping.abort(new Error("stopped by hand"));
        yield* place.blobs.list(tenantId);
      },
      exportSealed: (tenantId: string, ref: string) => place.blobs.exportSealed(tenantId, ref),
    };
    await assert.rejects(backUp({ ...place, blobs }, { signal: stopping.signal }), /^Error: stopped by hand$/);
    const { bytes } = await backUp(place);
    await withEmptyPlace(async (empty) => {
      const again = new AbortController();
      const input = async function* (): AsyncGenerator<Buffer, void, void> {
        yield bytes.subarray(0, bytes.length - 100);
        again.abort(new Error("stopped by hand"));
        yield bytes.subarray(bytes.length - 100);
      };
      const stopped = restoreInto(empty, bytes, { rootKey: place.root, input: input(), signal: again.signal });
      await assert.rejects(stopped, /^Error: stopped by hand$/);
      await failsWith("half_restored", refuseHalfRestored(empty.database.ownerUrl));
      await restoreInto(empty, bytes, { rootKey: place.root });
      assert.deepEqual(await factsOf(empty), await factsOf(place));
    });
  });
});

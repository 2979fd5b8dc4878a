import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import pg from "pg";
import { recordAudit } from "../../src/platform/audit/audit.ts";
import type { BlobStore } from "../../src/platform/blobs/blobs.ts";
import { createLocalBlobs } from "../../src/platform/blobs/local-blobs.ts";
import { sql } from "../../src/platform/db/sql.ts";
import type { Database } from "../../src/platform/db/tx.ts";
import { newId } from "../../src/platform/ids/ids.ts";
import { enqueueJob } from "../../src/platform/jobs/jobs.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../../src/platform/keys/keyring.ts";
import type { RootKey } from "../../src/platform/keys/root-key.ts";
import { platformMigrations } from "../../src/platform/platform-migrations.ts";
import { createTenant, deleteTenant } from "../../src/platform/tenants/operations.ts";
import { productMigrations } from "../../src/products/product-migrations.ts";
import { addPeopleRows, addServerRows, addSignatureRows, addStorageRows } from "./backup-rows.ts";
import { createEmptyDatabase, createTestDatabase, openDatabase, type TestDatabase } from "./database.ts";

/** A place where a server could be: a database, a folder for objects, and a root key or none. */
export type BackupPlace = {
  readonly database: TestDatabase;
  readonly directory: string;
  readonly blobs: BlobStore;
  dispose(): Promise<void>;
};

/** A place with keys, which can be written to. */
export type WorkingPlace = BackupPlace & { readonly db: Database; readonly root: RootKey; readonly keyring: Keyring };

export const APP_ROLE = "tabellion_test_app";
export const allFolders = [...platformMigrations, ...productMigrations];

export function newRootKey(generation = 1): RootKey {
  return { newest: { generation, key: randomBytes(32) }, previous: null };
}

/** Without tables and without objects. */
export async function emptyPlace(): Promise<BackupPlace> {
  return placeOf(await createEmptyDatabase());
}

async function placeOf(database: TestDatabase): Promise<BackupPlace> {
  const directory = await mkdtemp(join(tmpdir(), "tabellion-backup-"));
  const refuse = (): Promise<never> => Promise.reject(new Error("no keys here"));
  return {
    database,
    directory,
    blobs: await createLocalBlobs({
      directory: join(directory, "blobs"),
      keyring: { wrap: refuse, unwrap: refuse },
    }),
    async dispose() {
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export async function workingPlace(): Promise<WorkingPlace> {
  return openPlace(await placeOf(await createTestDatabase()), newRootKey());
}

/** What a server does with a place at its start. */
export async function openPlace(place: BackupPlace, root: RootKey): Promise<WorkingPlace> {
  const db = openDatabase(place.database);
  const keyring = await createKeyring({ db, root });
  const blobs = await createLocalBlobs({
    directory: join(place.directory, "blobs"),
    keyring: {
      wrap: async (tenantId, key, context) => (await keyring.of(tenantId)).seal("blob-keys", key, context),
      unwrap: async (tenantId, wrapped, context) => (await keyring.of(tenantId)).open("blob-keys", wrapped, context),
    },
  });
  return {
    ...place,
    blobs,
    db,
    root,
    keyring,
    async dispose() {
      await db.close();
      await place.dispose();
    },
  };
}

/** An organisation with something in many tables, and one object of `blobBytes` that a document names. */
export async function fillTenant(place: WorkingPlace, blobBytes = 300_000): Promise<{ tenantId: string; ref: string }> {
  const now = new Date();
  const { id: tenantId } = await place.db.tenant(SERVER_TENANT, (tx) =>
    createTenant(tx, place.keyring, { name: 'Ünïcode "quoted" \\back\\slash\nand line', isDemo: false, now }),
  );
  const ref = await addDocument(place, tenantId, blobBytes);
  const [keys, serverKeys] = await Promise.all([place.keyring.of(tenantId), place.keyring.of(SERVER_TENANT)]);
  await place.db.tenant(SERVER_TENANT, (tx) => addServerRows(tx, serverKeys, now));
  const sealedUrl = keys.seal("webhook-secrets", Buffer.from("https://example.test/"), "whe_1/url");
  await place.db.tenant(tenantId, async (tx) => {
    await tx.run(sql`insert into platform.kms_keys (tenant_id, id, generation, name, sealed_key)
      values (${tenantId}, 'kms_1', 1, 'main', ${keys.seal("kms-keys", randomBytes(32), "kms_1")})`);
    await tx.run(sql`insert into platform.webhook_endpoints (tenant_id, id, product, sealed_url, description, events,
        is_active, secret, signing_key, public_key, in_flight_cap, created_at, updated_at)
      values (${tenantId}, 'whe_1', 'secufile', ${sealedUrl}, '', array['a,b', '"c"', 'd\\e', ''], true,
        ${randomBytes(300)}, ${randomBytes(60)}, 'pk', 5, ${now}, '2026-01-02 03:04:05.678901+00')`);
    await tx.run(sql`insert into platform.webhook_deliveries (tenant_id, id, endpoint_id, event_id, seq, type, body, state,
        retries_left, next_attempt_at, created_at)
      values (${tenantId}, 'whd_1', 'whe_1', 'evt_1', 9007199254740993, 'document.stored', '{"a": 1.50}', 'pending', 5,
        'infinity', ${now})`);
    await tx.run(sql`insert into platform.webhook_queue (tenant_id, endpoint_id, delivery_id, due_at)
      values (${tenantId}, 'whe_1', 'whd_1', ${now})`);
    await tx.run(sql`insert into platform.webhook_lanes (tenant_id, endpoint_id, wake_at, paused_until, lease_until, take)
      values (${tenantId}, 'whe_1', ${now}, '-infinity', ${now}, 1)`);
    await addPeopleRows(tx, tenantId, now);
    await addSignatureRows(tx, keys, tenantId, now);
    await addStorageRows(tx, tenantId, now);
  });
  return { tenantId, ref };
}

/** A document, its object, an audit row and a job: the rows of one transaction. Answers the object's ref. */
export async function addDocument(place: WorkingPlace, tenantId: string, blobBytes: number): Promise<string> {
  const now = new Date();
  const { ref } = await place.blobs.put(tenantId, pieces(blobBytes));
  const id = newId("doc", now);
  await place.db.tenant(tenantId, async (tx) => {
    await tx.run(sql`insert into secufile.documents (tenant_id, id, filename, content_type, bucket, object_key, status,
        blob_ref, key_wrap, metadata, is_live, created_by, created_at)
      values (${tenantId}, ${id}, 'a.pdf', 'application/pdf', 'b', ${id}, 'stored', ${ref}, 'none',
        ${'{"spaced" :  [1, 2.0], "escaped": "\\u0000"}'}::json, true, 'crd_1', ${now})`);
    await recordAudit(tx, tenantId, {
      action: "secufile.createDocument",
      at: now,
      actor: { type: "token", id: "crd_1" },
      resource: { type: "document", id },
      outcome: "success",
    });
    await enqueueJob(tx, { name: "test.look", payload: { id }, key: id, runAt: new Date("2031-01-01T00:00:00.123Z") });
  });
  return ref;
}

export async function shredTenant(place: WorkingPlace, tenantId: string): Promise<void> {
  await place.db.tenant(SERVER_TENANT, (tx) => deleteTenant(tx, place.keyring, tenantId, { now: new Date() }));
}

async function* pieces(sizeBytes: number): AsyncGenerator<Uint8Array, void, void> {
  for (let left = sizeBytes; left > 0; left -= 65_536) yield randomBytes(Math.min(left, 65_536));
}

/** What a table must have in common at both places: how many rows, and a hash over all of their values. */
export type TableFacts = Readonly<Record<string, string>>;

/** Looks behind the tenant wall, as the superuser: every table, and the jobs. */
export async function factsOf(place: BackupPlace): Promise<TableFacts> {
  const client = new pg.Client({ connectionString: place.database.superUrl });
  await client.connect();
  try {
    await client.query("set timezone = 'UTC'");
    const { rows } = await client.query<{ name: string }>(
      "select table_name as name from platform.table_access where table_name <> 'platform.job_workers' order by 1",
    );
    const jobs = `(select t.identifier, j.payload::text, j.run_at, j.attempts, j.max_attempts, j.key, j.priority, j.flags, q.queue_name
       from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
       left join graphile_worker._private_job_queues q on q.id = j.job_queue_id)`;
    const facts: Record<string, string> = {};
    for (const name of [...rows.map((row) => row.name), jobs]) {
      const found = await client.query<{ fact: string }>(
        `select count(*) || ' ' || coalesce(md5(string_agg(r::text, chr(10) order by r::text)), '') as fact from ${name} as r`,
      );
      facts[name === jobs ? "jobs" : name] = found.rows[0]?.fact ?? "";
    }
    return facts;
  } finally {
    await client.end();
  }
}

/** Keeps what is written to it. */
export function memoryOutput(): { readonly output: Writable; bytes(): Buffer } {
  const written: Buffer[] = [];
  const output = new Writable({
    write(piece: Buffer, _encoding, callback) {
      written.push(piece);
      callback();
    },
  });
  return { output, bytes: () => Buffer.concat(written) };
}

/** Bytes in pieces of a size that fits no border. */
export async function* inPieces(bytes: Buffer, pieceBytes = 70_001): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

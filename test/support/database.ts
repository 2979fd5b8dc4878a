import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { migrate } from "../../src/platform/db/migrate.ts";
import { createPool } from "../../src/platform/db/pool.ts";
import { startEmbedded } from "../../src/platform/db/embedded.ts";
import { createDatabase, type Database } from "../../src/platform/db/tx.ts";
import { installJobs } from "../../src/platform/jobs/install.ts";
import { createLog } from "../../src/platform/log/log.ts";
import { platformMigrations } from "../../src/platform/platform-migrations.ts";
import { productMigrations } from "../../src/products/product-migrations.ts";

/** A migrated database of one test's own, on a real PostgreSQL. */
export type TestDatabase = {
  /** The application's role. */
  readonly url: string;
  readonly ownerUrl: string;
  /** Of the cluster's superuser, in this database: to look behind the tenant wall. */
  readonly superUrl: string;
  drop(): Promise<void>;
};

const OWNER = "tabellion_test_owner";
const APP = "tabellion_test_app";
const PASSWORD = "test-only";

export const testLog = createLog("silent");

type Cluster = { readonly superUrl: string; readonly template: string };

function givenCluster(): Cluster {
  const { TEST_POSTGRES_URL: superUrl, TEST_POSTGRES_TEMPLATE: template } = process.env;
  if (superUrl === undefined || template === undefined) {
    throw new Error("tests with a database run by: npm test -- <file>");
  }
  return { superUrl, template };
}

/** Clones the migrated template: cluster and template are those that `npm test` names. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { superUrl, template } = givenCluster();
  const name = `t_${randomBytes(8).toString("hex")}`;
  await statement(superUrl, `create database ${name} template ${template} owner ${OWNER}`);
  return {
    url: urlOf(superUrl, name, APP),
    ownerUrl: urlOf(superUrl, name, OWNER),
    superUrl: urlOf(superUrl, name, null),
    drop: () => statement(superUrl, `drop database if exists ${name} with (force)`),
  };
}

/** An empty database, no table in it. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const { superUrl } = givenCluster();
  const name = `t_${randomBytes(8).toString("hex")}`;
  await statement(superUrl, `create database ${name} owner ${OWNER}`);
  return {
    url: urlOf(superUrl, name, APP),
    ownerUrl: urlOf(superUrl, name, OWNER),
    superUrl: urlOf(superUrl, name, null),
    drop: () => statement(superUrl, `drop database if exists ${name} with (force)`),
  };
}

/** The application's access to a test database; close it before the database is dropped. */
export function openDatabase(database: TestDatabase, connections = 10): Database {
  return createDatabase({
    pool: createPool({ url: database.url, connections, applicationName: "test", log: testLog }),
    log: testLog,
  });
}

/** Nothing is waited for, nothing written twice, and no databases are tidied up that are gone a moment later. */
const UNSYNCED = [
  ...["fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"],
  ...["max_wal_size=8GB", "checkpoint_timeout=1h", "autovacuum=off", "jit=off"],
];

/**
 * Starts a PostgreSQL below `folder`, durable as in production but for `isSynced: false`: then it does not wait for the disk.
 * What it has written still outlives any process that is killed, which is all that tests do to it.
 */
export async function startTestCluster(
  folder: string,
  { isSynced = true }: { readonly isSynced?: boolean } = {},
): Promise<{ superUrl: string; stop(): Promise<void> }> {
  await chmod(folder, 0o755);
  const server = await startEmbedded({
    dataDirectory: join(folder, "cluster"),
    directory: null,
    connections: 400,
    log: testLog,
    settings: ["shared_buffers=128MB", ...(isSynced ? [] : UNSYNCED)],
  });
  return { superUrl: server.superUrl, stop: () => server.stop() };
}

/**
 * Makes the migrated database that `createTestDatabase` clones, once for all processes that have this one's
 * environment. Answers what drops it.
 */
export async function useCluster(superUrl: string): Promise<() => Promise<void>> {
  for (const role of [OWNER, APP]) {
    await statement(superUrl, `create role ${role} login password '${PASSWORD}'`).catch(ignoreExisting);
  }
  const template = `template_${randomBytes(8).toString("hex")}`;
  await statement(superUrl, `create database ${template} owner ${OWNER}`);
  await migrateAll(urlOf(superUrl, template, OWNER));
  process.env["TEST_POSTGRES_URL"] = superUrl;
  process.env["TEST_POSTGRES_TEMPLATE"] = template;
  return () => statement(superUrl, `drop database ${template} with (force)`);
}

/**
 * Runs `work` with a cluster of its own that `createTestDatabase` clones from, for programs that `npm test` does not start.
 * The cluster and its folder are gone afterwards, however it ends.
 */
export async function withCluster<Result>(work: () => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "tabellion-cluster-"));
  try {
    const cluster = await startTestCluster(folder);
    try {
      await useCluster(cluster.superUrl);
      return await work();
    } finally {
      await cluster.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Brings an empty test database to the schema that the server would make. */
export async function migrateAll(ownerUrl: string): Promise<void> {
  const folders = [...platformMigrations, ...productMigrations];
  await migrate({ ownerUrl, appRole: APP, folders, log: testLog });
  await installJobs({ ownerUrl, appRole: APP, log: testLog });
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof pg.DatabaseError && ["42710", "23505"].includes(error.code ?? ""))) throw error;
}

function urlOf(superUrl: string, database: string, role: string | null): string {
  const url = new URL(superUrl);
  url.pathname = `/${database}`;
  if (role !== null) {
    url.username = role;
    url.password = PASSWORD;
  }
  return url.href;
}

async function statement(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

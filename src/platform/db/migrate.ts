import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { StartError } from "../errors/start-error.ts";
import type { Log } from "../log/log.ts";
import { lockNumbers } from "./lock-numbers.ts";

/** Where one area keeps its forward-only SQL files, `0001_<what>.sql`, run in the order of their names. */
export type MigrationFolder = { readonly area: string; readonly folder: URL };

/** One migration as it ships. A first line `-- breaking` says that older versions cannot run beside it. */
type Migration = {
  readonly area: string;
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
  readonly isBreaking: boolean;
};

/** The database does not fit this version of the program; the start must stop. */
export class MigrationError extends StartError {
  override readonly name = "MigrationError";
}

export type MigrateOptions = {
  readonly ownerUrl: string;
  readonly appRole: string;
  readonly folders: readonly MigrationFolder[];
  readonly log: Log;
};

const MIN_VERSION = 15;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_SCHEMA_RACES = 10;

/**
 * Brings the schema up to this version. Every file runs once, in a transaction that first inserts its ledger row:
 * of two starters the second waits for that row and then skips the file. Throws `MigrationError` when a file that
 * was shipped has changed, or when a newer version has made a breaking change.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const client = await connect(options.ownerUrl);
  try {
    await refuseUnfit(client, options.appRole);
    await makeLedger(client);
    const shipped = (await Promise.all([own, ...options.folders].map(readFolder))).flat();
    await refuseForeign(client, shipped);
    for (const migration of shipped) await runOnce(client, migration, options.log);
    await client.query("select pg_advisory_lock($1)", [lockNumbers.grants]); // grants of two starters would deadlock
    await client.query("select platform.grant_access($1)", [options.appRole]);
    await client.query("select pg_advisory_unlock($1)", [lockNumbers.grants]);
  } finally {
    await client.end();
  }
}

const own: MigrationFolder = { area: "db", folder: new URL("./migrations/", import.meta.url) };

async function connect(ownerUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: "tabellion-migrate",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => undefined); // what it does next fails, and tells
  try {
    await client.connect();
    return client;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`the database of DATABASE_OWNER_URL cannot be used: ${reason}`, { cause: error });
  }
}

type Fitness = {
  version: number;
  owner: string;
  is_super: boolean;
  may_create: boolean;
  is_foreign: boolean;
  app_exists: boolean;
  app_bypasses: boolean | null;
  app_is_owner: boolean | null;
};

/** Throws `MigrationError` when the database or the two roles cannot be used by this program. Changes nothing. */
export async function checkDatabase(options: { ownerUrl: string; appRole: string; log: Log }): Promise<void> {
  const client = await connect(options.ownerUrl);
  try {
    const { owner, is_super: isSuper } = await refuseUnfit(client, options.appRole);
    if (!isSuper) return;
    options.log.warn(
      { role: owner },
      "the role of DATABASE_OWNER_URL is a superuser; an owner of the database suffices",
    );
  } finally {
    await client.end();
  }
}

/** The roles must differ in what they may do, or the wall between tenants would be one on paper. */
async function refuseUnfit(client: pg.Client, app: string): Promise<Fitness> {
  const { rows } = await client.query<Fitness>(
    `select current_setting('server_version_num')::int as version, current_user as owner, me.rolsuper as is_super,
            has_database_privilege(current_database(), 'create') as may_create,
            exists (select 1 from pg_namespace
                     where nspname = 'platform' and not pg_has_role(nspowner, 'usage')) as is_foreign,
            app.oid is not null as app_exists, app.rolsuper or app.rolbypassrls as app_bypasses,
            pg_has_role(app.oid, me.oid, 'member') as app_is_owner
       from pg_roles me left join pg_roles app on app.rolname = $1
      where me.rolname = current_user`,
    [app],
  );
  const [row] = rows;
  if (row === undefined) throw new MigrationError("the role of DATABASE_OWNER_URL is not among the database's roles");
  const objection = objectionTo(row, app);
  if (objection !== null) throw new MigrationError(objection);
  return row;
}

function objectionTo(row: Fitness, app: string): string | null {
  if (row.version < MIN_VERSION * 10_000) {
    return `PostgreSQL ${Math.floor(row.version / 10_000)} is too old; ${MIN_VERSION} to 18 are supported`;
  }
  if (row.owner === app) return `DATABASE_URL and DATABASE_OWNER_URL both use the role ${app}; they must differ`;
  if (!row.app_exists) return `the role ${app} of DATABASE_URL does not exist`;
  if (!row.may_create || row.is_foreign) {
    return (
      `the role ${row.owner} of DATABASE_OWNER_URL does not own the database; ` +
      `make it the owner, or swap DATABASE_URL and DATABASE_OWNER_URL if they are the wrong way round`
    );
  }
  if (row.app_bypasses === true) {
    return `the role ${app} of DATABASE_URL passes row-level security; use an ordinary role`;
  }
  return row.app_is_owner === true
    ? `the role ${app} of DATABASE_URL may act as ${row.owner}, who owns the tables; use one that may not`
    : null;
}

async function makeLedger(client: pg.Client): Promise<void> {
  for (let race = 1; ; race++) {
    try {
      await client.query(`
        create schema if not exists platform;
        create table if not exists platform.migrations (
          area text not null,
          name text not null,
          checksum text not null,
          is_breaking boolean not null,
          ran_at timestamptz not null default now(),
          constraint migrations_pk primary key (area, name)
        )`);
      return;
    } catch (error) {
      // Two starters that create at once: "if not exists" does not cover the race.
      if (race === MAX_SCHEMA_RACES || !isCreateRace(error)) throw error;
    }
  }
}

function isCreateRace(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ["23505", "42P06", "42P07"].includes(error.code ?? "");
}

async function readFolder(source: MigrationFolder): Promise<Migration[]> {
  const names = (await readdir(fileURLToPath(source.folder))).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, source.folder), "utf8");
      const checksum = createHash("sha256").update(text).digest("hex");
      return { area: source.area, name, text, checksum, isBreaking: text.startsWith("-- breaking") };
    }),
  );
}

type LedgerRow = { area: string; name: string; checksum: string; is_breaking: boolean };

async function refuseForeign(client: pg.Client, shipped: readonly Migration[]): Promise<void> {
  const { rows } = await client.query<LedgerRow>("select area, name, checksum, is_breaking from platform.migrations");
  const byKey = new Map(shipped.map((migration) => [`${migration.area}/${migration.name}`, migration]));
  for (const row of rows) {
    const key = `${row.area}/${row.name}`;
    const known = byKey.get(key);
    if (known === undefined && row.is_breaking) {
      throw new MigrationError(`a newer version has run ${key}, which this version cannot work with`);
    }
    if (known !== undefined && known.checksum !== row.checksum) {
      throw new MigrationError(`${key} was changed after it ran here; a shipped migration is never edited`);
    }
  }
}

async function runOnce(client: pg.Client, migration: Migration, log: Log): Promise<void> {
  await client.query("begin");
  try {
    const { rowCount } = await client.query(
      `insert into platform.migrations (area, name, checksum, is_breaking) values ($1, $2, $3, $4)
       on conflict do nothing`,
      [migration.area, migration.name, migration.checksum, migration.isBreaking],
    );
    if (rowCount === 1) {
      await client.query(migration.text);
      log.info({ area: migration.area, migration: migration.name }, "migration ran");
    }
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw new Error(`migration ${migration.area}/${migration.name} failed`, { cause: error });
  }
}

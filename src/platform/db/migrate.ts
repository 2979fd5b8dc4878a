import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { Log } from "../log/log.ts";

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
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

export type MigrateOptions = {
  readonly ownerUrl: string;
  readonly appRole: string;
  readonly folders: readonly MigrationFolder[];
  readonly log: Log;
};

const MAX_SCHEMA_RACES = 10;

/**
 * Brings the schema up to this version. Every file runs once, in a transaction that first inserts its ledger row:
 * of two starters the second waits for that row and then skips the file. Throws `MigrationError` when a file that
 * was shipped has changed, or when a newer version has made a breaking change.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const client = new pg.Client({ connectionString: options.ownerUrl, application_name: "tabellion-migrate" });
  await client.connect();
  try {
    await refuseOneRole(client, options.appRole);
    await makeLedger(client);
    const shipped = (await Promise.all([own, ...options.folders].map(readFolder))).flat();
    await refuseForeign(client, shipped);
    for (const migration of shipped) await runOnce(client, migration, options.log);
    await client.query("select pg_advisory_lock(8443001)"); // grants of two starters would deadlock
    await client.query("select platform.grant_access($1)", [options.appRole]);
    await client.query("select pg_advisory_unlock(8443001)");
  } finally {
    await client.end();
  }
}

const own: MigrationFolder = { area: "db", folder: new URL("./migrations/", import.meta.url) };

async function refuseOneRole(client: pg.Client, appRole: string): Promise<void> {
  const { rows } = await client.query<{ owner: string; bypasses: boolean | null }>(
    `select current_user as owner,
            (select rolsuper or rolbypassrls from pg_roles where rolname = $1) as bypasses`,
    [appRole],
  );
  const row = rows[0];
  if (row?.owner === appRole) {
    throw new MigrationError(`DATABASE_URL and DATABASE_OWNER_URL both use the role ${appRole}; they must differ`);
  }
  if (row?.bypasses === null) throw new MigrationError(`the role ${appRole} of DATABASE_URL does not exist`);
  if (row?.bypasses === true) {
    throw new MigrationError(`the role ${appRole} of DATABASE_URL passes row-level security; use an ordinary role`);
  }
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

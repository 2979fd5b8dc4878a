import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { createEmptyDatabase, migrateAll, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { checkDatabase, migrate, MigrationError } from "./migrate.ts";

const STARTERS = 8;
const NOTES =
  "create table platform.notes (id text, constraint notes_pk primary key (id));\nselect platform.directory_table('platform.notes');\n";

describe("migrations", () => {
  let database: TestDatabase;
  let folder: string;
  beforeEach(async () => {
    database = await createEmptyDatabase();
    folder = await mkdtemp(join(tmpdir(), "tabellion-migrations-"));
  });
  afterEach(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  const appRole = (): string => new URL(database.url).username;
  const run = (): Promise<void> =>
    migrate({
      ownerUrl: database.ownerUrl,
      appRole: appRole(),
      folders: [{ area: "notes", folder: pathToFileURL(`${folder}/`) }],
      log: testLog,
    });
  const ship = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

  async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }
  const ledger = (): Promise<{ area: string; name: string }[]> =>
    query(database.ownerUrl, "select area, name from platform.migrations where area = 'notes' order by name");

  test("eight starters at once on one empty database run every file once, and all end well", async () => {
    await ship("0001_notes.sql", NOTES);
    await ship("0002_count.sql", "insert into platform.notes values ('once')");
    await Promise.all(Array.from({ length: STARTERS }, run));
    assert.deepEqual(await query(database.url, "select id from platform.notes"), [{ id: "once" }]);
    assert.deepEqual(
      (await ledger()).map((row) => row.name),
      ["0001_notes.sql", "0002_count.sql"],
    );
  });

  test("eight starters at once make the whole schema of the server", async () => {
    await Promise.all(Array.from({ length: STARTERS }, () => migrateAll(database.ownerUrl)));
    const tables = await query(
      database.superUrl,
      "select 1 from pg_tables where schemaname in ('platform', 'secufile')",
    );
    assert.ok(tables.length > 20, `${tables.length} tables`);
  });

  test("a later version runs only what is new", async () => {
    await ship("0001_notes.sql", NOTES);
    await run();
    await ship("0002_more.sql", "alter table platform.notes add column text text");
    await run();
    await run();
    assert.equal((await ledger()).length, 2);
  });

  test("a file that was changed after it ran is refused by its name", async () => {
    await ship("0001_notes.sql", NOTES);
    await run();
    await ship("0001_notes.sql", `${NOTES}-- a comment\n`);
    await assert.rejects(
      run(),
      (error) => error instanceof MigrationError && error.message.includes("notes/0001_notes.sql was changed"),
    );
  });

  test("a breaking change by a newer version is refused, one that breaks nothing is not", async () => {
    await ship("0001_notes.sql", NOTES);
    await ship("0002_more.sql", "alter table platform.notes add column text text");
    await run();
    await rm(join(folder, "0002_more.sql"));
    await run();
    await ship("0003_drop.sql", "-- breaking\nalter table platform.notes drop column text");
    await run();
    await rm(join(folder, "0003_drop.sql"));
    await assert.rejects(run(), /a newer version has run notes\/0003_drop\.sql, which this version cannot work with/);
  });

  test("a migration that fails leaves nothing behind, and runs once it is mended", async () => {
    await ship("0001_notes.sql", NOTES);
    await ship("0002_half.sql", "create table platform.half (id text);\nselect 1 / 0;");
    await assert.rejects(run(), /migration notes\/0002_half\.sql failed/);
    assert.deepEqual(await query(database.ownerUrl, "select to_regclass('platform.half')::text as made"), [
      { made: null },
    ]);
    assert.deepEqual(
      (await ledger()).map((row) => row.name),
      ["0001_notes.sql"],
    );
    await ship("0002_half.sql", "create table platform.half (id text)");
    await run();
    assert.equal((await ledger()).length, 2);
  });

  test("the serving role gets exactly what the tables declare", async () => {
    await ship(
      "0001_notes.sql",
      "create table platform.notes (id text);\nselect platform.directory_table('platform.notes', 'select');\n",
    );
    await run();
    assert.deepEqual(await query(database.url, "select * from platform.notes"), []);
    await assert.rejects(query(database.url, "insert into platform.notes values ('x')"), /permission denied/);
    await assert.rejects(query(database.url, "create table platform.other (id text)"), /permission denied/);
    await assert.rejects(query(database.url, "alter table platform.notes disable row level security"), /owner/);
  });

  test("roles that would make the wall between tenants one on paper are refused before anything changes", async () => {
    const owner = new URL(database.ownerUrl).username;
    const objections: readonly [string, string, RegExp][] = [
      [database.ownerUrl, owner, /both use the role/],
      [database.url, owner, /does not own the database/],
      [database.ownerUrl, new URL(database.superUrl).username, /passes row-level security/],
      [database.ownerUrl, "nobody_here", /does not exist/],
    ];
    for (const [ownerUrl, role, words] of objections) {
      await assert.rejects(checkDatabase({ ownerUrl, appRole: role, log: testLog }), words);
    }
    await query(database.superUrl, `create role test_deputy_role in role ${owner}`);
    try {
      const check = checkDatabase({ ownerUrl: database.ownerUrl, appRole: "test_deputy_role", log: testLog });
      await assert.rejects(check, /may act as/);
    } finally {
      await query(database.superUrl, "drop role test_deputy_role");
    }
    assert.deepEqual(await query(database.superUrl, "select 1 from pg_namespace where nspname = 'platform'"), []);
  });
});

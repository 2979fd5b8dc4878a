import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "./sql.ts";
import { sqlState, type Database } from "./tx.ts";

describe("transactions", () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    const owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await owner.query(`create table platform.notes (tenant_id text, id integer, primary key (tenant_id, id));
      select platform.tenant_table('platform.notes');
      select platform.grant_access('tabellion_test_app')`);
    await owner.end();
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  test("a transaction of one tenant sees no row of another, even without a where clause", async () => {
    await db.tenant("ten_a", (tx) => tx.run(sql`insert into platform.notes values ('ten_a', 1), ('ten_a', 2)`));
    const seen = await db.tenant("ten_b", (tx) => tx.many(sql`select * from platform.notes`));
    assert.deepEqual(seen, []);
    assert.equal(await db.tenant("ten_b", (tx) => tx.run(sql`delete from platform.notes`)), 0);
    assert.deepEqual(await db.directory((tx) => tx.many(sql`select * from platform.notes`)), []);
  });

  test("a row of another tenant cannot be written", async () => {
    await assert.rejects(
      db.tenant("ten_b", (tx) => tx.run(sql`insert into platform.notes values ('ten_a', 9)`)),
      (error) => sqlState(error) === "42501",
    );
  });

  test("a failure in the work rolls everything back and the connection stays usable", async () => {
    await assert.rejects(
      db.tenant("ten_c", async (tx) => {
        await tx.run(sql`insert into platform.notes values ('ten_c', 1)`);
        throw new Error("no");
      }),
      /no/,
    );
    assert.deepEqual(await db.tenant("ten_c", (tx) => tx.many(sql`select * from platform.notes`)), []);
  });

  test("where the commit is sent ahead, what was sent at once is committed as one, and nothing can follow", async () => {
    const row = (id: number) => sql`insert into platform.notes values ('ten_ahead', ${id})`;
    const ahead = { isCommitAhead: true };
    await db.tenant("ten_ahead", (tx) => Promise.all([tx.run(row(1)), tx.run(row(2))]), ahead);
    await assert.rejects(
      db.tenant("ten_ahead", (tx) => Promise.all([tx.run(row(3)), tx.run(row(1))]), ahead),
      (error) => sqlState(error) === "23505",
    );
    await assert.rejects(
      db.tenant("ten_ahead", async (tx) => [await tx.run(row(4)), await tx.run(row(5))], ahead),
      /a statement after the commit/,
    );
    const kept = await db.tenant("ten_ahead", (tx) => tx.many(sql<{ id: number }>`select id from platform.notes`));
    assert.deepEqual(
      kept.map((note) => note.id),
      [1, 2, 4],
    );
  });

  test("a statement error that the work swallows still fails the transaction", async () => {
    await assert.rejects(
      db.tenant("ten_d", async (tx) => {
        await tx.run(sql`insert into platform.notes values ('ten_d', 1)`);
        await tx.run(sql`insert into platform.notes values ('ten_d', 1)`).catch(() => undefined);
      }),
      /rolled back/,
    );
  });

  test("serialisation failures are repeated until the work commits once", async () => {
    const faulty = openDatabase(database);
    let runs = 0;
    let conflicts = 3;
    await faulty.tenant("ten_e", async (tx) => {
      runs++;
      await tx.run(sql`insert into platform.notes values ('ten_e', 1)`);
      if (conflicts-- > 0) throw Object.assign(new Error("conflict"), { code: "40001" });
    });
    assert.equal(runs, 4);
    assert.equal((await db.tenant("ten_e", (tx) => tx.many(sql`select * from platform.notes`))).length, 1);
    await faulty.close();
  });

  test("every table with a tenant column stands behind the wall, or is declared a directory table", async () => {
    const owner = new pg.Client({ connectionString: database.superUrl });
    await owner.connect();
    const { rows } = await owner.query<{ name: string }>(`
      select c.oid::regclass::text as name
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
       where a.attname = 'tenant_id' and c.relkind in ('r', 'p') and n.nspname <> 'graphile_worker'
         and not (c.relrowsecurity and c.relforcerowsecurity
                  and exists (select 1 from pg_policy p where p.polrelid = c.oid))
         and not exists (select 1 from platform.table_access t
                          where t.table_name::regclass = c.oid and not t.is_walled)`);
    assert.deepEqual(rows, []);
    const keys = await owner.query<{ name: string }>(`
      select c.oid::regclass::text as name
        from platform.table_access t join pg_class c on c.oid = t.table_name::regclass
        join pg_index i on i.indrelid = c.oid and i.indisprimary
        join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
       where t.is_walled and a.attname <> 'tenant_id'`);
    assert.deepEqual(keys.rows, []);
    await owner.end();
  });
});

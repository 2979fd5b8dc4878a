import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { createLog } from "../log/log.ts";
import { AlreadyRunningError } from "./embedded-server.ts";
import { embeddedUrls, startEmbedded, type EmbeddedPostgres } from "./embedded.ts";
import { readPasswords } from "./passwords.ts";

const log = createLog("silent");
const STARTERS = 8;

describe("the PostgreSQL that comes along", () => {
  let parent: string;
  let dataDirectory: string;
  let running: EmbeddedPostgres;
  before(async () => {
    parent = await mkdtemp(join(tmpdir(), "tabellion-embedded-"));
    await chmod(parent, 0o755);
    dataDirectory = join(parent, "data");
  });
  after(async () => {
    await running.stop();
    await rm(parent, { recursive: true });
  });

  const start = (): Promise<EmbeddedPostgres> =>
    startEmbedded({ dataDirectory, directory: null, connections: 10, log });

  test("before its first start nobody finds it, and looking makes nothing", async () => {
    assert.equal(await embeddedUrls(dataDirectory), null);
    assert.deepEqual(await readdir(parent), []);
  });

  test("once started another process finds it by its folder, under two roles of which one owns the database", async () => {
    running = await start();
    assert.deepEqual(await embeddedUrls(dataDirectory), { url: running.url, ownerUrl: running.ownerUrl });
    assert.deepEqual(await privileges(running.url), { may_create: false, passes: false });
    assert.deepEqual(await privileges(running.ownerUrl), { may_create: true, passes: false });
  });

  test("it listens on no port, and its socket and files are closed to other accounts", async () => {
    const client = new pg.Client({ connectionString: running.superUrl });
    await client.connect();
    const { rows } = await client.query("select current_setting('listen_addresses') as listens");
    await client.end();
    assert.deepEqual(rows, [{ listens: "" }]);
    for (const folder of ["cluster", "socket"]) {
      assert.equal((await stat(join(dataDirectory, "postgres", folder))).mode & 0o077, 0, folder);
    }
    assert.equal((await stat(join(dataDirectory, "postgres.passwords"))).mode & 0o077, 0);
  });

  test("a second start on the folder is refused and does not disturb the first", async () => {
    await assert.rejects(start(), AlreadyRunningError);
    assert.deepEqual(await privileges(running.url), { may_create: false, passes: false });
  });

  test("once stopped nobody finds it, and stopping again does nothing", async () => {
    await running.stop();
    assert.equal(await embeddedUrls(dataDirectory), null);
    await running.stop();
  });

  test("starters at once agree on the passwords of a folder", async () => {
    const folder = await mkdtemp(join(parent, "passwords-"));
    const read = await Promise.all(Array.from({ length: STARTERS }, () => readPasswords(folder)));
    assert.equal(new Set(read.map((passwords) => JSON.stringify(passwords))).size, 1);
    assert.deepEqual(await readdir(folder), ["postgres.passwords"]);
  });
});

async function privileges(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ may_create: boolean; passes: boolean }>(
      `select has_database_privilege(current_database(), 'create') as may_create, rolsuper or rolbypassrls as passes
         from pg_roles where rolname = current_user`,
    );
    return rows[0];
  } finally {
    await client.end();
  }
}

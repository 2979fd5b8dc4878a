import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { newEmbeddedFolder, type EmbeddedFolder } from "../support/embedded-folder.ts";
import { runMain, type Ended } from "../support/run-program.ts";
import { freePort, startServer } from "../support/server.ts";

/** A start that is refused: exit code 1, and one line that says what to mend. */
function assertRefused(ended: Ended, reason: RegExp): void {
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, reason);
  assert.match(ended.stderr, /^tabellion: [^\n]+\n$/, "one line, no trace");
}

describe("settings that stop the start", () => {
  let folder: EmbeddedFolder;
  before(async () => {
    folder = await newEmbeddedFolder();
  });
  after(() => folder.remove());

  const wrong: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [{ TABELLION_PORT: "eighty" }, /TABELLION_PORT: read "eighty"; allowed: a whole number from 0 to 65535/],
    [{ TABELLION_ROLE: "boss" }, /TABELLION_ROLE: read "boss"; allowed: all, api, worker/],
    [{ TABELLION_ROLE: "worker" }, /TABELLION_ROLE: read worker; allowed: all, unless DATABASE_URL/],
    [{ TABELLION_PUBLIC_URL: "docs.example.org" }, /TABELLION_PUBLIC_URL: .*an origin such as/],
    [{ TABELLION_TLS_CERT: "/etc/cert.pem" }, /TABELLION_TLS_KEY: read nothing/],
    [{ DATABASE_URL: "postgres://a:secret@h/d" }, /DATABASE_OWNER_URL: read nothing/],
    [{ TABELLION_ROOT_KEY: "secret" }, /TABELLION_ROOT_KEY: read \(a secret\)/],
    [{ TABELLION_DATA: "/dev/null/data" }, /\/dev\/null\/data/],
  ];
  for (const [env, reason] of wrong) {
    test(`${Object.entries(env).flat().join("=")} ends the start with 1 and one clear line`, async () => {
      const ended = await runMain({ TABELLION_DATA: folder.data, ...env });
      assertRefused(ended, reason);
      assert.doesNotMatch(ended.stderr, /:secret@|"secret"/);
    });
  }

  test("config prints every setting, warns of misspelt ones and ends with 1 when a value would stop the start", async () => {
    const good = await runMain({ TABELLION_PROT: "1", DATABASE_URL: "" }, ["config"]);
    assert.equal(good.code, 0);
    assert.match(good.stdout, /^TABELLION_PORT = 8080 {2}\(default\)$/m);
    assert.match(good.stderr, /no setting is named TABELLION_PROT/);
    assertRefused(await runMain({ TABELLION_PORT: "x" }, ["config"]), /TABELLION_PORT/);
  });

  test("an unknown command is refused", async () => {
    assertRefused(await runMain({ TABELLION_DATA: folder.data }, ["sevre"]), /there is no command sevre/);
  });
});

describe("an address, a key or a certificate that cannot be used", () => {
  let folder: EmbeddedFolder;
  before(async () => {
    folder = await newEmbeddedFolder();
    await (await startServer({ dataDirectory: folder.data })).stop();
  });
  after(() => folder.remove());

  const start = async (env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
    runMain({
      TABELLION_DATA: folder.data,
      TABELLION_PORT: String(await freePort()),
      TABELLION_LOG_LEVEL: "error",
      ...env,
    });

  test("a port in use is named, and the database is stopped again", async () => {
    const other = await listenAnywhere();
    assertRefused(await start({ TABELLION_PORT: String(other.port) }), /port \d+: another program listens there/);
    other.server.close();
    assert.equal(await folder.hasPostgresPid(), false);
  });

  test("an address that is not this machine's is refused", async () => {
    assertRefused(await start({ TABELLION_HOST: "192.0.2.1" }), /192\.0\.2\.1 .*does not have that address/);
    assert.equal(await folder.hasPostgresPid(), false);
  });

  test("a certificate that is missing or no certificate is refused", async () => {
    const file = join(dirname(folder.data), "wrong.pem");
    const env = { TABELLION_TLS_CERT: file, TABELLION_TLS_KEY: file };
    assertRefused(await start(env), /wrong\.pem/);
    await writeFile(file, "no certificate");
    assertRefused(await start(env), /wrong\.pem are no certificate and key/);
    assert.equal(await folder.hasPostgresPid(), false);
  });

  test("a root key that others can read is refused", async () => {
    await chmod(join(folder.data, "root.key"), 0o644);
    assertRefused(await start(), /root\.key can be read by others; run: chmod 600/);
    await chmod(join(folder.data, "root.key"), 0o600);
  });

  test("a missing root key is refused where data is sealed under it, and none is made", async () => {
    const file = join(folder.data, "root.key");
    await rename(file, `${file}.away`);
    assertRefused(await start(), /root\.key is missing/);
    await assert.rejects(readFile(file));
    await rename(`${file}.away`, file);
  });

  test("another root key is refused", async () => {
    const other = `1:${Buffer.alloc(32, 7).toString("base64")}`;
    assertRefused(await start({ TABELLION_ROOT_KEY: other }), /root key generation 1 does not open/);
  });

  test("a database that is not where postgres.location says is refused, and none is made", async () => {
    await rename(join(folder.data, "postgres"), join(folder.data, "moved"));
    assertRefused(await start(), /postgres\.location says that the database is in .*which is not there/);
    await rename(join(folder.data, "moved"), join(folder.data, "postgres"));
  });

  test("after every refusal the server still starts", async () => {
    const server = await startServer({ dataDirectory: folder.data });
    assert.equal(await server.stop(), 0);
  });
});

describe("an operator's PostgreSQL that cannot be used", () => {
  let empty: TestDatabase;
  let migrated: TestDatabase;
  let folder: EmbeddedFolder;
  before(async () => {
    folder = await newEmbeddedFolder();
    await mkdir(folder.data);
    [empty, migrated] = await Promise.all([createEmptyDatabase(), createTestDatabase()]);
  });
  after(async () => {
    await Promise.all([empty.drop(), migrated.drop()]);
    await folder.remove();
  });

  const start = async (url: string, ownerUrl: string): Promise<Ended> =>
    runMain({
      TABELLION_DATA: folder.data,
      TABELLION_PORT: String(await freePort()),
      TABELLION_LOG_LEVEL: "error",
      DATABASE_URL: url,
      DATABASE_OWNER_URL: ownerUrl,
    });

  test("the same URL twice is refused", async () => {
    assertRefused(await start(empty.ownerUrl, empty.ownerUrl), /a role other than that of DATABASE_URL/);
  });

  test("one role in two URLs is refused", async () => {
    const same = new URL(empty.ownerUrl);
    same.searchParams.set("application_name", "other");
    assertRefused(await start(same.href, empty.ownerUrl), /both use the role tabellion_test_owner/);
  });

  test("roles the wrong way round are refused, before and after migration", async () => {
    for (const database of [empty, migrated]) {
      assertRefused(await start(database.ownerUrl, database.url), /does not own the database; .*swap DATABASE_URL/);
    }
  });

  test("a serving role that is superuser is refused", async () => {
    assertRefused(await start(empty.superUrl, empty.ownerUrl), /passes row-level security; use an ordinary role/);
  });

  test("a serving role that does not exist, and a wrong password, are refused without repeating the password", async () => {
    const [unknown, wrong] = [new URL(empty.url), new URL(empty.url)];
    unknown.username = "nobody_here";
    wrong.password = "hunter2";
    assertRefused(await start(unknown.href, empty.ownerUrl), /the role nobody_here of DATABASE_URL does not exist/);
    const ended = await start(wrong.href, migrated.ownerUrl);
    assertRefused(ended, /the database of DATABASE_URL cannot be used: .*password/);
    assert.doesNotMatch(ended.stderr, /hunter2/);
  });

  test("a PostgreSQL that does not answer is named", async () => {
    const away = `postgres://a:b@127.0.0.1:${await freePort()}/d`;
    assertRefused(await start(empty.url, away), /the database of DATABASE_OWNER_URL cannot be used: .*ECONNREFUSED/);
  });
});

async function listenAnywhere(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return { server, port: address.port };
}

import { chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { globSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../test/support/server.ts";
import { run } from "./programs.ts";
import { postgres15 } from "./tools.ts";

const ROOT = join(import.meta.dirname, "../..");
const END_TO_END = "test/e2e/secufile*.test.ts";
const TEST_LIMIT_MS = 15 * 60_000;
const CONNECTIONS = 300;

/** PostgreSQL refuses to run as root; its package made a user for it. */
async function postgresAccount(): Promise<{ uid: number; gid: number }> {
  const [, , uid, gid] = (await run("getent", ["passwd", "postgres"])).split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/** The tests that use a database, and one end-to-end file, on a PostgreSQL 15 as Debian packs it. */
export async function checkOnPostgres15(): Promise<string> {
  const programs = await postgres15();
  const folder = await mkdtemp(join(tmpdir(), "tabellion-postgres15-"));
  const data = join(folder, "cluster");
  const port = await freePort();
  const files = await testFiles();
  const account = process.getuid?.() === 0 ? await postgresAccount() : null;
  if (account !== null) await chown(folder, account.uid, account.gid);
  const asPostgres = (name: string, options: readonly string[]): Promise<string> =>
    run(join(programs, name), options, { cwd: folder, ...(account === null ? {} : { account }) });
  await asPostgres("initdb", ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c max_connections=${CONNECTIONS}`;
  await asPostgres("pg_ctl", ["-D", data, "-w", "-o", settings, "-l", join(folder, "log"), "start"]);
  try {
    await run(process.execPath, ["scripts/test.ts", ...files], {
      cwd: ROOT,
      env: { TEST_POSTGRES_URL: `postgres://postgres@127.0.0.1:${port}/postgres` },
      timeoutMs: TEST_LIMIT_MS,
    });
  } finally {
    await asPostgres("pg_ctl", ["-D", data, "-m", "immediate", "stop"]);
    await rm(folder, { recursive: true, force: true });
  }
  return `${files.length} test files`;
}

async function testFiles(): Promise<string[]> {
  const all = globSync("src/**/*.test.ts", { cwd: ROOT }).toSorted();
  const texts = await Promise.all(all.map((file) => readFile(join(ROOT, file), "utf8")));
  const withDatabase = all.filter((_file, index) => /support\/database|test-world/.test(texts[index] ?? ""));
  return [...withDatabase, ...globSync(END_TO_END, { cwd: ROOT }).toSorted().slice(0, 1)];
}

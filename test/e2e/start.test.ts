import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { isRunning, newEmbeddedFolder, until, type EmbeddedFolder } from "../support/embedded-folder.ts";
import { runMain } from "../support/run-program.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";

/** Makes a document and answers its id. */
async function makeDocument(server: TestServer, apiKey = server.apiKey): Promise<string> {
  const answer = await fetch(`${server.origin}/v1/secufile/documents`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "idempotency-key": crypto.randomUUID(),
      "content-type": "application/json",
    },
    body: JSON.stringify({ filename: "start.txt.age", key_wrap: "vault://kms/key/01HX..." }),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  return ((await answer.json()) as { document_id: string }).document_id;
}

async function statusOf(server: TestServer, documentId: string, apiKey = server.apiKey): Promise<number> {
  const answer = await fetch(`${server.origin}/v1/secufile/documents/${documentId}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** Names, modes and contents of the files of a data folder, but for what a running database writes. */
async function fingerprint(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const entry of (await readdir(folder, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const { mode, mtimeMs } = await stat(path);
    hash.update(`${entry.name} ${mode}`);
    if (entry.isFile()) hash.update(`${mtimeMs}`).update(await readFile(path));
  }
  return hash.digest("hex");
}

describe("the life of a server with its own PostgreSQL", () => {
  let folder: EmbeddedFolder;
  let server: TestServer;
  let firstKey: string;
  let document: string;
  before(async () => {
    folder = await newEmbeddedFolder();
  });
  after(async () => {
    await server.stop();
    await folder.remove();
  });

  test("the first start makes everything, and demo.env names an origin and a key that work", async (t) => {
    const startedAt = performance.now();
    server = await startServer({ dataDirectory: folder.data });
    t.diagnostic(`first start: ${Math.round(performance.now() - startedAt)} ms`);
    const demo = await readFile(join(folder.data, "demo.env"), "utf8");
    const lines = /^export SECUFILE_URL=(https?:\/\/[^/\s]+)\nexport SECUFILE_API_KEY=(sfk_live_\S+)\n/.exec(demo);
    assert.ok(lines, "demo.env begins with SecuFile's two lines");
    assert.match(
      demo.slice(lines[0].length),
      /^export SSKS_URL=\S+\nexport SEALD_APP_ID=[0-9a-f-]{36}\nexport SEALD_API_KEY=ska_test_\S+\nexport SSKS_TOKEN=ssk_live_\S+\n$/,
    );
    assert.equal(lines[1], server.origin);
    firstKey = lines[2] ?? "";
    for (const secret of ["demo.env", "operator.token", "root.key", "postgres.passwords", "postgres.log"]) {
      assert.equal((await stat(join(folder.data, secret))).mode & 0o777, 0o600, secret);
    }
    document = await makeDocument(server, firstKey);
  });

  test("the second start finds everything, and the same key still works", async (t) => {
    assert.equal(await server.stop(), 0);
    const startedAt = performance.now();
    server = await startServer({ dataDirectory: folder.data });
    t.diagnostic(`second start: ${Math.round(performance.now() - startedAt)} ms`);
    assert.equal(server.apiKey, firstKey);
    assert.equal(await statusOf(server, document), 200);
  });

  test("after kill -9 of the server the next start takes its PostgreSQL over and has every document", async () => {
    const made = await makeDocument(server);
    const orphan = await folder.postgresPid();
    await server.kill();
    assert.ok(await isRunning(orphan), "PostgreSQL outlives the server");
    server = await startServer({ dataDirectory: folder.data });
    assert.equal(await isRunning(orphan), false);
    for (const id of [document, made]) assert.equal(await statusOf(server, id), 200);
  });

  test("after kill -9 of server and PostgreSQL the next start has every document", async () => {
    const made = await makeDocument(server);
    const pid = await folder.postgresPid();
    await server.kill();
    process.kill(pid, "SIGKILL");
    server = await startServer({ dataDirectory: folder.data });
    assert.equal(await statusOf(server, made), 200);
  });

  test("a second start on the same folder says that another process is running and changes nothing", async () => {
    const earlier = await fingerprint(folder.data);
    const second = await runMain({ TABELLION_DATA: folder.data, TABELLION_PORT: String(await freePort()) });
    assert.equal(second.code, 1);
    assert.equal(second.stderr, `tabellion: another process is running on ${folder.data}\n`);
    assert.equal(await fingerprint(folder.data), earlier);
    assert.equal(await statusOf(server, document), 200);
  });

  test("kill -9 of PostgreSQL under a running server: it comes back and requests work again", async () => {
    const killed = await folder.postgresPid();
    process.kill(killed, "SIGKILL");
    // Its sessions may answer for a moment yet: they have to notice.
    await until("there is another", async () => (await folder.postgresPid().catch(() => killed)) !== killed);
    await until("requests work", async () => (await statusOf(server, document)) === 200);
    await makeDocument(server);
  });

  test("a PostgreSQL that threw its sessions out still belongs to its server", async () => {
    const pid = await folder.postgresPid();
    process.kill(await anySession(pid), "SIGKILL");
    await until("requests work", async () => (await statusOf(server, document)) === 200);
    await server.printed("PostgreSQL is back");
    const second = await runMain({ TABELLION_DATA: folder.data, TABELLION_PORT: String(await freePort()) });
    assert.match(second.stderr, /another process is running/);
    assert.equal(await statusOf(server, document), 200);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`${signal} ends server and database cleanly with exit code 0`, async () => {
      const pid = await folder.postgresPid();
      assert.ok(await isRunning(pid));
      assert.equal(await server.stop(signal), 0);
      assert.equal(await isRunning(pid), false);
      assert.equal(await folder.hasPostgresPid(), false, "postmaster.pid is gone");
      server = await startServer({ dataDirectory: folder.data });
      assert.equal(await statusOf(server, document), 200);
    });
  }

  test("a removed demo.env is made anew with another key; the first one still works", async () => {
    await server.stop();
    await rm(join(folder.data, "demo.env"));
    server = await startServer({ dataDirectory: folder.data });
    assert.notEqual(server.apiKey, firstKey);
    assert.equal(await statusOf(server, document), 200);
    assert.equal(await statusOf(server, document, firstKey), 200);
  });

  test("a demo.env of before there was SSKS gets what its clients need, and keeps the rest", async () => {
    await server.stop();
    const file = join(folder.data, "demo.env");
    const whole = await readFile(file, "utf8");
    const older = whole.split("\n").slice(0, 2).join("\n");
    await writeFile(file, `${older}\n`);
    server = await startServer({ dataDirectory: folder.data });
    const added = await readFile(file, "utf8");
    const url = /^export SECUFILE_URL=.*\n/;
    assert.ok(added.replace(url, "").startsWith(older.replace(url, "")));
    assert.match(added, /^export SEALD_APP_ID=[0-9a-f-]{36}$/m);
    assert.notEqual(/SEALD_API_KEY=(.*)/.exec(added)?.[1], /SEALD_API_KEY=(.*)/.exec(whole)?.[1]);
  });

  test("demo.env and links follow TABELLION_PUBLIC_URL", async () => {
    await server.stop();
    const env = { TABELLION_PUBLIC_URL: "https://docs.example.org" };
    server = await startServer({ dataDirectory: folder.data, env });
    assert.match(
      await readFile(join(folder.data, "demo.env"), "utf8"),
      /^export SECUFILE_URL=https:\/\/docs\.example\.org$/m,
    );
    const answer = await fetch(`${server.origin}/v1/secufile/documents`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.apiKey}`,
        "idempotency-key": crypto.randomUUID(),
        "content-type": "application/json",
      },
      body: JSON.stringify({
        filename: "linked.pdf.age",
        key_wrap: "vault://kms/key/01HX...",
        signers: [{ email: "client@example.com", role: "buyer" }],
      }),
    });
    assert.equal(answer.status, 201);
    const { signature_url: link } = (await answer.json()) as { signature_url: string };
    assert.ok(link.startsWith("https://docs.example.org/"), link);
  });
});

/** A process that serves one session of the PostgreSQL `pid`. */
async function anySession(pid: number): Promise<number> {
  for (const name of await readdir("/proc")) {
    const facts = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, "utf8").catch(() => "") : "";
    const parent = Number(facts.slice(facts.lastIndexOf(")") + 2).split(" ")[1]);
    const title = parent === pid ? await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "") : "";
    if (title.includes("tabellion_app")) return Number(name);
  }
  throw new Error("no session was found");
}

describe("first starts that do not go the straight way", () => {
  const running: TestServer[] = [];
  let folder: EmbeddedFolder;
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
    await folder.remove();
  });

  test("of two first starts at once on one folder exactly one serves, and the other says why it does not", async () => {
    folder = await newEmbeddedFolder();
    const starts = await Promise.allSettled([
      startServer({ dataDirectory: folder.data }),
      startServer({ dataDirectory: folder.data }),
    ]);
    for (const start of starts) if (start.status === "fulfilled") running.push(start.value);
    const refused = starts.filter((start) => start.status === "rejected");
    assert.equal(running.length, 1, String(refused.map((start) => start.reason)));
    assert.match(String(refused[0]?.reason), /ended with 1:[^]*another process is running/);
    const [server] = running;
    assert.ok(server !== undefined);
    await makeDocument(server);
  });

  test("a first start that was killed while it made the database is made good by the next one", async () => {
    folder = await newEmbeddedFolder();
    const first = startServer({ dataDirectory: folder.data });
    const ended = assert.rejects(first, /ended with null/);
    const children = await until("initdb is at work", async () =>
      (await readdir(join(folder.data, "postgres")).catch(() => [])).some((name) => name.startsWith("making")),
    ).then(() => processesNaming(folder.data));
    for (const pid of children) killIfThere(pid);
    await ended;
    const server = await startServer({ dataDirectory: folder.data });
    running.push(server);
    await makeDocument(server);
  });

  test("TABELLION_DEMO=0 makes no demo organisation, now and later", async () => {
    folder = await newEmbeddedFolder();
    for (const TABELLION_DEMO of ["0", "0"]) {
      const server = await startServer({ dataDirectory: folder.data, env: { TABELLION_DEMO } });
      running.push(server);
      assert.equal((await readdir(folder.data)).includes("demo.env"), false);
      const answer = await fetch(`${server.origin}/v1/tenants`, {
        headers: { authorization: `Bearer ${server.operatorToken}` },
      });
      assert.deepEqual(await answer.json(), { data: [], next_cursor: null });
      await server.stop();
    }
  });
});

/** kill -9; a process that has just ended by itself is as dead as it shall be. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Processes, other than this one, that were started with `text` in their command line or environment. */
async function processesNaming(text: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const parts = [`/proc/${name}/cmdline`, `/proc/${name}/environ`];
    const texts = await Promise.all(parts.map((part) => readFile(part, "utf8").catch(() => "")));
    if (texts.some((part) => part.includes(text))) found.push(Number(name));
  }
  return found;
}

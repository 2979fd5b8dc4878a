import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { doorsIn, storeBothSides } from "../canaries/erasure.ts";
import { plantKeyStorage } from "../canaries/key-storage.ts";
import { searchFiles, searchTables, superuserOf } from "../canaries/places.ts";
import { Planter } from "../canaries/planting.ts";
import { formsOf, searchFor, summaryOf, type Canary, type Search } from "../canaries/search.ts";
import { plantSignatures } from "../canaries/signing.ts";
import { startLocalServer, type LocalServer } from "../support/local-server.ts";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { runMain } from "../support/run-program.ts";
import type { Query } from "../support/log-rows.ts";
import { eventually } from "../support/secufile-client.ts";
import { rowsOfTenant, tablesLeft } from "../support/tenant-rows.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { demoSsks } from "../support/ssks-client.ts";

const WANTED = 1_000;

describe("secrets that were planted through every door", () => {
  let folder = "";
  let dataDirectory = "";
  let server: TestServer;
  let receiver: Server;
  let mailbox: Mailbox;
  let gateway: LocalServer;
  let planter: Planter;
  let passphrase = "";
  let search: Search;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tabellion-canaries-"));
    // PostgreSQL runs under another account when this process is root's, and has to get there.
    await chmod(folder, 0o755);
    dataDirectory = join(folder, "data");
    const metricsToken = `metrics-${randomBytes(16).toString("hex")}`;
    const password = `smtp${randomBytes(16).toString("hex")}`;
    const smsToken = `sms-${randomBytes(16).toString("hex")}`;
    mailbox = await openMailbox({ user: "tabellion", password });
    gateway = await startLocalServer((_request, response) => void response.writeHead(202).end());
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await writeFile(join(folder, "dkim.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    server = await startServer({
      dataDirectory,
      env: {
        // The most that it can be made to say.
        TABELLION_LOG_LEVEL: "trace",
        TABELLION_REQUESTS_PER_SECOND: "1000000",
        TABELLION_METRICS_TOKEN: metricsToken,
        ...mailbox.env,
        TABELLION_DKIM_DOMAIN: "tabellion.test",
        TABELLION_DKIM_SELECTOR: "s1",
        TABELLION_DKIM_KEY: join(folder, "dkim.pem"),
        TABELLION_SMS_URL: `${gateway.url}/send`,
        TABELLION_SMS_TOKEN: smsToken,
      },
    });
    receiver = createServer((request, response) => request.resume().once("end", () => response.writeHead(204).end()));
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    planter = new Planter(server);
    planter.note("TABELLION_METRICS_TOKEN", metricsToken);
    planter.note("TABELLION_SMTP_URL", password);
    planter.note("TABELLION_SMS_TOKEN", smsToken);
    // The second prime: what is before it in the file is public, or follows from it.
    planter.note("TABELLION_DKIM_KEY", Buffer.from(privateKey.export({ format: "jwk" }).q ?? "", "base64url"));
    await planter.tokens(110);
    await planter.keys(120);
    await planter.urls(64);
    await planter.headers(40);
    await planter.bodies(64);
    await planter.webhooks(64, `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`);
    await planter.contents(70);
    await plantSignatures(planter, server, { mailbox, gateway }, 12);
    await plantKeyStorage(planter, server, { mailbox, gateway }, 12);
    passphrase = planter.setting("passphrase of a backup");
    search = searchFor(planter.canaries);
  });

  after(async () => {
    await server.stop();
    receiver.closeAllConnections();
    receiver.close();
    await gateway.close();
    await mailbox.close();
    await rm(folder, { recursive: true, force: true });
  });

  const copyOf = async (name: string, bytes: Buffer): Promise<string> => {
    const copy = join(folder, "copy");
    await mkdir(copy, { recursive: true });
    await writeFile(join(copy, name), bytes);
    return copy;
  };

  test("there are a thousand of them, no two the same", () => {
    const distinct = new Set(planter.canaries.map((canary) => canary.bytes.toString("hex")));
    assert.equal(distinct.size, planter.canaries.length);
    assert.ok(distinct.size >= WANTED, `only ${distinct.size}`);
  });

  test("the search finds one on purpose in a copy, whichever it is and in whatever form it lies there", async () => {
    const doors = new Set<string>();
    const isChosen = ({ door }: Canary, at: number): boolean => at % 25 === 0 || !doors.has(door);
    for (const [at, canary] of planter.canaries.entries()) {
      if (!isChosen(canary, at)) continue;
      doors.add(canary.door);
      for (const [form, bytes] of Object.entries(formsOf(canary.bytes))) {
        const noise = randomBytes(500 + (at % 7));
        const copy = await copyOf("planted", Buffer.concat([noise, bytes, noise]));
        const { findings } = await searchFiles(copy, search);
        assert.ok(
          findings.some((found) => found.form === form && found.door === canary.door),
          `${canary.door} as ${form}`,
        );
      }
      for (const wrap of [`{"x":"${canary.bytes.toString("latin1")}"}`, `é${canary.bytes.toString("latin1")}`]) {
        const copy = await copyOf("planted", Buffer.from(Buffer.from(wrap, "latin1").toString("base64")));
        assert.notEqual((await searchFiles(copy, search)).findings.length, 0, `${canary.door} inside base64`);
      }
    }
  });

  test("the search finds one on purpose in a copy of the database's log", async () => {
    const [first] = planter.canaries;
    if (first === undefined) throw new Error("nothing was planted");
    const copy = join(folder, "planted-log");
    await mkdir(copy);
    await copyFile(join(dataDirectory, "postgres.log"), join(copy, "postgres.log"));
    await writeFile(join(copy, "postgres.log"), `oops ${first.bytes.toString()}\n`, { flag: "a" });
    const { findings } = await searchFiles(copy, search);
    assert.deepEqual(
      findings.map((found) => [found.place, found.door]),
      [["postgres.log", first.door]],
    );
  });

  test("the mails went out by the relay's login and signed, the codes by the gateway's token", () => {
    assert.ok(mailbox.mails.length >= 12 + 6 + 4 + 6, `${mailbox.mails.length} mails`);
    assert.ok(gateway.received.length >= 6 + 6);
    assert.match(gateway.received[0]?.headers.authorization ?? "", /^Bearer sms-/);
  });

  test("none is in what the server says, on the most talkative level", () => {
    const said = server.output();
    assert.ok(said.length > 100_000, "it said next to nothing");
    assert.deepEqual(summaryOf(search.in("output", Buffer.from(said))), []);
  });

  test("none is in any row of any table", async () => {
    const client = await superuserOf(dataDirectory);
    try {
      const { findings, tables, rows } = await searchTables(client, search);
      assert.deepEqual(summaryOf(findings), []);
      assert.ok(tables > 15 && rows > 1_000, `${tables} tables with ${rows} rows are not all of it`);
      // Of this session alone, and never in a file.
      await client.query("create temporary table planted (secret bytea)");
      await client.query("insert into planted values ($1)", [planter.canaries[0]?.bytes]);
      const planted = await searchTables(client, search);
      assert.match(planted.findings.map((found) => found.place).join(), /^table \S+\.planted$/);
    } finally {
      await client.end();
    }
  });

  test("none is in a backup, its passphrase is not in what is said of it", async () => {
    const file = join(folder, "backup.age");
    const env = {
      TABELLION_DATA: dataDirectory,
      TABELLION_BACKUP_PASSPHRASE: passphrase,
      TABELLION_LOG_LEVEL: "trace",
    };
    const { code, stdout, stderr } = await runMain(env, ["backup", "create", file]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(summaryOf(search.in("backup", await readFile(file))), []);
    assert.deepEqual(summaryOf(search.in("output", Buffer.from(stdout + stderr))), []);
  });

  test("none, nor the passphrase, is in any file of the data folder but those of the server's own secrets", async () => {
    const client = await superuserOf(dataDirectory);
    await client.query("checkpoint");
    await client.end();
    const { findings, bytes } = await searchFiles(dataDirectory, search);
    assert.deepEqual(summaryOf(findings), []);
    assert.ok(bytes > 30_000_000, `${bytes} bytes are not a database`);
  });

  test("SK-34 SK-43 what a deleted user stored leaves the disk: tables by a vacuum, the log by what is written later", async () => {
    const superuser = await superuserOf(dataDirectory);
    try {
      const user = await storeBothSides(await demoSsks(server), superuser);
      const doorsBelow = (place: RegExp): Promise<string[]> => doorsIn(dataDirectory, place, user.kept);
      const all = user.kept.map(({ door }) => door).toSorted();
      await superuser.query("checkpoint");
      assert.deepEqual(await doorsBelow(/\/base\//), all);
      assert.deepEqual(await doorsBelow(/\/pg_wal\//), all);
      await user.erase();
      await superuser.query("vacuum full ssks.users, ssks.identities, ssks.slots, ssks.known_addresses");
      await superuser.query("checkpoint");
      assert.deepEqual(await doorsBelow(/\/base\//), []);
      // Each switch begins a file of the log and blanks the rest of the one before; old ones are used again.
      for (let turn = 0; turn < 12; turn++) {
        await superuser.query("select pg_logical_emit_message(false, 'turn', ''), pg_switch_wal()");
        await superuser.query("checkpoint");
      }
      assert.deepEqual(await doorsBelow(/./), []);
    } finally {
      await superuser.end();
    }
  });

  test("SF-51 of an organisation that is shredded the server keeps hashes alone, and nothing stumbles over what is gone", async () => {
    const superuser = await superuserOf(dataDirectory);
    try {
      const query: Query = async (text, values) => (await superuser.query(text, [...values])).rows;
      const tenantId = String((await query("select id from platform.tenants where is_demo", []))[0]?.id);
      const objects = async (): Promise<string[]> =>
        (await readdir(join(dataDirectory, "blobs", tenantId), { recursive: true })).filter((name) =>
          name.includes("blb_"),
        );
      assert.ok((await tablesLeft(query, tenantId)).length > 25);
      assert.notEqual((await objects()).length, 0);
      const { length } = server.output();
      const answer = await fetch(`${server.origin}/v1/tenants/${tenantId}`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${server.operatorToken}` },
      });
      assert.equal(answer.status, 204);
      await eventually("its rows are gone", async () =>
        (await tablesLeft(query, tenantId)).length === 0 ? true : null,
      );
      await eventually("its objects are gone", async () => ((await objects()).length === 0 ? true : null));
      assert.ok(((await rowsOfTenant(query, tenantId))["platform.audit_leaves"] ?? 0) > 1_000);
      const said = server.output().slice(length);
      assert.match(said, /"level":"info"/);
      assert.doesNotMatch(said, /"level":"(?:error|fatal)"/);
    } finally {
      await superuser.end();
    }
  });
});

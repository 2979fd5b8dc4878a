import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, describe, test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { allFolders, factsOf, fillTenant, openPlace, type WorkingPlace } from "../../../test/support/backup-place.ts";
import { testLog } from "../../../test/support/database.ts";
import { createLocalBlobs } from "../blobs/local-blobs.ts";
import { readBackupPassphrase, readConfig, type Config } from "../config/config.ts";
import { embeddedUrls, startEmbedded, type EmbeddedPostgres } from "../db/embedded.ts";
import { migrate } from "../db/migrate.ts";
import { installJobs } from "../jobs/install.ts";
import { loadRootKey } from "../keys/root-key.ts";
import { runBackupCommand } from "./command.ts";

const PASSPHRASE = "correct horse battery";

type Answer = { readonly code: number; readonly said: string; readonly output: Buffer };

async function run(
  argv: readonly string[],
  config: Config,
  stdin?: Buffer,
  passphrase: string | null = PASSPHRASE,
): Promise<Answer> {
  const said: string[] = [];
  const written: Buffer[] = [];
  const code = await runBackupCommand(argv, {
    config,
    log: testLog,
    passphrase,
    folders: allFolders,
    stdin: new PassThrough().end(stdin ?? ""),
    stdout: new PassThrough().on("data", (piece: Buffer) => void written.push(piece)),
    stderr: new PassThrough().on("data", (piece: Buffer) => void said.push(piece.toString("utf8"))),
  });
  return { code, said: said.join(""), output: Buffer.concat(written) };
}

describe("tabellion backup", () => {
  const folders: string[] = [];
  let config: Config;
  let server: EmbeddedPostgres | null = null;
  let place: WorkingPlace;
  let scratch: string;
  /** Where the passphrase is not the point: it costs a second each time. */
  let toKey: readonly string[];
  let byKey: readonly string[];

  async function newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "tabellion-command-"));
    await chmod(folder, 0o755);
    folders.push(folder);
    return folder;
  }

  function configOf(dataDirectory: string): Config {
    return readConfig({ TABELLION_DATA: dataDirectory });
  }

  async function start(dataDirectory: string): Promise<EmbeddedPostgres> {
    return startEmbedded({ dataDirectory, directory: null, connections: 10, log: testLog });
  }

  /** The place as a server has it that runs on `started`. */
  async function serve(started: EmbeddedPostgres, dataDirectory: string, isNew: boolean): Promise<WorkingPlace> {
    if (isNew) {
      await migrate({ ownerUrl: started.ownerUrl, appRole: "tabellion_app", folders: allFolders, log: testLog });
      await installJobs({ ownerUrl: started.ownerUrl, appRole: "tabellion_app", log: testLog });
    }
    const refuse = (): Promise<never> => Promise.reject(new Error("no keys here"));
    const superUrl = started.superUrl.replace("/postgres?", "/tabellion?");
    return openPlace(
      {
        database: { url: started.url, ownerUrl: started.ownerUrl, superUrl, drop: async () => undefined },
        directory: dataDirectory,
        blobs: await createLocalBlobs({
          directory: join(dataDirectory, "blobs"),
          keyring: { wrap: refuse, unwrap: refuse },
        }),
        dispose: async () => undefined,
      },
      await loadRootKey(dataDirectory, null, isNew),
    );
  }

  before(async () => {
    const dataDirectory = await newFolder();
    scratch = await newFolder();
    config = configOf(dataDirectory);
    server = await start(dataDirectory);
    place = await serve(server, dataDirectory, true);
    await fillTenant(place);
    const identity = await generateX25519Identity();
    await writeFile(join(scratch, "identity"), `# a comment\n${identity}\n`);
    toKey = ["--recipient", await identityToRecipient(identity)];
    byKey = ["--identity-file", join(scratch, "identity")];
  });
  after(async () => {
    await place.db.close();
    await server?.stop();
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  });

  test("a backup of a running server restores on an empty machine, and the server there starts on it", async () => {
    const file = join(scratch, "whole.backup");
    const facts = await factsOf(place);
    const made = await run(["create", file, "--with-root-key", ...toKey], config);
    assert.equal(made.code, 0, made.said);
    assert.match(made.said, /made bak_\w+ of .*2 tenants, \d+ rows, 1 jobs, 1 objects .* with root key/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const verified = await run(["verify", file, ...byKey], configOf(await newFolder()));
    assert.equal(verified.code, 0, verified.said);
    assert.match(verified.said, /sound: .*; the root key opens all 2 keys/);

    const elsewhere = await newFolder();
    const restored = await run(["restore", file, ...byKey], configOf(elsewhere));
    assert.equal(restored.code, 0, restored.said);
    assert.equal((await stat(join(elsewhere, "root.key"))).mode & 0o777, 0o600);
    assert.equal(await embeddedUrls(elsewhere), null); // it ran for the time of the restore only
    const other = await start(elsewhere);
    const there = await serve(other, elsewhere, false);
    assert.deepEqual(await factsOf(there), facts);
    await there.db.close();
    await other.stop();

    const again = await run(["restore", file, ...byKey], configOf(elsewhere));
    assert.equal(again.code, 1);
    assert.match(again.said, /there is data here already/);
  });

  test("a backup made with a passphrase opens with it and with no other", async () => {
    const file = join(scratch, "passphrase.backup");
    assert.equal((await run(["create", file], config)).code, 0);
    assert.equal((await run(["verify", file], config)).code, 0);
    const wrong = await run(["verify", file], config, undefined, "another one");
    assert.equal(wrong.code, 1);
    assert.match(wrong.said, /the passphrase does not open this backup/);
  });

  test("a file that is there is replaced only by --force, and a failure leaves nothing behind", async () => {
    const folder = await newFolder();
    const file = join(folder, "b.backup");
    await writeFile(file, "precious");
    const refused = await run(["create", file], config);
    assert.equal(refused.code, 1);
    assert.match(refused.said, /is there already/);
    assert.equal(await readFile(file, "utf8"), "precious");
    assert.equal((await run(["create", file, "--force", "--recipient", "age1nonsense"], config)).code, 2);
    assert.deepEqual(await readdir(folder), ["b.backup"]);
    assert.equal(await readFile(file, "utf8"), "precious");
    assert.equal((await run(["create", file, "--force", ...toKey], config)).code, 0);
    assert.deepEqual(await readdir(folder), ["b.backup"]);
    assert.equal((await run(["verify", file, ...byKey], config)).code, 0);
  });

  test("it works through pipes, with an age key, and without the root key says which one to keep", async () => {
    const made = await run(["create", "-", ...toKey], config);
    assert.equal(made.code, 0, made.said);
    assert.match(made.said, /keep root\.key \(generation 1, fingerprint [0-9a-f]{16}\)/);
    const verified = await run(["verify", "-", ...byKey], config, made.output);
    assert.equal(verified.code, 0, verified.said);
    const elsewhere = configOf(await newFolder());
    const refused = await run(["restore", "-", ...byKey], elsewhere, made.output);
    assert.equal(refused.code, 1);
    assert.match(refused.said, /put root\.key of generation 1 .* into the data folder/);
  });

  test("a damaged file is refused before anything is written", async () => {
    const file = join(scratch, "damaged.backup");
    assert.equal((await run(["create", file, "--with-root-key", ...toKey], config)).code, 0);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 10));
    const elsewhere = await newFolder();
    const answer = await run(["restore", file, ...byKey], configOf(elsewhere));
    assert.equal(answer.code, 1);
    assert.match(answer.said, /damaged or cut off/);
    assert.ok(!(await readdir(elsewhere)).includes("root.key"));
    await run(["create", file, "--with-root-key", "--force", ...toKey], config);
    const repeated = await run(["restore", file, ...byKey], configOf(elsewhere));
    assert.equal(repeated.code, 0, repeated.said);
  });

  test("what it does not understand it refuses with its usage", async () => {
    const lines = [
      [],
      ["create"],
      ["delete", "x"],
      ["create", "a", "b"],
      ["create", "x", "--identity-file", "y"],
      ["verify", "x", "--with-root-key"],
      ["verify", "x", "--nonsense"],
      ["verify", join(scratch, "absent")],
      ["verify", "x", "--passphrase-file", join(scratch, "absent")],
    ];
    for (const line of lines) {
      const answer = await run(line, config);
      assert.equal(answer.code, 2, `${line.join(" ")}: ${answer.said}`);
      assert.match(answer.said, /tabellion backup create/);
    }
    const unset = await run(
      ["verify", "x"],
      config,
      undefined,
      readBackupPassphrase({ TABELLION_BACKUP_PASSPHRASE: "" }),
    );
    assert.match(unset.said, /^backup: no passphrase: set TABELLION_BACKUP_PASSPHRASE/);
    const nowhere = await run(["create", join(scratch, "n.backup")], configOf(await newFolder()));
    assert.match(nowhere.said, /there is no database|root\.key is missing/);
  });

  test("a database that cannot be used is named before anything is written", async () => {
    const unreachable = readConfig({
      TABELLION_DATA: config.dataDirectory,
      DATABASE_URL: "postgres://app@127.0.0.1:1/x",
      DATABASE_OWNER_URL: "postgres://owner@127.0.0.1:1/x",
    });
    const file = join(await newFolder(), "unreachable.backup");
    const named = { name: "MigrationError", message: /the database of DATABASE_OWNER_URL cannot be used/ };
    await assert.rejects(run(["create", file, ...toKey], unreachable), named);
    await assert.rejects(stat(file));
  });
});

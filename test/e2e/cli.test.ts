import assert from "node:assert/strict";
import { access, constants, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runProgram, type Ended } from "../support/run-program.ts";
import { freePort, startTestServer } from "../support/server.ts";

const BIN = new URL("../../cli/tabellion.mjs", import.meta.url).pathname;
const UNKNOWN = "ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";

type Entry = Record<string, unknown>;

function tabellion(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return runProgram(process.execPath, [BIN, ...args], { env });
}

/** Runs a command that must succeed, and reads the JSON that it prints. */
async function answerOf<T>(args: readonly string[], env: Readonly<Record<string, string>>): Promise<T> {
  const ended = await tabellion([...args, "--json"], env);
  assert.equal(ended.code, 0, ended.stderr);
  return JSON.parse(ended.stdout) as T;
}

describe("the command line and a server", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let operator: Record<string, string>;
  let tenant: Record<string, string>;
  before(async () => {
    server = await startTestServer();
    operator = { TABELLION_URL: server.origin, TABELLION_DATA: server.dataDirectory };
    tenant = { SECUFILE_URL: server.origin, SECUFILE_API_KEY: server.apiKey };
  });
  after(() => server.remove());

  test("an organisation is made, shown, listed and shredded with the token that the server wrote beside its data", async () => {
    const made = await answerOf<Entry>(["tenant", "create", "Étude Martin"], operator);
    const id = String(made["tenant_id"]);
    assert.equal(made["name"], "Étude Martin");
    assert.deepEqual(await answerOf<Entry>(["tenant", "show", id], operator), made);
    const listed = await answerOf<Entry[]>(["tenant", "list"], operator);
    assert.ok(listed.some((entry) => entry["tenant_id"] === id));
    const rotated = await answerOf<Entry>(["tenant", "rotate-keys", id], operator);
    assert.deepEqual(rotated, { tenant_id: id, generation: 2 });
    assert.deepEqual(await answerOf(["tenant", "delete", id, "--yes"], operator), { tenant_id: id, is_shredded: true });
    assert.equal((await tabellion(["tenant", "show", id], operator)).code, 1);
  });

  test("shredding without a terminal needs --yes and does nothing without it", async () => {
    const { tenant_id: id } = await answerOf<Entry>(["tenant", "create", "Stays"], operator);
    const ended = await tabellion(["tenant", "delete", String(id)], operator);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /--yes/);
    assert.equal((await tabellion(["tenant", "show", String(id)], operator)).code, 0);
  });

  test("the operator token may come from the environment instead", async () => {
    const env = { TABELLION_URL: server.origin, TABELLION_OPERATOR_TOKEN: server.operatorToken };
    assert.equal((await tabellion(["tenant", "list"], env)).code, 0);
  });

  test("people are invited, and what cannot be is said with the server's words", async () => {
    const { tenant_id: id } = await answerOf<Entry>(["tenant", "create", "People"], operator);
    const at = ["--tenant", String(id)];
    const invited = await answerOf<Entry>(["member", "invite", "boss@example.org", ...at, "--lang", "fr"], operator);
    assert.deepEqual([invited["email"], invited["role"], invited["locale"]], ["boss@example.org", "owner", "fr"]);
    assert.deepEqual(await answerOf(["member", "list", ...at], operator), []);
    const [pending] = await answerOf<Entry[]>(["member", "invitations", ...at], operator);
    assert.deepEqual(pending, invited);
    const withdraw = ["member", "withdraw", String(invited["invitation_id"]), ...at];
    assert.equal((await answerOf<Entry>(withdraw, operator))["is_withdrawn"], true);
    assert.deepEqual(await answerOf(["member", "invitations", ...at], operator), []);
    assert.match((await tabellion(withdraw, operator)).stderr, /accepted or withdrawn/);
    const nobody = "mem_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
    for (const command of [
      ["role", nobody, "reader"],
      ["suspend", nobody],
      ["suspend", nobody, "--resume"],
      ["remove", nobody],
    ]) {
      const ended = await tabellion(["member", ...command, ...at], operator);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, /There is no member/);
    }
    assert.equal((await tabellion(["member", "role", nobody, "king", ...at], operator)).code, 2);
    assert.equal((await tabellion(["member", "list"], operator)).code, 2);
  });

  test("the port alone finds a server on this machine", async () => {
    const env = { TABELLION_PORT: new URL(server.origin).port, TABELLION_DATA: server.dataDirectory };
    assert.equal((await tabellion(["tenant", "list"], env)).code, 0);
  });

  test("the first token of an organisation works, is printed once, and makes a narrower one", async () => {
    const { tenant_id: id } = await answerOf<Entry>(["tenant", "create", "First token"], operator);
    const first = await tabellion(["token", "create", "first", "--tenant", String(id)], operator);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /shown this once/);
    const secret = /^token +(sfk_live_\S+)$/m.exec(first.stdout)?.[1] ?? "";
    const own = { SECUFILE_URL: server.origin, SECUFILE_API_KEY: secret };
    const narrow = await answerOf<Entry>(
      ["token", "create", "import", "--scope", "documents:read", "--expires-in", "12h", "--ip-allow", "127.0.0.0/8"],
      own,
    );
    assert.deepEqual([narrow["scopes"], narrow["ip_allow"]], [["documents:read"], ["127.0.0.0/8"]]);
    const listed = await tabellion(["token", "list"], own);
    assert.match(listed.stdout, /^token_id +name +status/);
    assert.ok(!listed.stdout.includes(secret) && listed.stdout.includes("import"));
  });

  test("a token is shown, rotated and revoked by its organisation", async () => {
    const made = await answerOf<Entry>(["token", "create", "x", "--scope", "documents:read"], tenant);
    const id = String(made["token_id"]);
    const next = await answerOf<Entry>(["token", "rotate", id, "--overlap", "0s"], tenant);
    assert.equal(next["rotated_from"], id);
    assert.notEqual(next["token"], made["token"]);
    const nextId = String(next["token_id"]);
    assert.deepEqual(await answerOf(["token", "revoke", nextId], tenant), { token_id: nextId, status: "revoked" });
    const seen = await answerOf<Entry>(["token", "show", nextId], tenant);
    assert.equal(seen["status"], "revoked");
    assert.ok(!("token" in seen));
  });

  test("what the server refuses is told with its words and its request id, and ends with 1", async () => {
    const ended = await tabellion(["tenant", "show", UNKNOWN], operator);
    assert.equal(ended.code, 1);
    assert.equal(ended.stdout, "");
    assert.match(ended.stderr, /^tabellion: 404 tenant_not_found: .*\n {2}request id: req_[0-9A-Z]{26}\n$/);
    const invalid = await tabellion(["token", "create", "x", "--scope", "documents:fly"], tenant);
    assert.match(invalid.stderr, /422 [^]*scopes\.0[^]*request id: req_/);
    const wrong = await tabellion(["token", "list"], { ...tenant, SECUFILE_API_KEY: "sfk_live_wrong" });
    assert.match(wrong.stderr, /401 /);
    assert.ok(!wrong.stderr.includes("sfk_live_wrong"), "no secret is repeated");
  });

  test("backup makes and verifies a file with the server's own settings", async () => {
    const file = join(server.dataDirectory, "whole.backup");
    const env = {
      TABELLION_DATA: server.dataDirectory,
      DATABASE_URL: server.database.url,
      DATABASE_OWNER_URL: server.database.ownerUrl,
      TABELLION_BACKUP_PASSPHRASE: "correct horse battery staple",
    };
    const made = await tabellion(["backup", "create", file], env);
    assert.equal(made.code, 0, made.stderr);
    const verified = await tabellion(["backup", "verify", file], env);
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal((await tabellion(["backup", "fly", file], env)).code, 2);
  });
});

describe("the command line alone", () => {
  test("every command tells how it is used and ends with 0", async () => {
    const commands = ["", "config", "backup", "tenant", "tenant create", "tenant delete", "token", "token create"];
    const told = async (words: string): Promise<void> => {
      const ended = await tabellion([...words.split(" ").filter((word) => word !== ""), "--help"]);
      assert.equal(ended.code, 0, words);
      assert.ok(ended.stdout.length > 200 && ended.stderr === "", words);
    };
    await Promise.all(commands.map(told));
  });

  test("a command line that is not understood ends with 2 and says what is wrong", async () => {
    const wrong: readonly (readonly string[])[] = [
      [],
      ["fly"],
      ["tenant"],
      ["tenant", "fly"],
      ["tenant", "create"],
      ["tenant", "create", "a", "b"],
    ];
    const more = [
      ["tenant", "list", "--fly"],
      ["token", "create", "x"],
      ["token", "create", "--tenant"],
      ["constructor"],
    ];
    for (const args of [...wrong, ...more]) {
      const ended = await tabellion(args, { SECUFILE_API_KEY: "x" });
      assert.equal(ended.code, 2, args.join(" "));
      assert.ok(ended.stderr.length > 20 && ended.stdout === "", args.join(" "));
    }
    assert.equal(
      (await tabellion(["token", "rotate", "tok_x", "--overlap", "soon"], { SECUFILE_API_KEY: "x" })).code,
      2,
    );
  });

  test("a server that is not there, a missing token and a wrong URL end with 1 and one sentence", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const away = await tabellion(["token", "list"], { TABELLION_URL: url, SECUFILE_API_KEY: "x" });
    assert.deepEqual([away.code, away.stderr.includes("is the server running?")], [1, true]);
    const without = await tabellion(["token", "list"]);
    assert.deepEqual([without.code, without.stderr.includes("SECUFILE_API_KEY is not set")], [1, true]);
    const nowhere = await tabellion(["tenant", "list"], { TABELLION_DATA: "/no/such/folder" });
    assert.deepEqual([nowhere.code, nowhere.stderr.includes("/no/such/folder/operator.token")], [1, true]);
    const wrong = await tabellion(["token", "list"], { TABELLION_URL: "file:///etc", SECUFILE_API_KEY: "x" });
    assert.deepEqual([wrong.code, wrong.stderr.includes("is not the URL of a server")], [1, true]);
  });

  test("config prints every setting with its meaning and hides secrets", async () => {
    const ended = await tabellion(["config"], { TABELLION_METRICS_TOKEN: "a-secret-of-many-characters" });
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /^TABELLION_PORT = 8080 {2}\(default\)\n {4}TCP port of the API\.$/m);
    assert.match(ended.stdout, /^TABELLION_METRICS_TOKEN = \(set, hidden\)$/m);
    assert.equal((await tabellion(["config"], { TABELLION_PORT: "x" })).code, 1);
  });

  test("the bin of the package is executable and hands over to the installed Node where an older one starts it", async (t) => {
    await access(BIN, constants.X_OK);
    assert.match(await readFile(BIN, "utf8"), /^#!\/usr\/bin\/env node\n/);
    const older = await findOlderNode();
    t.diagnostic(older === null ? "no older Node on PATH: started by the installed one" : `started by ${older}`);
    const ended = await runProgram(older ?? process.execPath, [BIN, "config"]);
    assert.equal(ended.code, 0, ended.stderr);
    const failed = await runProgram(older ?? process.execPath, [BIN, "fly"]);
    assert.equal(failed.code, 2, "the exit code comes through");
  });
});

/** A Node on PATH whose major version is below the one that runs this test. */
async function findOlderNode(): Promise<string | null> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const program of [...folders, "/usr/local/bin", "/usr/bin"].map((folder) => join(folder, "node"))) {
    const version = await runProgram(program, ["--version"]).catch(() => null);
    const major = Number(/^v(\d+)\./.exec(version?.stdout ?? "")?.[1]);
    if (major >= 20 && major < Number(process.versions.node.split(".")[0])) return program;
  }
  return null;
}

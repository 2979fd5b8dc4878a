import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { codeAt, demoTenant, newPerson, PASSWORD, signIn, type Person } from "../support/people.ts";
import { programEnv, runProgram, type Ended } from "../support/run-program.ts";
import { clientOf, expected, expectedProblem, look, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";

const BIN = new URL("../../cli/tabellion.mjs", import.meta.url).pathname;
const SCRIPT = "/usr/bin/script";

describe("people who sign in by the command line", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  let tenantId: string;
  let owner: Person;
  let config: string;
  let file: string;
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    tenantId = await demoTenant(server.database.superUrl);
    owner = await newPerson(server, mailbox, { tenantId, role: "owner" });
  });
  beforeEach(async () => {
    config = await mkdtemp(join(tmpdir(), "tabellion-config-"));
    file = join(config, "tabellion", "session.json");
  });
  afterEach(() => rm(config, { recursive: true, force: true }));
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  function run(args: readonly string[], input = ""): Promise<Ended> {
    const env = { XDG_CONFIG_HOME: config, TABELLION_URL: server.origin };
    return runProgram(process.execPath, [BIN, ...args], { env, input });
  }
  async function said<T = Json>(args: readonly string[], input = ""): Promise<T> {
    const ended = await run([...args, "--json"], input);
    assert.equal(ended.code, 0, ended.stderr);
    return JSON.parse(ended.stdout) as T;
  }
  async function refused(args: readonly string[], wanted: RegExp, input = ""): Promise<void> {
    const ended = await run(args, input);
    assert.deepEqual([ended.code, ended.stdout], [1, ""], ended.stderr);
    assert.match(ended.stderr, wanted);
  }
  /** As somebody at a terminal, who types the password once it is asked for. */
  async function atTerminal(args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
    const command = [process.execPath, BIN, ...args].join(" ");
    const child = spawn(SCRIPT, ["-qec", command, "/dev/null"], {
      env: { ...programEnv(), XDG_CONFIG_HOME: config, TABELLION_URL: server.origin },
    });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const wasAsked = stdout.includes("Password: ");
      stdout += text;
      if (!wasAsked && stdout.includes("Password: ")) child.stdin.write(`${PASSWORD}\r`);
    });
    const [code] = await once(child, "close");
    return { code, stdout };
  }
  const login = (person: Pick<Person, "email">): Promise<Json> => said(["login", person.email], `${PASSWORD}\n`);
  const kept = async (): Promise<Json> => JSON.parse(await readFile(file, "utf8"));
  const change = async (more: Readonly<Record<string, unknown>>): Promise<void> =>
    writeFile(file, JSON.stringify({ ...(await kept()), ...more }));
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
  const member = (...args: string[]): string[] => ["member", ...args];

  test("signing in keeps the session where nobody else can read it, shows no token, and lets show who it is", async () => {
    const shown = await login(owner);
    assert.deepEqual([await modeOf(file), await modeOf(join(config, "tabellion"))], [0o600, 0o700]);
    const { accessToken, refreshToken } = await kept();
    for (const token of [accessToken, refreshToken]) assert.equal(JSON.stringify(shown).includes(token), false);
    const me = await said(["me"]);
    assert.deepEqual([me.email, me.role, me.tenant_id], [owner.email, "owner", tenantId]);
    assert.equal(me.session_id, shown.session_id);
    await refused(["me", "--url", "http://127.0.0.1:9"], /signed in at .*, not at/);
    await refused(["login", owner.email], /login_failed/, "a wrong password\n");
    assert.equal((await kept()).sessionId, shown.session_id, "a sign-in that failed changes nothing");
    await chmod(file, 0o640);
    await refused(["me"], /can be read by others/);
    await writeFile(file, "{}");
    await chmod(file, 0o600);
    await refused(["me"], /no session of ours/);
  });

  test("where no session could be kept nobody signs in: no folder, one that cannot be made, no file", async () => {
    const alive = async (): Promise<string[]> => {
      const text = "select id from platform.sessions where member_id = $1 and revoked_at is null order by id";
      return (await look(server.database.superUrl, text, [owner.memberId])).map(({ id }) => String(id));
    };
    const earlier = await alive();
    const plain = join(config, "plain");
    await writeFile(plain, "");
    await mkdir(join(config, "odd", "tabellion", "session.json"), { recursive: true });
    for (const [env, wanted] of [
      [{}, /set HOME or XDG_CONFIG_HOME/],
      [{ XDG_CONFIG_HOME: plain }, /plain\/tabellion cannot be made/],
      [{ XDG_CONFIG_HOME: join(config, "odd") }, /session\.json is no file/],
    ] as const) {
      const args = [BIN, "login", owner.email, "--url", server.origin];
      const ended = await runProgram(process.execPath, args, { env, input: `${PASSWORD}\n` });
      assert.deepEqual([ended.code, ended.stdout], [1, ""]);
      assert.match(ended.stderr, wanted);
    }
    assert.deepEqual(await alive(), earlier);
  });

  test("a sign-in in place of another session ends that one at the server, fresh or not, of the same server alone", async () => {
    const isAlive = async ({ session_id: id }: Json): Promise<boolean> => {
      const text = "select 1 from platform.sessions where id = $1 and revoked_at is null";
      return (await look(server.database.superUrl, text, [id])).length === 1;
    };
    const first = await login(owner);
    const second = await login(owner);
    await change({ accessUntil: 0 });
    const third = await login(owner);
    assert.deepEqual([await isAlive(first), await isAlive(second), await isAlive(third)], [false, false, true]);
    await change({ url: "http://127.0.0.1:9" });
    const fourth = await login(owner);
    assert.deepEqual([await isAlive(third), await isAlive(fourth)], [true, true]);
    await change({ accessUntil: 0, refreshToken: `tbr_${"0".repeat(26)}_${"0".repeat(26)}_1_${"A".repeat(43)}` });
    const over = await run(["login", owner.email], `${PASSWORD}\n`);
    assert.deepEqual([over.code, over.stderr.includes("warning")], [0, false], "one that is over needs no end");
  });

  test("a password comes from a file or standard input, and a code after it, never from the arguments", async () => {
    const careful = await newPerson(server, mailbox, { tenantId, role: "admin" });
    const client = await signIn(server.origin, careful);
    const { secret } = expected(await client.post("/v1/auth/totp", undefined), 201);
    const at = new Date();
    const body = { code: codeAt(String(secret), at) };
    const { recovery_codes: codes } = expected(await client.post("/v1/auth/totp/confirm", body), 200);
    const passwordFile = join(config, "password");
    await writeFile(passwordFile, `${PASSWORD}\n`);
    await said(["login", careful.email], `${PASSWORD}\n${codes[0]}\n`);
    await said(["login", careful.email, "--password-file", passwordFile, "--tenant", tenantId], `${codes[1]}\n`);
    await refused(["login", careful.email, "--password-file", passwordFile], /code_failed/, `${codes[1]}\n`);
    await refused(["login", careful.email], /nothing was read/);
    await refused(["login", careful.email, "--password-file", join(config, "none")], /cannot be read/);
    assert.equal((await run(["login", careful.email, PASSWORD])).code, 2);
  });

  test("an owner manages members as a member: every verb, as the audit log says", async () => {
    await login(owner);
    const email = "by-command@example.org";
    assert.equal((await run(member("invite", email))).code, 2, "a role is needed");
    const invited = await said(member("invite", email, "--role", "reader"));
    assert.equal(invited.invited_by, owner.memberId);
    assert.deepEqual(await said(member("invitations")), [invited]);
    await said(member("withdraw", invited.invitation_id));
    assert.deepEqual(await said(member("invitations")), []);
    const other = await newPerson(server, mailbox, { tenantId, role: "reader" });
    const has = async (): Promise<boolean> =>
      (await said<Json[]>(member("list"))).some(({ member_id: id }) => id === other.memberId);
    assert.equal(await has(), true);
    assert.equal((await said(member("role", other.memberId, "auditor"))).role, "auditor");
    assert.equal((await said(member("suspend", other.memberId))).state, "suspended");
    assert.equal((await said(member("suspend", other.memberId, "--resume"))).state, "active");
    await said(member("remove", other.memberId));
    assert.equal(await has(), false);
    const acts = await look(
      server.database.superUrl,
      `select distinct action from platform.audit_events
        where actor_type = 'member' and actor_id = $1 and outcome = 'success' order by 1`,
      [owner.memberId],
    );
    for (const act of ["inviteMember", "listInvitations", "withdrawInvitation", "listMembers", "changeMember"]) {
      assert.ok(
        acts.some(({ action }) => action === `platform.${act}`),
        act,
      );
    }
  });

  test("a member may by the command what the role may, and the operator goes on by --tenant", async () => {
    const reader = await newPerson(server, mailbox, { tenantId, role: "reader" });
    await login(reader);
    await refused(member("list"), /403/);
    await refused(member("invite", "x@example.org", "--role", "reader"), /403/);
    const env = { XDG_CONFIG_HOME: config, TABELLION_DATA: server.dataDirectory };
    const asOperator = member("list", "--tenant", tenantId, "--url", server.origin);
    assert.equal((await runProgram(process.execPath, [BIN, ...asOperator], { env })).code, 0);
  });

  test("without a session it says how to get one", async () => {
    for (const args of [["me"], ["logout"]]) await refused(args, /not signed in/);
    const ended = await run(member("list"));
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /--tenant ten_….*npx tabellion login/);
    await refused(member("list", "--url", server.origin), /not signed in/);
  });

  test("eight commands at once whose token is over spend the refresh token once, and the session lives", async () => {
    const { session_id: id } = await login(owner);
    const first = await kept();
    await change({ accessUntil: 0 });
    const ends = await Promise.all(Array.from({ length: 8 }, () => run(["me"])));
    for (const ended of ends) assert.equal(ended.code, 0, ended.stderr);
    const second = await kept();
    assert.notEqual(second.refreshToken, first.refreshToken);
    assert.deepEqual([second.sessionId, await modeOf(file)], [id, 0o600]);
    const refreshes = await look(
      server.database.superUrl,
      "select outcome from platform.audit_events where action = 'platform.refreshSession' and resource_id = $1",
      [id],
    );
    assert.deepEqual(refreshes, [{ outcome: "success" }]);
    await assert.rejects(stat(`${file}.lock`));
  });

  test("a lost answer to a refresh is asked for again; a lock that somebody left behind is no end", async () => {
    await login(owner);
    const { refreshToken } = await kept();
    // As a command that died before it wrote what it was given.
    const nobody = clientOf(server.origin, "");
    const lost = expected(await nobody.post("/v1/auth/refresh", { refresh_token: refreshToken }), 200);
    await change({ accessUntil: 0 });
    const old = new Date(Date.now() - 3_600_000);
    await writeFile(`${file}.lock`, "");
    await utimes(`${file}.lock`, old, old);
    await said(["me"]);
    assert.equal((await kept()).refreshToken, lost.refresh_token);
    // Of a command that was stopped a moment ago: it names its holder, and that one has ended.
    const ended = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(ended, "exit");
    await change({ accessUntil: 0 });
    await writeFile(`${file}.lock`, `${ended.pid} ${hostname()}\n`);
    await said(["me"]);
    await assert.rejects(stat(`${file}.lock`));
  });

  test("what needs a fresh proof says so where there is no terminal to ask at", async () => {
    const { session_id: id } = await login(owner);
    await look(
      server.database.superUrl,
      "update platform.sessions set created_at = created_at - interval '6 minutes' where id = $1",
      [id],
    );
    await change({ accessUntil: 0 });
    await refused(member("invite", "y@example.org", "--role", "reader"), /within the last five minutes/);
    await said(member("list"));
  });

  test("at a terminal the password is asked for and not shown, at the sign-in and for a fresh proof", async (t) => {
    const found = await runProgram(SCRIPT, ["--version"]).catch(() => null);
    if (found?.stdout.includes("util-linux") !== true) {
      t.skip("there is no script(1) of util-linux to make a terminal with");
      return;
    }
    const signedIn = await atTerminal(["login", owner.email]);
    assert.equal(signedIn.code, 0, signedIn.stdout);
    const { sessionId } = await kept();
    await look(
      server.database.superUrl,
      "update platform.sessions set created_at = created_at - interval '6 minutes' where id = $1",
      [sessionId],
    );
    await change({ accessUntil: 0 });
    const invited = await atTerminal(member("invite", "z@example.org", "--role", "reader"));
    assert.equal(invited.code, 0, invited.stdout);
    for (const { stdout } of [signedIn, invited]) {
      assert.match(stdout, /Password: \r?\n/);
      assert.equal(stdout.includes(PASSWORD), false);
    }
    assert.match(invited.stdout, /inv_/);
  });

  test("signing out ends the session at the server and here, also where it had ended before", async () => {
    await login(owner);
    const { refreshToken } = await kept();
    assert.equal((await said(["logout"])).is_ended, true);
    await assert.rejects(stat(file));
    const again = await clientOf(server.origin, "").post("/v1/auth/refresh", { refresh_token: refreshToken });
    expectedProblem(again, 401, "session_ended");
    await refused(["me"], /not signed in/);
    await login(owner);
    await change({ url: "http://127.0.0.1:9" });
    const unreached = await run(["logout", "--json"]);
    assert.deepEqual([unreached.code, JSON.parse(unreached.stdout).is_ended], [1, false]);
    assert.match(unreached.stderr, /ses_\w+ is forgotten here and not ended at http:\/\/127\.0\.0\.1:9/);
    await assert.rejects(stat(file));
    const { session_id: id } = await login(owner);
    const elsewhere = await signIn(server.origin, owner);
    expected(await elsewhere.call("DELETE", `/v1/auth/sessions/${id}`), 204);
    await change({ accessUntil: 0 });
    assert.equal((await said(["logout"])).is_ended, true);
    await assert.rejects(stat(file));
    await login(owner);
    const { sessionId } = await kept();
    expected(await elsewhere.call("DELETE", `/v1/auth/sessions/${sessionId}`), 204);
    await change({ accessUntil: 0 });
    await refused(["me"], /the session is over; sign in/);
  });
});

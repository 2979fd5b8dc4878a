import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stealAnswer } from "../support/cutting-proxies.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { holdTable } from "../support/held-table.ts";
import { expected, look, type Answer, type Json } from "../support/secufile-client.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, openSession, TEMPLATE, wideLimits, type AppUser } from "../support/ssks-app.ts";
import { newUser, type SsksClient } from "../support/ssks-client.ts";

const AT_ONCE = 64;
const VALIDATE = "/tmr/front/challenge_validate/";
const PUSH = "/tmr/front/push/";
const SEARCH = "/tmr/front/search/";

function times<T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => work(at)));
}

/** How many answers there are of each status. */
function statusesOf(answers: readonly Answer[]): Readonly<Record<number, number>> {
  const groups = Map.groupBy(answers, ({ status }) => status);
  return Object.fromEntries([...groups].map(([status, group]) => [status, group.length]));
}

describe("key storage when much happens at once, or breaks off", () => {
  let dataDirectory: string;
  let database: TestDatabase;
  let port: number;
  let server: TestServer;
  let app: SsksClient;
  const start = (): Promise<TestServer> =>
    startServer({ dataDirectory, database, port, env: { TABELLION_REQUESTS_PER_SECOND: "100000" } });
  before(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-ssks-"));
    database = await createTestDatabase();
    port = await freePort();
    server = await start();
    app = await newApp(server, { limits: wideLimits, sms_quota: 5 });
  });
  after(async () => {
    await server.stop();
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const proofOf = (user: AppUser): object => ({ challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor });
  const proved = async (user: AppUser): Promise<string> => {
    const { sessionId } = await openSession(app, user);
    return expected(await app.front(VALIDATE, sessionId, proofOf(user)), 200).new_id;
  };
  const stored = async (session: string): Promise<string> => expected(await app.front(SEARCH, session), 200).data_b64;
  const rowsOf = async (table: string, userId: string): Promise<Json> => {
    const where =
      table === "users" || table === "slots"
        ? "user_id = $1"
        : "user_ref in (select id from ssks.users where user_id = $1)";
    return look(database.superUrl, `select * from ssks.${table} where ${where}`, [userId]);
  };

  test("64 validations of one challenge at once give one session, and the others learn that there is none", async () => {
    const user = newUser();
    const { sessionId } = await openSession(app, user);
    const answers = await times(AT_ONCE, () => app.front(VALIDATE, sessionId, proofOf(user)));
    assert.deepEqual(statusesOf(answers), { 200: 1, 404: AT_ONCE - 1 });
    assert.equal((await rowsOf("sessions", user.user_id)).length, 1);
    const next = answers.find(({ status }) => status === 200)?.body.new_id;
    expected(await app.front(PUSH, next, { data_b64: "AAEC" }), 200);
  });

  test("of 64 wrong challenges at once five are tried, and then not even the right one", async () => {
    const user = newUser();
    const { sessionId } = await openSession(app, user);
    const wrong = { ...proofOf(user), challenge: "bbbbbbbb" };
    const answers = await times(AT_ONCE, () => app.front(VALIDATE, sessionId, wrong));
    assert.deepEqual(statusesOf(answers), { 403: 5, 404: AT_ONCE - 5 });
    expected(await app.front(VALIDATE, sessionId, proofOf(user)), 404);
    assert.deepEqual(await rowsOf("sessions", user.user_id), []);
  });

  test("64 pushes of a session at once leave one row, one id and one of the blobs whole", async () => {
    const user = newUser();
    const session = await proved(user);
    const blobs = Array.from({ length: AT_ONCE }, () => randomBytes(6_000).toString("base64"));
    const answers = await times(AT_ONCE, (at) => app.front(PUSH, session, { data_b64: blobs[at] }));
    assert.deepEqual(statusesOf(answers), { 200: AT_ONCE });
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
    assert.equal((await rowsOf("identities", user.user_id)).length, 1);
    assert.ok(blobs.includes(await stored(session)));
  });

  test("64 pushes under one password at once leave one row, one id and one of the blobs whole", async () => {
    const { user_id } = newUser();
    const order = { app_id: app.appId, user_id, secret: "the same" };
    const blobs = Array.from({ length: AT_ONCE }, () => randomBytes(6_000).toString("base64"));
    const answers = await times(AT_ONCE, (at) => app.front("/push/", null, { ...order, data_b64: blobs[at] }));
    assert.deepEqual(statusesOf(answers), { 200: AT_ONCE });
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
    assert.equal((await rowsOf("slots", user_id)).length, 1);
    assert.ok(blobs.includes(expected(await app.front("/search/", null, order), 200).data_b64));
  });

  test("64 passwords of one user at once fill as many slots as one may have, and no more", async () => {
    const narrow = await newApp(server, { limits: wideLimits, slots_per_user: 10 });
    const { user_id } = newUser();
    const order = { app_id: narrow.appId, user_id, data_b64: "AAEC" };
    const answers = await times(AT_ONCE, (at) => narrow.front("/push/", null, { ...order, secret: `secret ${at}` }));
    assert.deepEqual(statusesOf(answers), { 200: 10, 403: AT_ONCE - 10 });
    assert.equal((await rowsOf("slots", user_id)).length, 10);
  });

  test("64 twins of challenge_send make one user and one session: of all the ids that were told one lives", async () => {
    const user = newUser();
    const sessions = await times(AT_ONCE, () => openSession(app, user));
    assert.equal(new Set(sessions.map(({ sessionId }) => sessionId)).size, AT_ONCE);
    assert.equal((await rowsOf("users", user.user_id)).length, 1);
    assert.equal((await rowsOf("sessions", user.user_id)).length, 1);
    const answers = await times(AT_ONCE, (at) => app.front(VALIDATE, sessions[at]?.sessionId ?? "", proofOf(user)));
    assert.deepEqual(statusesOf(answers), { 200: 1, 404: AT_ONCE - 1 });
  });

  test("64 twins of create_user are all told ok, and make one user", async () => {
    const user = newUser();
    const answers = await times(AT_ONCE, () => app.back("/tmr/back/create_user/", user));
    for (const answer of answers) assert.deepEqual(expected(answer, 200), { status: "ok" });
    assert.equal((await rowsOf("users", user.user_id)).length, 1);
  });

  test("of 64 text messages at once a quota of five lets five through", async () => {
    const phone = (at: number): string => `+1206${String(server.pid).padStart(7, "5")}${String(at).padStart(2, "0")}`;
    const answers = await times(AT_ONCE, (at) =>
      app.back("/tmr/back/challenge_send/", {
        ...{ user_id: newUser().user_id, auth_factor: { type: "SMS", value: phone(at) }, create_user: true },
        ...{ force_auth: true, template: TEMPLATE },
      }),
    );
    assert.deepEqual(statusesOf(answers), { 200: 5, 406: AT_ONCE - 5 });
    const [usage] = await look(database.superUrl, "select sent from ssks.sms_usage where app_id = $1", [app.appId]);
    assert.equal(usage.sent, 5);
  });

  test("users that are deleted while they are sent challenges, prove themselves and store: no answer is a failure", async () => {
    const user = newUser();
    const answers = await times(AT_ONCE, async (at) => {
      if (at % 4 === 0) return [await app.back("/tmr/back/delete_user/", { user_id: user.user_id })];
      const order = { ...user, create_user: true, template: TEMPLATE, fake_otp: true };
      const opened = await app.back("/tmr/back/challenge_send/", order);
      const validated = await app.front(VALIDATE, opened.body?.session_id ?? null, proofOf(user));
      const session = validated.body?.new_id ?? opened.body?.session_id ?? null;
      return [opened, validated, await app.front(PUSH, session, { data_b64: "AAEC" })];
    });
    const statuses = statusesOf(answers.flat());
    assert.deepEqual(
      Object.keys(statuses).filter((status) => !["200", "404", "403"].includes(status)),
      [],
      JSON.stringify(statuses),
    );
    const opened = answers.flatMap(([first], at) => (at % 4 === 0 || first === undefined ? [] : [first.status]));
    assert.deepEqual(new Set(opened), new Set([200]), "with create_user there is always a user");
    expected(await app.back("/tmr/back/delete_user/", { user_id: user.user_id }), 200);
    for (const table of ["users", "sessions", "identities"]) assert.deepEqual(await rowsOf(table, user.user_id), []);
  });

  test("after a kill -9 between commit and answer the push is there, and its session goes on", async () => {
    const user = newUser();
    const session = await proved(user);
    const { id } = expected(await app.front(PUSH, session, { data_b64: "before" }), 200);
    const thief = await stealAnswer(server.origin);
    const headers = { "content-type": "application/json", "x-seald-appid": app.appId, "x-seald-session": session };
    const lost = fetch(thief.origin + PUSH, { method: "POST", headers, body: '{"data_b64":"unheard"}' }).catch(
      (error: unknown) => error,
    );
    assert.match((await thief.stolen).toString("latin1"), /^HTTP\/1\.1 200 /);
    await server.kill();
    await thief.close();
    assert.ok((await lost) instanceof Error);
    server = await start();
    assert.equal(await stored(session), "unheard");
    assert.equal(expected(await app.front(PUSH, session, { data_b64: "again" }), 200).id, id);
  });

  test("after a kill -9 amid pushes each that was acknowledged is there, or a later one of its own", async () => {
    const users = await times(8, async () => {
      const user = newUser();
      return { user, session: await proved(user), acknowledged: -1, sent: -1 };
    });
    const passwords = Array.from({ length: 8 }, () => ({ user_id: newUser().user_id, acknowledged: -1, sent: -1 }));
    const slotOf = (user_id: string): object => ({ app_id: app.appId, user_id, secret: "s" });
    const untilKilled = async (
      one: { acknowledged: number; sent: number },
      push: (data: string) => Promise<Answer>,
    ): Promise<void> => {
      for (;;) {
        one.sent += 1;
        const answer = await push(String(one.sent)).catch(() => null);
        if (answer?.status !== 200) return;
        one.acknowledged = one.sent;
      }
    };
    const running = [
      ...users.map((one) => untilKilled(one, (data_b64) => app.front(PUSH, one.session, { data_b64 }))),
      ...passwords.map((one) =>
        untilKilled(one, (data_b64) => app.front("/push/", null, { ...slotOf(one.user_id), data_b64 })),
      ),
    ];
    // In the middle of some for certain: they stand before the table.
    while (users.some(({ acknowledged }) => acknowledged < 3)) await app.front(SEARCH, users[0]?.session ?? null);
    const held = await holdTable(database.superUrl, "ssks.identities");
    await held.waiting(1);
    await server.kill();
    await held.letGo();
    await Promise.all(running);
    server = await start();
    for (const { session, acknowledged, sent } of users) {
      const found = Number(await stored(session));
      assert.ok(found === acknowledged || found === sent, `${found} is stored, ${acknowledged} was acknowledged`);
    }
    for (const { user_id, acknowledged, sent } of passwords) {
      const answer = await app.front("/search/", null, slotOf(user_id));
      const found = acknowledged < 0 && answer.status === 404 ? -1 : Number(expected(answer, 200).data_b64);
      assert.ok(found === acknowledged || found === sent, `${found} is stored, ${acknowledged} was acknowledged`);
    }
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../support/embedded-folder.ts";
import { openMailbox } from "../support/mailbox.ts";
import { clientOf, expected, look } from "../support/secufile-client.ts";
import { freePort, startTestServer } from "../support/server.ts";
import { newApp, openSession, wideLimits } from "../support/ssks-app.ts";
import { startLocalServer, type LocalServer } from "../support/local-server.ts";
import { demoSsks, newUser, type SsksClient } from "../support/ssks-client.ts";

describe("challenges that wait because the mail server is away", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let app: SsksClient;
  let port: number;
  let gateway: LocalServer;
  let answer = 503;
  before(async () => {
    gateway = await startLocalServer((_request, response) => void response.writeHead(answer).end());
    port = await freePort();
    server = await startTestServer({
      TABELLION_MAIL_FROM: "keys@tabellion.test",
      TABELLION_SMTP_URL: `smtp://127.0.0.1:${port}?tls=off`,
      TABELLION_SMS_URL: `${gateway.url}/send`,
      TABELLION_SMS_TOKEN: "a-token",
    });
    app = await newApp(server, { limits: wideLimits });
  });
  after(async () => {
    await server.remove();
    await gateway.close();
  });

  const rows = (text: string): ReturnType<typeof look> => look(server.database.superUrl, text);
  const states = async (): Promise<Readonly<Record<string, number>>> => {
    const counted = await rows("select state, count(*)::int as count from platform.notifications group by state");
    return Object.fromEntries(counted.map(({ state, count }: { state: string; count: number }) => [state, count]));
  };
  const triedInVain = (count: number): Promise<void> =>
    until(`${count} were tried in vain`, async () => {
      const [row] = await rows("select count(*)::int as tried from platform.notifications where attempts > 0");
      return row.tried === count;
    });
  const contents = async (): Promise<number> =>
    (await rows("select count(*)::int as count from platform.notification_contents"))[0].count;

  test("SK-34 go out to nobody whose user was deleted, whose session was replaced, or has ended", async (t) => {
    const order = { force_auth: true, fake_otp: false };
    const [deleted, replaced, ended, waiting] = [newUser(), newUser(), newUser(), newUser()];
    const open = async (user: typeof waiting): Promise<string> => (await openSession(app, user, order)).sessionId;
    await open(deleted);
    await open(replaced);
    const dead = await open(ended);
    await open(waiting);
    await triedInVain(4);
    await open(replaced);
    await triedInVain(5);
    const about = `about in (select app_id || '/' || id from ssks.users where user_id = '${deleted.user_id}')`;
    const [{ id }] = await rows(`select id from platform.notification_contents where ${about}`);
    expected(await app.back("/tmr/back/delete_user/", { user_id: deleted.user_id }), 200);
    assert.deepEqual(await rows(`select id from platform.notification_contents where id = '${id}'`), []);
    assert.deepEqual(await rows(`select state from platform.notifications where id = '${id}'`), [
      { state: "withdrawn" },
    ]);
    for (let tries = 0; tries < 5; tries++) {
      const wrong = { challenge: "aaaaaaaa", auth_factor: ended.auth_factor };
      expected(await app.front("/tmr/front/challenge_validate/", dead, wrong), 403);
    }
    const mailbox = await openMailbox(null, port);
    t.after(() => mailbox.close());
    await rows("update graphile_worker._private_jobs set run_at = now() where payload->>'id' like 'ntf_%'");
    await until("all is over", async () => {
      const { waiting: waits, sending } = await states();
      return waits === undefined && sending === undefined;
    });
    assert.deepEqual([await states(), await contents()], [{ sent: 2, withdrawn: 3 }, 0]);
    const seen = mailbox.mails.map(({ to }) => to).toSorted();
    assert.deepEqual(seen, [replaced, waiting].map(({ auth_factor: { value } }) => value).toSorted());
    const failures = "select id from platform.audit_events where action = 'platform.sendNotification'";
    assert.deepEqual(await rows(failures), []);
  });

  test("SK-13 a text message that is refused, withdrawn or not wanted any more does not count, one that may have gone does", async () => {
    const phones = await newApp(server, { sms_quota: 2, limits: wideLimits });
    const open = (user_id: string): Promise<unknown> => {
      const user = { user_id, auth_factor: { type: "SMS", value: "+12065550100" } } as const;
      return openSession(phones, user, { force_auth: true, fake_otp: false });
    };
    const sent = async (): Promise<number> =>
      (await rows(`select sent from ssks.sms_usage where app_id = '${phones.appId}'`))[0].sent;
    const told = (count: number): Promise<void> => until(`${count} count`, async () => (await sent()) === count);
    await open("one");
    await open("two");
    await assert.rejects(open("third"), /406/);
    assert.equal(await sent(), 2);
    await until("both wait for another attempt", async () => {
      const tried = "select id from platform.notifications where kind = 'sms' and state = 'waiting' and attempts > 0";
      return (await rows(tried)).length === 2;
    });
    for (const [user_id, left] of [
      ["one", 1],
      ["two", 0],
    ] as const) {
      expected(await phones.back("/tmr/back/delete_user/", { user_id }), 200);
      assert.equal(await sent(), left, "withdrawn");
    }
    answer = 400;
    await open("refused");
    await told(0);
    answer = 500;
    await open("uncertain");
    await until("it is uncertain", async () => (await states()).uncertain === 1);
    assert.equal(await sent(), 1);
    answer = 503;
    await open("of a deleted application");
    assert.equal(await contents(), 1);
    expected(
      await clientOf(server.origin, (await demoSsks(server)).token).call("DELETE", `/v1/ssks/apps/${phones.appId}`),
      204,
    );
    assert.equal(await contents(), 0);
  });
});

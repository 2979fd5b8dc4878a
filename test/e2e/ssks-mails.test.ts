import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../support/embedded-folder.ts";
import { openMailbox } from "../support/mailbox.ts";
import { expected, look } from "../support/secufile-client.ts";
import { freePort, startTestServer } from "../support/server.ts";
import { newApp, openSession, wideLimits } from "../support/ssks-app.ts";
import { newUser, type SsksClient } from "../support/ssks-client.ts";

describe("challenges that wait because the mail server is away", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let app: SsksClient;
  let port: number;
  before(async () => {
    port = await freePort();
    server = await startTestServer({
      TABELLION_MAIL_FROM: "keys@tabellion.test",
      TABELLION_SMTP_URL: `smtp://127.0.0.1:${port}?tls=off`,
    });
    app = await newApp(server, { limits: wideLimits });
  });
  after(() => server.remove());

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
    const about = `about in (select id from ssks.users where user_id = '${deleted.user_id}')`;
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
});

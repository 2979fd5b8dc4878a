import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { eventually, expected, look, type Answer, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, type AppUser } from "../support/ssks-app.ts";
import { demoSsks, newUser, said, wrongFields, type SsksClient } from "../support/ssks-client.ts";
import { columnsWith, guessableHashes, hexOf, tablesWith } from "../support/stored-bytes.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TEMPLATE = "<h1>Hello</h1><p>Your code is <b>$$CHALLENGE$$</b>, again: $$CHALLENGE$$</p>";
const NOBODY = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";
const CHALLENGE = /\b[a-hj-km-np-z2-9]{8}\b/;

describe("SSKS as an application's server sees it", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  let ssks: SsksClient & { token: string };
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    ssks = await demoSsks(server);
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  const send = async (user: object, more: object = {}, client: SsksClient = ssks): Promise<Json> =>
    expected(await client.back("/tmr/back/challenge_send/", { ...user, template: TEMPLATE, ...more }), 200);
  /** With an identity that is stored: from then on the factor must be proved. */
  const registered = async (client: SsksClient = ssks): Promise<ReturnType<typeof newUser>> => {
    const user = newUser();
    const { session_id: session } = await send(user, { create_user: true }, client);
    expected(await client.front("/tmr/front/push/", session, { data_b64: "AAEC" }), 200);
    return user;
  };
  /** A session that proved itself and has stored `data`. */
  const stored = async (user: AppUser, data: string): Promise<string> => {
    const { session_id: session } = await send(user, { create_user: true, fake_otp: true });
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    const { new_id: next } = expected(await ssks.front("/tmr/front/challenge_validate/", session, proof), 200);
    expected(await ssks.front("/tmr/front/push/", next, { data_b64: data }), 200);
    return next;
  };
  /** Mails and messages that were ever ordered: the row of one commits with the request. */
  const ordered = async (): Promise<number> => {
    const rows = await look(server.database.superUrl, "select count(*)::int as count from platform.notifications");
    return rows[0].count;
  };

  /** Each route with an order that it takes. */
  const orders = (user: AppUser): readonly (readonly [string, object])[] => {
    const { user_id, auth_factor } = user;
    return [
      ["/tmr/back/challenge_send/", { ...user, template: TEMPLATE, create_user: true, fake_otp: true }],
      ["/tmr/back/must_authenticate/", auth_factor],
      ["/tmr/back/create_user/", user],
      ["/tmr/back/identity_check/", { user_id }],
      ["/tmr/back/delete_user/", { user_id }],
      ["/strict/back/identity_check/", { user_id }],
      ["/strict/back/identity_delete/", { user_id }],
    ];
  };

  test("SK-02 SK-03 SK-05 SK-45 without the id and a key of one and the same application no route answers or does anything", async () => {
    const user = newUser();
    const session = await stored(user, "AAEC");
    const slot = { app_id: ssks.appId, user_id: user.user_id, secret: "s", data_b64: "AAEC" };
    expected(await ssks.front("/push/", null, slot), 200);
    const other = await newApp(server);
    const wrong: Readonly<Record<string, string | null>>[] = [
      ...[null, "", "wrong", other.apiKey, ssks.token, `${ssks.apiKey}x`].map((key) => ({ "x-seald-apikey": key })),
      ...[null, "", "wrong", NOBODY, other.appId].map((id) => ({ "x-seald-appid": id })),
      { "x-seald-apikey": null, "x-seald-appid": null },
    ];
    for (const [path, body] of orders(user)) {
      const answers = await Promise.all(wrong.map((headers) => ssks.back(path, body, headers)));
      for (const answer of answers) {
        assert.equal(said(answer, 401), '{"detail":"Invalid application credentials."}', path);
      }
    }
    expected(await ssks.front("/tmr/front/search/", session), 200);
    expected(await ssks.front("/search/", null, slot), 200);
    for (const [path, body] of orders(user)) expected(await ssks.back(path, body), 200);
  });

  test("every route answers with and without the slash at the end", async () => {
    const user = newUser();
    for (const [path, body] of orders(user)) {
      for (const spelled of [path, path.slice(0, -1)]) expected(await ssks.back(spelled, body), 200);
    }
  });

  test("SK-05 SK-06 SK-14 a missing user is made where that is wanted, and is a 404 otherwise", async () => {
    const user = newUser();
    const refused = await ssks.back("/tmr/back/challenge_send/", { ...user, template: TEMPLATE });
    assert.equal(said(refused, 404), '{"model":"TMRUser"}');
    await send(user, { create_user: true });
    await send(user, { create_user: false });
    await send(newUser(), { create_user: "true", force_auth: "false", unknown: 1 });
    await send(newUser(), { create_user: "true", force_auth: null, fake_otp: null });
  });

  test("SK-07 SK-08 SK-09 SK-26 a session and whether it must be authenticated: once something is stored with the factor", async () => {
    const user = newUser();
    const first = await send(user, { create_user: true });
    assert.deepEqual(Object.keys(first).toSorted(), ["must_authenticate", "session_id"]);
    assert.match(first.session_id, UUID);
    assert.equal(first.must_authenticate, false);
    assert.equal((await send(user)).must_authenticate, false, "a session alone stores nothing");
    const known = await registered();
    assert.equal((await send(known)).must_authenticate, true);
    assert.equal(
      (await send({ ...newUser(), auth_factor: known.auth_factor }, { create_user: true })).must_authenticate,
      true,
    );
    const elsewhere = await send(known, { create_user: true }, await newApp(server));
    assert.equal(elsewhere.must_authenticate, false, "another application knows nothing of it");
  });

  test("SK-10 SK-11 SK-22 SK-23 the challenge goes to the user by mail, and into no answer, log or readable column", async () => {
    const user = await registered();
    const order = { ...user, template: TEMPLATE, subject: "Your code\r\nBcc: x@example.org" };
    const answer = await ssks.back("/tmr/back/challenge_send/", order);
    const { session_id: session } = expected(answer, 200);
    const mail = await mailbox.mailTo(user.auth_factor.value);
    const challenge = CHALLENGE.exec(mail.text)?.[0] ?? "";
    assert.match(challenge, CHALLENGE);
    assert.equal(said(answer, 200), JSON.stringify({ session_id: session, must_authenticate: true }));
    assert.ok(!answer.bytes.includes(challenge) && ![...answer.headers].flat().join("\n").includes(challenge));
    assert.equal(mail.html.split(challenge).length, 3, "every mark is replaced");
    assert.match(mail.html, /<h1>Hello<\/h1>/);
    assert.match(mail.text, new RegExp(`^Hello\\s+Your code is ${challenge}, again: ${challenge}\\s*$`));
    assert.equal(mail.subject, "Your code Bcc: x@example.org");
    await send(user);
    assert.equal((await mailbox.mailTo(user.auth_factor.value, 2)).subject, "End-to-end encryption challenge");
    assert.ok(!server.output().includes(challenge));
    for (const secret of [challenge, session, user.auth_factor.value]) {
      assert.deepEqual(await tablesWith(server.database.superUrl, secret), []);
    }
    assert.deepEqual(await tablesWith(server.database.superUrl, user.user_id), ["ssks.users"]);
  });

  test("SK-11 of a mail that is sent neither content nor job is left", async () => {
    const user = await registered();
    await send(user);
    const [{ id }] = await look(
      server.database.superUrl,
      "select id from platform.notifications where purpose = 'ssks.challenge' order by id desc limit 1",
    );
    await mailbox.mailTo(user.auth_factor.value);
    await eventually("address and challenge are erased, and the job is gone", async () => {
      const [left] = await look(
        server.database.superUrl,
        `select (select state from platform.notifications where id = $1) as state,
                (select count(*)::int from platform.notification_contents where id = $1) as contents,
                (select count(*)::int from graphile_worker._private_jobs where payload::text like '%' || $1 || '%') as jobs`,
        [id],
      );
      return left.state === "sent" && left.contents === 0 && left.jobs === 0 ? true : null;
    });
  });

  test("SK-12 a challenge is good for six hours and not for longer", async () => {
    const later = (user: AppUser, minutes: number): Promise<unknown> =>
      look(
        server.database.superUrl,
        `update ssks.sessions s set expires_at = expires_at - make_interval(mins => $2)
           from ssks.users u where u.id = s.user_ref and u.user_id = $1`,
        [user.user_id, minutes],
      );
    const sent = async (user: AppUser): Promise<{ session: string; proof: object }> => {
      const { session_id: session } = await send(user);
      const { text } = await mailbox.mailTo(user.auth_factor.value);
      return { session, proof: { challenge: CHALLENGE.exec(text)?.[0], auth_factor: user.auth_factor } };
    };
    const [early, late] = [await registered(), await registered()];
    const [inTime, tooLate] = [await sent(early), await sent(late)];
    await later(early, 359);
    await later(late, 361);
    const over = await ssks.front("/tmr/front/challenge_validate/", tooLate.session, tooLate.proof);
    assert.equal(said(over, 404), '{"model":"TMRSession"}');
    const proved = await ssks.front("/tmr/front/challenge_validate/", inTime.session, inTime.proof);
    const { new_id: session } = expected(proved, 200);
    await later(early, 361);
    assert.equal(said(await ssks.front("/tmr/front/search/", session), 404), '{"model":"TMRSession"}');
  });

  test("SK-15 SK-17 SK-18 SK-19 user ids stand in clear, factors only as keyed hashes, and are compared in one spelling", async () => {
    const user = await registered();
    const spelled = { type: "EM", value: ` ${user.auth_factor.value.toUpperCase().replace("@", " @ ")} ` };
    assert.equal((await send({ ...user, auth_factor: spelled })).must_authenticate, true);
    const [row] = await look(server.database.superUrl, "select * from ssks.users where user_id = $1", [user.user_id]);
    assert.equal(row.user_id, user.user_id);
    assert.equal(row.factor_mac.length, 32);
    assert.deepEqual(columnsWith(row, user.auth_factor.value), []);
    for (const auth_factor of [
      { type: "XX", value: "a@example.org" },
      { type: "EM" },
      { value: "a@example.org" },
      { type: "SMS", value: "0612345678" },
      { type: "SMS", value: "+33 6 12 34 56 78" },
      { type: "EM", value: "no address" },
      "a@example.org",
      {},
    ]) {
      const answer = await ssks.back("/tmr/back/challenge_send/", { user_id: "x", auth_factor, template: TEMPLATE });
      assert.deepEqual(wrongFields(answer), ["auth_factor"]);
      assert.equal(typeof answer.body.detail, "string");
    }
    for (const user_id of [undefined, "", 7, null, "x".repeat(257)]) {
      assert.deepEqual(wrongFields(await ssks.back("/tmr/back/create_user/", { ...user, user_id })), ["user_id"]);
    }
  });

  test("SK-18 the hash of a factor has a key that is not in the database, and is another one in another application", async () => {
    const user = newUser();
    const { type, value } = user.auth_factor;
    const other = await newApp(server);
    const macs = await Promise.all(
      [ssks, other].map(async (client) => {
        expected(await client.back("/tmr/back/create_user/", user), 200);
        const [row] = await look(
          server.database.superUrl,
          "select * from ssks.users where user_id = $1 and app_id = $2",
          [user.user_id, client.appId],
        );
        const { appId } = client;
        const parts = [[value], [type, value], [appId, value], [appId, type, value], ["ssks", appId, type, value]];
        const mac = hexOf(row.factor_mac);
        assert.ok(!guessableHashes(parts, [appId, row.tenant_id, row.id, user.user_id]).has(mac));
        return mac;
      }),
    );
    assert.notEqual(macs[0], macs[1]);
  });

  test("SK-16 two users share a factor, each with an identity of its own; an order without a factor is refused", async () => {
    const one = newUser();
    const two = { user_id: newUser().user_id, auth_factor: one.auth_factor };
    const sessions = [await stored(one, "AAEC"), await stored(two, "BBBB")];
    for (const [at, data_b64] of ["AAEC", "BBBB"].entries()) {
      const found = await ssks.front("/tmr/front/search/", sessions[at] ?? null);
      assert.equal(expected(found, 200).data_b64, data_b64);
    }
    for (const user of [one, two]) {
      assert.equal(expected(await ssks.back("/tmr/back/identity_check/", user), 200).identities_count, 1);
    }
    for (const path of ["/tmr/back/challenge_send/", "/tmr/back/create_user/"]) {
      for (const absent of [{}, { auth_factor: null }, { auth_factor: {} }]) {
        const order = { user_id: one.user_id, template: TEMPLATE, ...absent };
        assert.deepEqual(wrongFields(await ssks.back(path, order)), ["auth_factor"]);
      }
    }
  });

  test("SK-20 email is an older name of a factor; two that differ are refused, none is, too", async () => {
    const user = newUser();
    const email = user.auth_factor.value.toUpperCase();
    await send({ user_id: user.user_id, email }, { create_user: true });
    await send(user);
    await send({ ...user, email });
    const both = { ...user, email: "other@example.org", template: TEMPLATE };
    assert.deepEqual(wrongFields(await ssks.back("/tmr/back/challenge_send/", both)), ["email"]);
    const none = { user_id: user.user_id, template: TEMPLATE, auth_factor: null };
    assert.deepEqual(wrongFields(await ssks.back("/tmr/back/challenge_send/", none)), ["auth_factor"]);
  });

  test("SK-21 SK-27 force_auth asks for a challenge of a new factor, whose session else stores without one", async () => {
    const forced = newUser();
    const { session_id: session, must_authenticate } = await send(forced, { create_user: true, force_auth: true });
    assert.equal(must_authenticate, true);
    expected(await ssks.front("/tmr/front/push/", session, { data_b64: "AAEC" }), 403);
    await mailbox.mailTo(forced.auth_factor.value);
    await registered();
  });

  test("SK-24 SK-25 SK-47 fake_otp sends nothing and its challenge is aaaaaaaa, but never in production", async () => {
    const user = await registered();
    const earlier = await ordered();
    const { session_id: session } = await send(user, { fake_otp: true });
    const proof = { challenge: "aaaaaaaa", auth_factor: user.auth_factor };
    expected(await ssks.front("/tmr/front/challenge_validate/", session, proof), 200);
    const fresh = newUser();
    const open = await send(fresh, { fake_otp: true, create_user: true });
    assert.equal(open.must_authenticate, false);
    const { auth_factor } = fresh;
    expected(
      await ssks.front("/tmr/front/challenge_validate/", open.session_id, { challenge: "aaaaaaab", auth_factor }),
      403,
    );
    expected(
      await ssks.front("/tmr/front/challenge_validate/", open.session_id, { challenge: "aaaaaaaa", auth_factor }),
      200,
    );
    assert.equal(await ordered(), earlier);
    await send(user);
    assert.equal(await ordered(), earlier + 1, "an order without it is seen");
    const production = await newApp(server, { environment: "production" });
    const order = { ...fresh, template: TEMPLATE, create_user: true, fake_otp: true };
    const refused = await production.back("/tmr/back/challenge_send/", order);
    assert.equal(said(refused, 406), '{"detail":"FakeOTPForbidden"}');
  });

  test("SK-28 SK-29 SK-30 must_authenticate tells the same of a factor without a user, and sends nothing", async () => {
    const user = await registered();
    const earlier = await ordered();
    const ask = async (body: object): Promise<Json> =>
      expected(await ssks.back("/tmr/back/must_authenticate/", body), 200);
    assert.deepEqual(await ask(user.auth_factor), { must_authenticate: true });
    assert.deepEqual(await ask(newUser().auth_factor), { must_authenticate: false });
    assert.deepEqual(await ask({ type: "SMS", value: "+12065550199" }), { must_authenticate: false });
    for (const body of [{ type: "EM" }, { value: "a@example.org" }, { type: "SMS", value: "12065550100" }, {}]) {
      expected(await ssks.back("/tmr/back/must_authenticate/", body), 400);
    }
    assert.equal(await ordered(), earlier);
  });

  test("SK-31 SK-32 SK-33 a user is made by hand, again without a complaint", async () => {
    const user = newUser();
    for (const body of [user, user, { user_id: user.user_id, email: user.auth_factor.value }]) {
      const answer = await ssks.back("/tmr/back/create_user/", body);
      assert.equal(said(answer, 200), '{"status":"ok"}');
    }
    const [{ count }] = await look(
      server.database.superUrl,
      "select count(*)::int as count from ssks.users where user_id = $1",
      [user.user_id],
    );
    assert.equal(count, 1);
    await send(user);
  });

  test("SK-34 SK-35 SK-36 a user is deleted with sessions and identities, by one factor or all", async () => {
    const user = await registered();
    const second = { user_id: user.user_id, auth_factor: newUser().auth_factor };
    const { session_id: session } = await send(second, { create_user: true });
    expected(await ssks.front("/tmr/front/push/", session, { data_b64: "AAEC" }), 200);
    const remove = async (body: object): Promise<Json> =>
      expected(await ssks.back("/tmr/back/delete_user/", body), 200);
    expected(await ssks.back("/tmr/back/delete_user/", { ...second, auth_factor: { type: "EM" } }), 400);
    assert.deepEqual(await remove({ ...second, auth_factor: newUser().auth_factor }), { status: "ok", deleted: 0 });
    assert.deepEqual(await remove(second), { status: "ok", deleted: 1 });
    expected(await ssks.front("/tmr/front/push/", session, { data_b64: "AAEC" }), 404);
    assert.deepEqual(await remove({ user_id: user.user_id }), { status: "ok", deleted: 1 });
    assert.deepEqual(await remove({ user_id: user.user_id }), { status: "ok", deleted: 0 });
    assert.equal((await send(user, { create_user: true })).must_authenticate, false);
  });

  test("SK-34 SK-35 SK-36 of a user with three factors one goes by its factor and two without; who shares one stays", async () => {
    const { user_id, auth_factor: first } = newUser();
    const [second, third] = [newUser().auth_factor, newUser().auth_factor];
    for (const auth_factor of [first, second, third]) await stored({ user_id, auth_factor }, "AAEC");
    const other = { user_id: newUser().user_id, auth_factor: second };
    const session = await stored(other, "BBBB");
    const remove = (more: object = {}): Promise<Answer> => ssks.back("/tmr/back/delete_user/", { user_id, ...more });
    for (const auth_factor of [{ value: second.value }, { type: "EM" }, {}]) {
      assert.deepEqual(wrongFields(await remove({ auth_factor })), ["auth_factor"]);
    }
    assert.equal(said(await remove({ auth_factor: second }), 200), '{"status":"ok","deleted":1}');
    assert.equal(said(await remove(), 200), '{"status":"ok","deleted":2}');
    const [left] = await look(
      server.database.superUrl,
      "select count(*)::int as users from ssks.users where user_id = $1",
      [user_id],
    );
    assert.equal(left.users, 0);
    assert.equal(expected(await ssks.front("/tmr/front/search/", session), 200).data_b64, "BBBB");
    assert.equal(expected(await ssks.back("/tmr/back/identity_check/", other), 200).identities_count, 1);
    assert.equal(expected(await ssks.back("/tmr/back/must_authenticate/", second), 200).must_authenticate, true);
  });

  test("SK-37 SK-38 SK-39 SK-40 identities are counted by user, and by factor where one is named", async () => {
    const user = await registered();
    const check = async (body: object): Promise<Json> =>
      expected(await ssks.back("/tmr/back/identity_check/", body), 200);
    const about = { user: { user_id: user.user_id, app_id: ssks.appId } };
    assert.deepEqual(await check({ user_id: user.user_id }), { identities_count: 1, ...about });
    assert.deepEqual(await check(user), { identities_count: 1, ...about });
    assert.deepEqual(await check({ ...user, auth_factor: newUser().auth_factor }), { identities_count: 0, ...about });
    assert.deepEqual(await check({ user_id: "nobody" }), {
      identities_count: 0,
      user: { user_id: "nobody", app_id: ssks.appId },
    });
    const second = newUser().auth_factor;
    await stored({ ...user, auth_factor: second }, "AAEC");
    assert.equal((await check({ ...user, auth_factor: {} })).identities_count, 2, "no member: no factor");
    assert.equal((await check({ ...user, auth_factor: {}, email: second.value })).identities_count, 1);
    for (const auth_factor of [{ type: "EM" }, { value: "a@example.org" }, { type: "XX", value: "x" }, "EM"]) {
      const refused = await ssks.back("/tmr/back/identity_check/", { ...user, auth_factor });
      assert.deepEqual(wrongFields(refused), ["auth_factor"]);
    }
  });

  test("SK-41 SK-42 SK-43 SK-44 what is kept under passwords is counted and deleted together", async () => {
    const user_id = newUser().user_id;
    const check = async (): Promise<Json> =>
      expected(await ssks.back("/strict/back/identity_check/", { user_id }), 200);
    const user = { user_id, app_id: ssks.appId };
    assert.deepEqual(await check(), { identities_count: 0, user });
    for (const secret of ["one", "two"]) {
      expected(await ssks.front("/push/", null, { app_id: ssks.appId, user_id, secret, data_b64: "AAEC" }), 200);
    }
    assert.deepEqual(await check(), { identities_count: 2, user });
    for (let times = 0; times < 2; times++) {
      const answer = await ssks.back("/strict/back/identity_delete/", { user_id });
      assert.equal(said(answer, 200), '{"status":"ok"}');
    }
    assert.deepEqual(await check(), { identities_count: 0, user });
    expected(await ssks.back("/strict/back/identity_delete/", {}), 400);
  });

  test("SK-04 another type of body, a broken body and another method are refused in the contract's own words", async () => {
    const url = `${server.origin}/tmr/back/identity_check/`;
    const headers = { "x-seald-appid": ssks.appId, "x-seald-apikey": ssks.apiKey };
    const answers = [
      [415, await fetch(url, { method: "POST", headers: { ...headers, "content-type": "text/plain" }, body: "{}" })],
      [
        400,
        await fetch(url, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: "{" }),
      ],
      [405, await fetch(url, { method: "GET", headers })],
      [404, await fetch(`${server.origin}/tmr/back/nothing/`, { method: "POST", headers })],
    ] as const;
    for (const [status, answer] of answers) {
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("access-control-allow-origin"), null, "the back end is not for pages");
      assert.equal(typeof ((await answer.json()) as Json).detail, "string");
    }
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { expected, look, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { demoSsks, newUser, said, ssksClientOf, wrongFields, type SsksClient } from "../support/ssks-client.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TEMPLATE = "<h1>Hello</h1><p>Your code is <b>$$CHALLENGE$$</b>, again: $$CHALLENGE$$</p>";
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

  const manage = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const answer = await fetch(`${server.origin}/v1/ssks/apps${path}`, {
      method,
      headers: { authorization: `Bearer ${ssks.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, await answer.clone().text());
    return answer.status === 204 ? null : answer.json();
  };
  const newApp = async (settings: Readonly<Record<string, unknown>>): Promise<SsksClient> => {
    const app = await manage("POST", "", { name: "another", ...settings });
    return ssksClientOf(server.origin, app.app_id, (await manage("POST", `/${app.app_id}/keys`)).api_key);
  };
  const send = async (user: object, more: object = {}, client: SsksClient = ssks): Promise<Json> =>
    expected(await client.back("/tmr/back/challenge_send/", { ...user, template: TEMPLATE, ...more }), 200);
  /** With an identity that is stored: from then on the factor must be proved. */
  const registered = async (client: SsksClient = ssks): Promise<ReturnType<typeof newUser>> => {
    const user = newUser();
    const { session_id: session } = await send(user, { create_user: true }, client);
    expected(await client.front("/tmr/front/push/", session, { data_b64: "AAEC" }), 200);
    return user;
  };

  test("SK-02 SK-03 SK-45 without the id and a key of one and the same application nothing is answered", async () => {
    const body = { user_id: "x" };
    const other = await newApp({});
    const wrong: Readonly<Record<string, string>>[] = [
      { "x-seald-apikey": "" },
      { "x-seald-apikey": "wrong" },
      { "x-seald-apikey": other.apiKey },
      { "x-seald-apikey": ssks.token },
      { "x-seald-appid": other.appId },
      { "x-seald-appid": "" },
    ];
    for (const headers of wrong) {
      const answer = await ssks.back("/strict/back/identity_check/", body, headers);
      assert.equal(said(answer, 401), '{"detail":"Invalid application credentials."}');
    }
    expected(await ssks.back("/strict/back/identity_check/", body), 200);
    expected(await ssks.back("/strict/back/identity_check", body), 200);
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
    const elsewhere = await send(known, { create_user: true }, await newApp({}));
    assert.equal(elsewhere.must_authenticate, false, "another application knows nothing of it");
  });

  test("SK-10 SK-11 SK-22 SK-23 the challenge goes to the user by mail, and into no answer, log or readable column", async () => {
    const user = await registered();
    const { session_id: session } = await send(user, { subject: "Your code\r\nBcc: x@example.org" });
    const mail = await mailbox.mailTo(user.auth_factor.value);
    const challenge = CHALLENGE.exec(mail.text)?.[0] ?? "";
    assert.match(challenge, CHALLENGE);
    assert.equal(mail.html.split(challenge).length, 3, "every mark is replaced");
    assert.match(mail.html, /<h1>Hello<\/h1>/);
    assert.match(mail.text, new RegExp(`^Hello\\s+Your code is ${challenge}, again: ${challenge}\\s*$`));
    assert.equal(mail.subject, "Your code Bcc: x@example.org");
    await send(user);
    assert.equal((await mailbox.mailTo(user.auth_factor.value, 2)).subject, "End-to-end encryption challenge");
    assert.ok(!server.output().includes(challenge));
    const tables = await look(
      server.database.superUrl,
      `select query_to_xml(format('select * from %I.%I', table_schema, table_name), false, false, '')::text as rows
         from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema in ('ssks', 'platform', 'graphile_worker')`,
    );
    for (const { rows } of tables as readonly { rows: string }[]) {
      assert.ok(!rows.includes(challenge));
      assert.ok(!rows.includes(session));
    }
  });

  test("SK-12 a challenge is good for six hours and not for longer", async () => {
    const user = await registered();
    const early = await send(user);
    const mail = await mailbox.mailTo(user.auth_factor.value);
    const proof = { challenge: CHALLENGE.exec(mail.text)?.[0], auth_factor: user.auth_factor };
    const later = (minutes: number): Promise<unknown> =>
      look(
        server.database.superUrl,
        `update ssks.sessions s set expires_at = expires_at - make_interval(mins => $2)
           from ssks.users u where u.id = s.user_ref and u.user_id = $1`,
        [user.user_id, minutes],
      );
    await later(359);
    const proved = await ssks.front("/tmr/front/challenge_validate/", early.session_id, proof);
    const { new_id: session } = expected(proved, 200);
    await later(361);
    const over = await ssks.front("/tmr/front/search/", session);
    assert.equal(said(over, 404), '{"model":"TMRSession"}');
  });

  test("SK-13 text messages beyond the month's quota are a 406 with exactly this body, and nothing happened", async () => {
    const app = await newApp({ sms_quota: 1, environment: "test" });
    const user = { user_id: "phone", auth_factor: { type: "SMS", value: "+12065550100" } };
    const order = { ...user, template: TEMPLATE, create_user: true, force_auth: true };
    const first = expected(await app.back("/tmr/back/challenge_send/", order), 200);
    const second = await app.back("/tmr/back/challenge_send/", order);
    assert.equal(said(second, 406), '{"detail":"SMSQuotaFailed"}');
    const rows = await look(server.database.superUrl, "select sent from ssks.sms_usage where app_id = $1", [app.appId]);
    assert.deepEqual(rows, [{ sent: 1 }]);
    const still = await app.front("/tmr/front/challenge_validate/", first.session_id, {
      challenge: "wrongone",
      auth_factor: user.auth_factor,
    });
    expected(still, 403);
    await send(user, { fake_otp: true, force_auth: true }, app);
  });

  test("SK-15 SK-16 SK-17 SK-18 SK-19 user ids stand in clear, factors only as keyed hashes, and are compared in one spelling", async () => {
    const user = await registered();
    const spelled = { type: "EM", value: ` ${user.auth_factor.value.toUpperCase().replace("@", " @ ")} ` };
    assert.equal((await send({ ...user, auth_factor: spelled })).must_authenticate, true);
    const [row] = await look(server.database.superUrl, "select * from ssks.users where user_id = $1", [user.user_id]);
    assert.equal(row.user_id, user.user_id);
    assert.equal(row.factor_mac.length, 32);
    assert.ok(!JSON.stringify(row).includes(user.auth_factor.value));
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

  test("SK-22 a template must be there and hold the mark; an application's own stands in for it", async () => {
    const app = await newApp({ environment: "staging" });
    const order = { ...newUser(), create_user: true, force_auth: true };
    assert.deepEqual(wrongFields(await app.back("/tmr/back/challenge_send/", order)), ["template"]);
    const bare = { ...order, template: "<p>no mark</p>" };
    assert.deepEqual(wrongFields(await app.back("/tmr/back/challenge_send/", bare)), ["template"]);
    await manage("PATCH", `/${app.appId}`, { is_mark_waived: true });
    expected(await app.back("/tmr/back/challenge_send/", bare), 200);
    const kept = { name: "kept", subject: "Kept subject", html: "<p>$$CHALLENGE$$</p>", is_default: true };
    const { template_id } = await manage("POST", `/${app.appId}/templates`, kept);
    expected(await app.back("/tmr/back/challenge_send/", order), 200);
    expected(await app.back("/tmr/back/challenge_send/", { ...order, template_id }), 200);
    await mailbox.mailTo(order.auth_factor.value, 3);
    const subjects = mailbox.mails.filter(({ to }) => to === order.auth_factor.value).map(({ subject }) => subject);
    assert.deepEqual(subjects.toSorted(), ["End-to-end encryption challenge", "Kept subject", "Kept subject"]);
    const unknown = { ...order, template_id: "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b" };
    assert.deepEqual(wrongFields(await app.back("/tmr/back/challenge_send/", unknown)), ["template_id"]);
  });

  test("SK-24 SK-25 SK-47 fake_otp sends nothing and its challenge is aaaaaaaa, but never in production", async () => {
    const user = await registered();
    const earlier = mailbox.mails.length;
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
    assert.equal(mailbox.mails.length, earlier);
    const production = await newApp({ environment: "production" });
    const order = { ...fresh, template: TEMPLATE, create_user: true, fake_otp: true };
    const refused = await production.back("/tmr/back/challenge_send/", order);
    assert.equal(said(refused, 406), '{"detail":"FakeOTPForbidden"}');
  });

  test("SK-28 SK-29 SK-30 must_authenticate tells the same of a factor without a user, and sends nothing", async () => {
    const user = await registered();
    const earlier = mailbox.mails.length;
    const ask = async (body: object): Promise<Json> =>
      expected(await ssks.back("/tmr/back/must_authenticate/", body), 200);
    assert.deepEqual(await ask(user.auth_factor), { must_authenticate: true });
    assert.deepEqual(await ask(newUser().auth_factor), { must_authenticate: false });
    assert.deepEqual(await ask({ type: "SMS", value: "+12065550199" }), { must_authenticate: false });
    for (const body of [{ type: "EM" }, { value: "a@example.org" }, { type: "SMS", value: "12065550100" }, {}]) {
      expected(await ssks.back("/tmr/back/must_authenticate/", body), 400);
    }
    assert.equal(mailbox.mails.length, earlier);
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
    for (const auth_factor of [{ type: "EM" }, { value: "a@example.org" }]) {
      expected(await ssks.back("/tmr/back/identity_check/", { ...user, auth_factor }), 400);
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

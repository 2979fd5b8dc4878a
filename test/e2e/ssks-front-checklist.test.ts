import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { say } from "../support/raw-client.ts";
import { expected } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, openSession, TEMPLATE, wideLimits, type AppUser } from "../support/ssks-app.ts";
import { newUser, type SsksClient } from "../support/ssks-client.ts";
import { sendFront, type FrontAnswer } from "../support/ssks-front-client.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const CHALLENGE = /^[abcdefghjkmnpqrstuvwxyz23456789]{8}$/;
const VALIDATE = "/tmr/front/challenge_validate/";
const PUSH = "/tmr/front/push/";
const SEARCH = "/tmr/front/search/";
const TOKEN = "/tmr/front/get_factor_token/";
const PATHS = [VALIDATE, PUSH, SEARCH, TOKEN, "/push/", "/search/"] as const;
const WRONG_CHALLENGE = '{"detail":"Incorrect authentication credentials."}';

describe("the checklist for a server that today's clients of key storage can use", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  let app: SsksClient;
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    app = await newApp(server, { limits: wideLimits });
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  const sendTo = (path: string, body: unknown, sessionId: string | null = null): Promise<FrontAnswer> =>
    sendFront(app, path, body, sessionId);
  /** A session of this user that has proved itself. */
  const proved = async (user: AppUser): Promise<string> => {
    const { sessionId } = await openSession(app, user);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    return good(await sendTo(VALIDATE, proof, sessionId)).new_id ?? "";
  };
  const slot = (members: object = {}): object => ({
    ...{ app_id: app.appId, user_id: newUser().user_id, secret: "a".repeat(128), data_b64: "AAEC" },
    ...members,
  });

  test("front 9.1: POST at the root of the origin, with the slash at the end; another method is a 405", async () => {
    for (const path of PATHS) {
      const answer = await sendTo(path, {});
      assert.ok(![404, 405, 301, 308].includes(answer.status) || answer.text.includes("TMRSession"), path);
      for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
        const refused = await fetch(server.origin + path, { method, redirect: "manual" });
        assert.equal(refused.status, 405, `${method} ${path}`);
        assert.equal(typeof JSON.parse(await refused.text()).detail, "string");
      }
    }
  });

  test("front 9.2: search takes an empty body of JSON type, its length told or not", async () => {
    const user = newUser();
    const sessionId = await proved(user);
    good(await sendTo(PUSH, { data_b64: "AAEC" }, sessionId));
    const head = [
      ...[`POST ${SEARCH} HTTP/1.1`, "Host: x", "Connection: close", "Content-Type: application/json"],
      ...[`X-SEALD-APPID: ${app.appId}`, `X-SEALD-SESSION: ${sessionId}`],
    ];
    for (const length of ["Content-Length: 0\r\n\r\n", "\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]) {
      const heard = await say(server.origin, `${head.join("\r\n")}\r\n${length}`);
      assert.match(heard, /^HTTP\/1\.1 200 [^]*\{"data_b64":"AAEC","authenticated":true\}/, length);
    }
    // Newer clients may send an object.
    assert.equal(good(await sendTo(SEARCH, {}, sessionId)).data_b64, "AAEC");
  });

  test("front 9.3: success is 200 with JSON, and every id a UUID", async () => {
    const user = newUser();
    const { sessionId } = await openSession(app, user);
    assert.match(sessionId, UUID);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    const validated = good(await sendTo(VALIDATE, proof, sessionId));
    assert.deepEqual(Object.keys(validated), ["new_id"]);
    assert.match(validated.new_id ?? "", UUID);
    const pushed = good(await sendTo(PUSH, { data_b64: "AAEC" }, validated.new_id));
    assert.deepEqual(Object.keys(pushed), ["id"]);
    assert.match(pushed.id ?? "", UUID);
    assert.deepEqual(good(await sendTo(SEARCH, null, validated.new_id)), { data_b64: "AAEC", authenticated: true });
    const order = slot();
    const stored = good(await sendTo("/push/", order));
    assert.deepEqual(Object.keys(stored), ["id"]);
    assert.match(stored.id ?? "", UUID);
    assert.equal(good(await sendTo("/push/", order)).id, stored.id);
    assert.notEqual(good(await sendTo("/push/", { ...order, secret: "b" })).id, stored.id);
    assert.deepEqual(good(await sendTo("/search/", order)), { data_b64: "AAEC" });
  });

  test("front 9.4: challenges are 8 of 31 letters, none like another; with fake_otp every session has the fixed one", async () => {
    const real = await newApp(server, { limits: wideLimits });
    const challenges = await Promise.all(
      Array.from({ length: 24 }, async () => {
        const user = newUser();
        await openSession(real, user, { force_auth: true, fake_otp: false, template: "<i>$$CHALLENGE$$</i>" });
        return (await mailbox.mailTo(user.auth_factor.value)).text.trim();
      }),
    );
    for (const challenge of challenges) assert.match(challenge, CHALLENGE);
    assert.equal(new Set(challenges).size, challenges.length);
    for (const isForced of [true, false]) {
      const user = newUser();
      const { sessionId, mustAuthenticate } = await openSession(app, user, { force_auth: isForced });
      assert.equal(mustAuthenticate, isForced);
      const proof = { challenge: "bbbbbbbb", auth_factor: user.auth_factor };
      assert.equal((await sendTo(VALIDATE, proof, sessionId)).status, 403);
      good(await sendTo(VALIDATE, { ...proof, challenge: FAKE_CHALLENGE }, sessionId));
    }
  });

  test("front 9.5: failures have exactly the bytes that clients compare, and whole seconds to wait", async () => {
    const user = newUser();
    const { sessionId } = await openSession(app, user);
    const wrong = await sendTo(VALIDATE, { challenge: "bbbbbbbb", auth_factor: user.auth_factor }, sessionId);
    assert.deepEqual([wrong.status, wrong.text], [403, WRONG_CHALLENGE]);
    const nothing = await sendTo(SEARCH, null, await proved(newUser()));
    assert.deepEqual([nothing.status, nothing.text], [404, '{"model":"TMRKey"}']);
    const noSession = await sendTo(SEARCH, null, randomUUID());
    assert.deepEqual([noSession.status, noSession.text], [404, '{"model":"TMRSession"}']);
    const order = slot();
    const noUser = await sendTo("/search/", order);
    assert.deepEqual([noUser.status, noUser.text], [404, '{"model":"StrictUser"}']);
    good(await sendTo("/push/", order));
    const noSlot = await sendTo("/search/", { ...order, secret: "wrong" });
    assert.deepEqual([noSlot.status, noSlot.text], [404, '{"model":"StrictKey"}']);
    const strict = await newApp(server, { limits: { searches_per_user: { burst: 1, every_seconds: 3_600 } } });
    const guess = slot({ app_id: strict.appId });
    assert.equal((await sendFront(strict, "/search/", guess)).status, 404);
    const throttled = await sendFront(strict, "/search/", guess);
    assert.equal(throttled.status, 429);
    const seconds = throttled.headers.get("retry-after") ?? "";
    assert.match(seconds, /^\d+$/);
    const detail = `Request was throttled. Expected available in ${seconds} seconds.`;
    assert.equal(throttled.text, JSON.stringify({ detail }));
  });

  test("front 9.6: a challenge exchanges the session for one that can be used again and again; the old one dies", async () => {
    const user = newUser();
    const { sessionId } = await openSession(app, user);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    const { new_id: next = "" } = good(await sendTo(VALIDATE, proof, sessionId));
    assert.notEqual(next, sessionId);
    const token = { auth_factor_type: user.auth_factor.type, auth_factor_value: user.auth_factor.value };
    for (let turn = 1; turn <= 3; turn++) {
      good(await sendTo(PUSH, { data_b64: `turn ${turn}` }, next));
      assert.equal(good(await sendTo(SEARCH, null, next)).data_b64, `turn ${turn}`);
      good(await sendTo(TOKEN, token, next));
    }
    for (const [path, body] of [
      [VALIDATE, proof],
      [PUSH, { data_b64: "old" }],
      [SEARCH, null],
      [TOKEN, token],
    ] as const) {
      const dead = await sendTo(path, body, sessionId);
      assert.deepEqual([dead.status, dead.text], [404, '{"model":"TMRSession"}'], path);
    }
    // A challenge is no session's that has proved itself; and a session of another application's is none of this one.
    assert.equal((await sendTo(VALIDATE, proof, next)).status, 403);
    assert.equal((await sendFront(await newApp(server), SEARCH, null, next)).status, 404);
  });

  test("front 9.7: a record is authenticated exactly when the session that last pushed it was", async () => {
    const user = newUser();
    const unproved = await openSession(app, user);
    good(await sendTo(PUSH, { data_b64: "one" }, unproved.sessionId));
    const one = await proved(user);
    assert.deepEqual(good(await sendTo(SEARCH, null, one)), { data_b64: "one", authenticated: false });
    good(await sendTo(PUSH, { data_b64: "two" }, one));
    assert.deepEqual(good(await sendTo(SEARCH, null, one)), { data_b64: "two", authenticated: true });
    const again = await openSession(app, user);
    assert.equal(again.mustAuthenticate, true);
    assert.equal((await sendTo(PUSH, { data_b64: "three" }, again.sessionId)).status, 403);
    assert.deepEqual(good(await sendTo(SEARCH, null, await proved(user))), { data_b64: "two", authenticated: true });
  });

  test("front 9.8: a push may leave out the factor; one that it names must be the session's, in any spelling", async () => {
    const user = newUser();
    const sessionId = await proved(user);
    const { value } = user.auth_factor;
    good(await sendTo(PUSH, { data_b64: "AAEC" }, sessionId));
    for (const spelt of [value, value.toUpperCase(), ` ${value} `, value.replace("e", "\uff45")]) {
      good(await sendTo(PUSH, { data_b64: "AAEC", auth_factor: { type: "EM", value: spelt } }, sessionId));
    }
    for (const other of [
      { type: "EM", value: `x${value}` },
      { type: "SMS", value: "+12065550100" },
      { type: "SMS", value },
    ]) {
      const refused = await sendTo(PUSH, { data_b64: "other", auth_factor: other }, sessionId);
      assert.equal(refused.status, 403, refused.text);
    }
    for (const broken of [{ type: "XX", value }, { type: "EM" }, { value }, "EM", { type: "EM", value: "" }]) {
      assert.equal((await sendTo(PUSH, { data_b64: "broken", auth_factor: broken }, sessionId)).status, 400);
    }
    assert.equal(good(await sendTo(SEARCH, null, sessionId)).data_b64, "AAEC");
  });

  test("front 9.9: a page of another origin may send the five headers and read every answer, failures too", async () => {
    const origin = "https://app.example.org";
    const strict = await newApp(server, { limits: { pushes_per_user: { burst: 1, every_seconds: 3_600 } } });
    const order = slot({ app_id: strict.appId });
    good(await sendFront(strict, "/push/", order));
    const asked = { ...app, headers: { origin } };
    const answers = [
      await sendFront({ ...strict, headers: { origin } }, "/push/", order),
      await sendFront(asked, "/search/", order),
      await sendFront(asked, SEARCH, null, randomUUID()),
      await sendFront(asked, VALIDATE, { challenge: "" }, randomUUID()),
      await sendFront({ ...asked, appId: randomUUID() }, "/search/", order),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [429, 400, 404, 400, 401],
    );
    for (const { headers } of answers) {
      assert.equal(headers.get("access-control-allow-origin"), "*");
      assert.match(headers.get("access-control-expose-headers") ?? "", /(?:^|, )Retry-After(?:,|$)/i);
      assert.equal(headers.get("access-control-allow-credentials"), null);
    }
    for (const path of PATHS) {
      const wanted = "content-type,x-seald-appid,x-seald-session,x-seald-user-id,x-seald-version";
      const method = { "access-control-request-method": "POST", "access-control-request-headers": wanted };
      const preflight = await fetch(server.origin + path, { method: "OPTIONS", headers: { origin, ...method } });
      assert.ok(preflight.ok);
      const allowed = (preflight.headers.get("access-control-allow-headers") ?? "").toLowerCase().split(/, */);
      for (const name of wanted.split(",")) assert.ok(allowed.includes(name), `${path} ${name}`);
      assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /\bPOST\b/);
      assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    }
    for (const path of ["/tmr/back/challenge_send/", "/strict/back/identity_check/"]) {
      const answer = await fetch(server.origin + path, { method: "POST", headers: { origin } });
      assert.equal(answer.headers.get("access-control-allow-origin"), null, "keys do not belong into pages");
    }
  });

  test("front 9.10: what is stored is opaque: empty, no base64, a quarter of a mebibyte; it comes back unchanged", async () => {
    const sessionId = await proved(newUser());
    const blobs = [
      "",
      "=",
      'not base64: é 🔑 \u0001 \\ "',
      `{"data_b64":"AAEC"}`,
      randomBytes(262_144).toString("base64"),
    ];
    for (const data_b64 of blobs) {
      good(await sendTo(PUSH, { data_b64 }, sessionId));
      assert.equal(good(await sendTo(SEARCH, null, sessionId)).data_b64, data_b64);
      const order = slot({ data_b64 });
      good(await sendTo("/push/", order));
      assert.equal(good(await sendTo("/search/", order)).data_b64, data_b64);
    }
  });

  test("front 9.11: headers that nobody knows are ignored, and no answer sets a cookie or X-HDR-*", async () => {
    const user = newUser();
    const noisy = {
      ...app,
      headers: {
        ...{ "x-hdr-method": "HDR", "x-seald-user-id": "someone else", "x-hdr-session-id": "1", cookie: "a=b" },
        ...{ "x-csrftoken": "x", "accept-encoding": "gzip,deflate", "idempotency-key": "not a key of ours" },
      },
    };
    const { sessionId } = await openSession(app, user);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor, more: 1 };
    const validated = await sendFront(noisy, VALIDATE, proof, sessionId);
    const next = good(validated).new_id ?? "";
    const order = slot({ more: { of: "it" } });
    const answers = [
      validated,
      await sendFront(noisy, PUSH, { data_b64: "AAEC", more: null }, next),
      await sendFront(noisy, SEARCH, null, next),
      await sendFront(noisy, "/push/", order),
      await sendFront(noisy, "/search/", order),
    ];
    answers.forEach((answer) => good(answer));
    answers.push(await sendFront(noisy, SEARCH, null, sessionId), await sendFront(noisy, "/search/", {}));
    for (const { headers } of answers) {
      assert.deepEqual(headers.getSetCookie(), []);
      assert.deepEqual(
        [...headers.keys()].filter((name) => name.startsWith("x-hdr")),
        [],
      );
    }
  });

  test("what no column can hold is refused in the contract's words, never as a failure of the server's", async () => {
    const nul = "a\u0000b";
    const pair = (user_id: string, value: string): object => ({
      ...{ user_id, auth_factor: { type: "EM", value }, create_user: true, template: TEMPLATE, fake_otp: true },
    });
    for (const [path, body] of [
      ["/tmr/back/challenge_send/", pair(nul, "nul@example.org")],
      ["/tmr/back/challenge_send/", pair("nul", "n\u0000l@example.org")],
      ["/tmr/back/challenge_send/", { ...pair("nul", "nul@example.org"), template: `${TEMPLATE}\u0000` }],
      ["/tmr/back/challenge_send/", { ...pair("nul", "nul@example.org"), subject: "a\r\nBcc: x@example.org" }],
      ["/tmr/back/create_user/", pair(nul, "nul@example.org")],
      ["/tmr/back/delete_user/", { user_id: nul }],
      ["/tmr/back/identity_check/", { user_id: nul }],
      ["/strict/back/identity_check/", { user_id: nul }],
      ["/strict/back/identity_delete/", { user_id: nul }],
    ] as const) {
      const answer = await app.back(path, body);
      assert.ok([200, 400].includes(answer.status), `${path} ${JSON.stringify(body)}: ${answer.status}`);
    }
    for (const [path, body] of [
      ["/push/", slot({ user_id: nul })],
      ["/search/", slot({ user_id: nul })],
      ["/push/", slot({ secret: nul })],
      ["/push/", slot({ user_id: "\ud800" })],
      ["/search/", slot({ user_id: "\ud800" })],
    ] as const) {
      const answer = await sendTo(path, body);
      assert.ok([200, 400, 404].includes(answer.status), `${path} ${JSON.stringify(body)}: ${answer.status}`);
    }
    const proof = { challenge: nul, auth_factor: { type: "EM", value: nul } };
    assert.equal((await sendTo(VALIDATE, proof, (await openSession(app, newUser())).sessionId)).status, 400);
  });
});

/** The body of a success, whose members are text but for one. */
function good(answer: FrontAnswer): Record<string, string> {
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json(?:;|$)/);
  return expected(
    {
      ...answer,
      bytes: Buffer.from(answer.text),
      body: answer.status === 200 ? JSON.parse(answer.text) : null,
    },
    200,
  );
}

import assert from "node:assert/strict";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { expected, look, type Answer, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { newApp } from "../support/ssks-app.ts";
import { demoSsks, newUser, said, ssksClientOf, wrongFields, type SsksClient } from "../support/ssks-client.ts";
import { columnsWith, guessableHashes, hexOf } from "../support/stored-bytes.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TEMPLATE = "<p>$$CHALLENGE$$</p>";
const NOBODY = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";
const VALIDATE = "/tmr/front/challenge_validate/";
const PUSH = "/tmr/front/push/";
const SEARCH = "/tmr/front/search/";

describe("SSKS as an application's pages see it", () => {
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

  type User = ReturnType<typeof newUser>;
  const open = async (user: User, more: object = {}): Promise<string> => {
    const order = { ...user, template: TEMPLATE, create_user: true, ...more };
    return expected(await ssks.back("/tmr/back/challenge_send/", order), 200).session_id;
  };
  const proved = async (user: User): Promise<string> => {
    const session = await open(user, { fake_otp: true });
    const proof = { challenge: "aaaaaaaa", auth_factor: user.auth_factor };
    return expected(await ssks.front(VALIDATE, session, proof), 200).new_id;
  };
  const audited = async (action: string): Promise<Json[]> =>
    (
      await look(server.database.superUrl, "select event from platform.audit_events where action = $1 order by id", [
        `ssks.${action}`,
      ])
    ).map(({ event }) => JSON.parse(event));

  test("SK-46 SK-07 first registration and retrieval, exchange by exchange as clients make it", async () => {
    const user = newUser();
    const data = randomBytes(792).toString("base64");
    const pushed = expected(
      await ssks.front(PUSH, await open(user), { data_b64: data, auth_factor: user.auth_factor }),
      200,
    );
    assert.match(pushed.id, UUID);
    const session = await open(user);
    const challenge = /[a-z2-9]{8}/.exec((await mailbox.mailTo(user.auth_factor.value)).text)?.[0];
    const exchanged = expected(await ssks.front(VALIDATE, session, { challenge, auth_factor: user.auth_factor }), 200);
    assert.match(exchanged.new_id, UUID);
    assert.notEqual(exchanged.new_id, session);
    assert.equal(said(await ssks.front(SEARCH, session), 404), '{"model":"TMRSession"}', "the old id is over");
    const found = await ssks.front(SEARCH, exchanged.new_id);
    assert.equal(said(found, 200), JSON.stringify({ data_b64: data, authenticated: false }));
    const renewed = randomBytes(4_000).toString("base64");
    const again = await ssks.front(PUSH, exchanged.new_id, { data_b64: renewed });
    assert.equal(expected(again, 200).id, pushed.id, "the id stays");
    const second = expected(await ssks.front(SEARCH, exchanged.new_id), 200);
    assert.deepEqual(second, { data_b64: renewed, authenticated: true });
  });

  test("what is stored is opaque, of any size up to 256 KiB, and comes back unchanged", async () => {
    const session = await proved(newUser());
    const longest = Buffer.alloc(262_144, 0xff).toString("base64");
    assert.equal(longest.length, 349_528);
    for (const data_b64 of ["", "not base64 \u00e9\u{1f511}", longest]) {
      expected(await ssks.front(PUSH, session, { data_b64 }), 200);
      assert.equal(expected(await ssks.front(SEARCH, session), 200).data_b64, data_b64);
    }
    assert.deepEqual(wrongFields(await ssks.front(PUSH, session, { data_b64: `${longest}=` })), ["data_b64"]);
    expected(await ssks.front(PUSH, session, { data_b64: "A".repeat(2_000_000) }), 413);
  });

  test("the body of a challenge is looked at before its session, and an unknown session is a 404", async () => {
    const proof = { challenge: "aaaaaaaa", auth_factor: { type: "EM", value: "a@example.org" } };
    assert.deepEqual(wrongFields(await ssks.front(VALIDATE, NOBODY, { ...proof, challenge: "" })), ["challenge"]);
    assert.deepEqual(wrongFields(await ssks.front(VALIDATE, NOBODY, { challenge: "aaaaaaaa" })), ["auth_factor"]);
    for (const session of [NOBODY, "", "no session", null]) {
      assert.equal(said(await ssks.front(VALIDATE, session, proof), 404), '{"model":"TMRSession"}');
      assert.equal(said(await ssks.front(PUSH, session, { data_b64: "" }), 404), '{"model":"TMRSession"}');
      assert.equal(said(await ssks.front(SEARCH, session), 404), '{"model":"TMRSession"}');
    }
    const stranger = ssksClientOf(server.origin, NOBODY, "");
    assert.equal(said(await stranger.front(SEARCH, NOBODY), 401), '{"detail":"Invalid application credentials."}');
  });

  test("a wrong challenge is told in the words that clients compare; the fifth ends the session, however many come at once", async () => {
    const user = newUser();
    const session = await open(user, { fake_otp: true });
    const attempt = (challenge: string, factor: object = user.auth_factor): Promise<Answer> =>
      ssks.front(VALIDATE, session, { challenge, auth_factor: factor });
    const wrong = '{"detail":"Incorrect authentication credentials."}';
    assert.equal(said(await attempt("aaaaaaab"), 403), wrong);
    assert.equal(said(await attempt("aaaaaaaa", newUser().auth_factor), 403), wrong, "another factor");
    assert.equal(said(await attempt("aaaaaaaa", { type: "SMS", value: "+12065550100" }), 403), wrong);
    const answers = await Promise.all(Array.from({ length: 16 }, () => attempt("bbbbbbbb")));
    assert.equal(answers.filter(({ status }) => status === 403).length, 2);
    assert.equal(answers.filter(({ status }) => status === 404).length, 14);
    assert.equal(said(await attempt("aaaaaaaa"), 404), '{"model":"TMRSession"}');
    const denied = (await audited("validateChallenge")).filter(({ outcome }) => outcome === "denied");
    const whose = denied.find(({ details }) => details.tries === 5)?.details.user;
    const tries = denied.filter(({ details }) => details.user === whose).map(({ details }) => Number(details.tries));
    assert.deepEqual(
      tries.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5],
    );
  });

  test("a challenge is good once, also when it is shown many times at once", async () => {
    const user = newUser();
    const session = await open(user, { fake_otp: true });
    const proof = { challenge: "aaaaaaaa", auth_factor: user.auth_factor };
    const answers = await Promise.all(Array.from({ length: 16 }, () => ssks.front(VALIDATE, session, proof)));
    assert.deepEqual(
      answers.map(({ status }) => status).toSorted((a, b) => a - b),
      [200, ...Array.from({ length: 15 }, () => 404)],
    );
  });

  test("a session that must be authenticated stores nothing before it is; none is searched before", async () => {
    const user = newUser();
    const first = await open(user);
    assert.deepEqual(expected(await ssks.front(SEARCH, first), 403), { detail: "The session is not authenticated." });
    expected(await ssks.front(PUSH, first, { data_b64: "AAEC" }), 200);
    const second = await open(user, { fake_otp: true });
    expected(await ssks.front(PUSH, second, { data_b64: "BBBB" }), 403);
    expected(await ssks.front(SEARCH, first), 404);
    const fresh = await proved(newUser());
    assert.equal(said(await ssks.front(SEARCH, fresh), 404), '{"model":"TMRKey"}');
    const other = { data_b64: "AAEC", auth_factor: user.auth_factor };
    assert.deepEqual(expected(await ssks.front(PUSH, fresh, other), 403), {
      detail: "The factor is not the one of the session.",
    });
  });

  test("a session of one application opens nothing through another", async () => {
    const user = newUser();
    const session = await proved(user);
    const answer = await fetch(`${server.origin}/v1/ssks/apps`, {
      method: "POST",
      headers: { authorization: `Bearer ${ssks.token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "other" }),
    });
    const { app_id } = (await answer.json()) as Json;
    expected(await ssksClientOf(server.origin, app_id, "").front(SEARCH, session), 404);
    expected(await ssks.front(SEARCH, session), 404);
  });

  test("a factor token says what was proved, signed with a key that is published", async () => {
    const user = newUser();
    const wanted = { auth_factor_type: "EM", auth_factor_value: user.auth_factor.value };
    expected(await ssks.front("/tmr/front/get_factor_token/", await open(user), wanted), 403);
    const session = await proved(user);
    const other = { ...wanted, auth_factor_value: "other@example.org" };
    expected(await ssks.front("/tmr/front/get_factor_token/", session, other), 403);
    const { factor_token: token } = expected(await ssks.front("/tmr/front/get_factor_token/", session, wanted), 200);
    const [head = "", payload = "", signature = ""] = String(token).split(".");
    const { kid, alg } = JSON.parse(Buffer.from(head, "base64url").toString());
    assert.equal(alg, "EdDSA");
    const { keys } = (await (await fetch(`${server.origin}/v1/ssks/.well-known/jwks.json`)).json()) as { keys: Json[] };
    const key = createPublicKey({ key: keys.find((one) => one.kid === kid), format: "jwk" });
    assert.ok(verify(null, Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, "base64url")));
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    assert.deepEqual(
      [claims.iss, claims.aud, claims.app_id, claims.auth_factor_type, claims.exp - claims.iat],
      [server.origin, "ssks-factor", ssks.appId, "EM", 600],
    );
    assert.match(claims.auth_factor_hash, /^[0-9a-f]{64}$/);
    assert.equal(typeof claims.jti, "string");
    assert.ok(!payload.includes(user.auth_factor.value));
  });

  test("pages of any origin may call every front route, and read every answer and Retry-After", async () => {
    const asked = "content-type,x-seald-appid,x-seald-session,x-seald-version,x-seald-user-id";
    for (const path of [
      VALIDATE,
      PUSH,
      SEARCH,
      "/push/",
      "/search/",
      "/tmr/front/get_factor_token/",
      "/push",
      "/search",
    ]) {
      const preflight = await fetch(server.origin + path, {
        method: "OPTIONS",
        headers: {
          origin: "https://app.example.org",
          "access-control-request-method": "POST",
          "access-control-request-headers": asked,
        },
      });
      assert.ok(preflight.ok, path);
      const refused = await fetch(server.origin + path, {
        method: "POST",
        headers: { "content-type": "text/plain" },
        body: "x",
      });
      const large = await fetch(server.origin + path, {
        method: "POST",
        headers: { "x-seald-appid": ssks.appId, "content-type": "application/json" },
        body: `{"data_b64":"${"A".repeat(1_100_000)}"}`,
      });
      for (const answer of [preflight, refused, large, await fetch(server.origin + path)]) {
        assert.equal(answer.headers.get("access-control-allow-origin"), "*", `${path} ${answer.status}`);
        assert.match(answer.headers.get("access-control-allow-methods") ?? "", /POST/);
        const allowed = answer.headers.get("access-control-allow-headers")?.split(", ") ?? [];
        assert.deepEqual(
          asked.split(",").filter((name) => !allowed.includes(name)),
          [],
        );
        assert.match(answer.headers.get("access-control-expose-headers") ?? "", /Retry-After/);
        assert.equal(answer.headers.get("set-cookie"), null);
      }
    }
    const back = await fetch(`${server.origin}/tmr/back/identity_check/`, { method: "OPTIONS" });
    assert.equal(back.headers.get("access-control-allow-origin"), null);
  });

  test("every route answers with and without the slash at the end", async () => {
    for (const end of ["/", ""]) {
      const call = async (path: string, session: string | null, body?: unknown): Promise<Json> =>
        expected(await ssks.front(path.slice(0, -1) + end, session, body), 200);
      const { user_id, auth_factor } = newUser();
      const session = await open({ user_id, auth_factor }, { fake_otp: true });
      const { new_id: next } = await call(VALIDATE, session, { challenge: "aaaaaaaa", auth_factor });
      await call(PUSH, next, { data_b64: "AAEC" });
      assert.equal((await call(SEARCH, next)).data_b64, "AAEC");
      const wanted = { auth_factor_type: auth_factor.type, auth_factor_value: auth_factor.value };
      assert.equal(typeof (await call("/tmr/front/get_factor_token/", next, wanted)).factor_token, "string");
      const slot = { app_id: ssks.appId, user_id, secret: "s" };
      await call("/push/", null, { ...slot, data_b64: "BBBB" });
      assert.equal((await call("/search/", null, slot)).data_b64, "BBBB");
    }
  });

  test("passwords: slots side by side, overwritten under their secret, told apart from users who have none", async () => {
    const app_id = ssks.appId;
    const { user_id } = newUser();
    const push = async (secret: string, data_b64: string): Promise<string> =>
      expected(await ssks.front("/push/", null, { app_id, user_id, secret, data_b64 }), 200).id;
    const search = (secret: string, user = user_id): Promise<Answer> =>
      ssks.front("/search/", null, { app_id, user_id: user, secret });
    const [one, two] = ["a".repeat(128), "Raw+key/=-_@."];
    assert.equal(said(await search(one), 404), '{"model":"StrictUser"}');
    const first = await push(one, "AAAA");
    assert.match(first, UUID);
    const second = await push(two, "BBBB");
    assert.notEqual(second, first);
    assert.equal(await push(one, "CCCC"), first);
    assert.equal(said(await search(one), 200), '{"data_b64":"CCCC"}');
    assert.equal(said(await search(two), 200), '{"data_b64":"BBBB"}');
    assert.equal(said(await search("wrong"), 404), '{"model":"StrictKey"}');
    const [row] = await look(server.database.superUrl, "select * from ssks.slots where id = $1", [second]);
    assert.equal(row.secret_mac.length, 32);
    assert.deepEqual(columnsWith(row, two), []);
    assert.deepEqual(columnsWith(row, user_id), ["user_id"]);
    for (const wrong of [
      { user_id: "x".repeat(65) },
      { user_id: "" },
      { secret: "s".repeat(257) },
      { app_id: NOBODY },
    ]) {
      const body = { app_id, user_id, secret: "s", data_b64: "", ...wrong };
      assert.deepEqual(wrongFields(await ssks.front("/push/", null, body)), Object.keys(wrong));
    }
  });

  test("the hash of a secret has a key that is not in the database, and is another one for another user or application", async () => {
    const secret = "b".repeat(128);
    const [one, two] = [newUser().user_id, newUser().user_id];
    const other = await newApp(server);
    const macs = await Promise.all(
      (
        [
          [ssks, one],
          [ssks, two],
          [other, one],
        ] as const
      ).map(async ([{ appId, front }, user_id]) => {
        const slot = { app_id: appId, user_id, secret, data_b64: "AAEC" };
        const { id } = expected(await front("/push/", null, slot), 200);
        const [row] = await look(server.database.superUrl, "select * from ssks.slots where id = $1", [id]);
        assert.deepEqual(columnsWith(row, secret), []);
        const parts = [[secret], [user_id, secret], [appId, secret], [appId, user_id, secret]];
        const named = parts.map((part) => ["ssks", ...part]);
        const mac = hexOf(row.secret_mac);
        assert.ok(!guessableHashes([...parts, ...named], [appId, user_id, row.tenant_id, id]).has(mac));
        return mac;
      }),
    );
    assert.equal(new Set(macs).size, macs.length);
  });

  test("wrong passwords use up a budget that a right one does not refill, for that user alone, with whole seconds to wait", async () => {
    const app_id = ssks.appId;
    const [victim, other] = [newUser().user_id, newUser().user_id];
    const call = (user_id: string, secret: string): Promise<Answer> =>
      ssks.front("/search/", null, { app_id, user_id, secret });
    for (const user_id of [victim, other]) {
      expected(await ssks.front("/push/", null, { app_id, user_id, secret: "right", data_b64: "AAEC" }), 200);
    }
    for (let times = 0; times < 15; times++) expected(await call(victim, "right"), 200);
    const flood = await Promise.all(Array.from({ length: 32 }, (_, turn) => call(victim, `wrong ${turn}`)));
    assert.equal(flood.filter(({ status }) => status === 404).length, 10);
    const held = await call(victim, "right");
    const { detail } = expected(held, 429);
    const seconds = held.headers.get("retry-after") ?? "";
    assert.match(seconds, /^[1-9]\d*$/);
    assert.ok(Number(seconds) <= 180);
    assert.match(detail, /^Request was throttled\. Expected available in \d+ seconds\.$/);
    expected(await call(other, "right"), 200);
    await look(
      server.database.superUrl,
      "update platform.rate_buckets set empty_at = empty_at - interval '180 seconds'",
    );
    expected(await call(victim, "right"), 200);
    expected(await call(victim, "wrong again"), 404);
    expected(await call(victim, "right"), 429);
    await look(server.database.superUrl, "delete from platform.rate_buckets");
  });

  test("challenges have budgets by user and factor; another user of the same application is sent one all the same", async () => {
    const user = newUser();
    const answers = await Promise.all(
      Array.from({ length: 16 }, () =>
        ssks.back("/tmr/back/challenge_send/", { ...user, template: TEMPLATE, create_user: true }),
      ),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 10);
    const held = answers.find(({ status }) => status === 429);
    assert.match(held?.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    const same = { user_id: newUser().user_id, auth_factor: user.auth_factor, template: TEMPLATE, create_user: true };
    expected(await ssks.back("/tmr/back/challenge_send/", same), 429);
    await open(newUser());
    await look(server.database.superUrl, "delete from platform.rate_buckets");
  });

  test("a user who is deleted while everything else happens to it is gone, and nobody is told of a failure of ours", async () => {
    const user = newUser();
    for (let round = 0; round < 12; round++) {
      const [session, other] = [await proved(user), { ...user, user_id: `${user.user_id}-other` }];
      const answers = await Promise.all([
        ssks.front(PUSH, session, { data_b64: "AAEC" }),
        ssks.back("/tmr/back/delete_user/", { user_id: user.user_id }),
        ssks.front(SEARCH, session),
        ssks.back("/tmr/back/challenge_send/", { ...user, template: TEMPLATE, create_user: true, fake_otp: true }),
        ssks.back("/tmr/back/create_user/", other),
        ssks.front(PUSH, session, { data_b64: "BBBB" }),
        ssks.back("/tmr/back/delete_user/", { user_id: user.user_id }),
      ]);
      assert.deepEqual(
        answers.map(({ status }) => status).filter((status) => ![200, 404].includes(status)),
        [],
      );
      await look(server.database.superUrl, "delete from platform.rate_buckets");
    }
    expected(await ssks.back("/tmr/back/delete_user/", { user_id: user.user_id }), 200);
    const count = await ssks.back("/tmr/back/identity_check/", { user_id: user.user_id });
    assert.equal(expected(count, 200).identities_count, 0);
  });

  test("every call is on record with its application and a hash of the user, and without factor, challenge or blob", async () => {
    const user = newUser();
    const session = await proved(user);
    const data_b64 = "c2VjcmV0LWJsb2I=";
    expected(await ssks.front(PUSH, session, { data_b64 }), 200);
    expected(await ssks.front(SEARCH, session), 200);
    expected(
      await ssks.front("/push/", null, { app_id: ssks.appId, user_id: user.user_id, secret: "sec", data_b64 }),
      200,
    );
    expected(await ssks.front("/search/", null, { app_id: ssks.appId, user_id: user.user_id, secret: "sec" }), 200);
    const rows = await look(
      server.database.superUrl,
      "select action, actor_type, event from platform.audit_events where action like 'ssks.%' and event not like '%\"calls\"%' order by id desc limit 6",
    );
    const told: string[] = rows.map(({ action, actor_type: actor }) => `${actor} ${action}`);
    assert.deepEqual(told.toSorted(), [
      "token ssks.sendChallenge",
      "visitor ssks.pushIdentity",
      "visitor ssks.pushSlot",
      "visitor ssks.searchIdentity",
      "visitor ssks.searchSlot",
      "visitor ssks.validateChallenge",
    ]);
    const events = rows.map(({ event }) => JSON.parse(event));
    assert.equal(new Set(events.map(({ details }) => details.user)).size, 1);
    assert.match(events[0].details.user, /^[0-9a-f]{32}$/);
    assert.deepEqual(new Set(events.map(({ resource }) => resource.id)), new Set([ssks.appId]));
    const text = rows.map(({ event }) => event).join("");
    for (const secret of [user.user_id, user.auth_factor.value, "aaaaaaaa", data_b64, session]) {
      assert.ok(!text.includes(secret), secret);
    }
    assert.ok(!server.output().includes(user.user_id));
  });

  test("what is deleted is gone from the tables, each with the key of its own", async () => {
    const user = newUser();
    const session = await proved(user);
    expected(await ssks.front(PUSH, session, { data_b64: randomBytes(9_000).toString("base64") }), 200);
    const slot = { app_id: ssks.appId, user_id: user.user_id, secret: "s" };
    expected(await ssks.front("/push/", null, { ...slot, data_b64: "AAEC" }), 200);
    const counts = (): Promise<Json[]> =>
      look(
        server.database.superUrl,
        `select (select count(*)::int from ssks.users where user_id = $1) as users,
                (select count(*)::int from ssks.slots where user_id = $1) as slots,
                (select count(*)::int from ssks.identities i join ssks.users u on u.id = i.user_ref
                  where u.user_id = $1) as identities`,
        [user.user_id],
      );
    assert.deepEqual(await counts(), [{ users: 1, slots: 1, identities: 1 }]);
    const keys = await look(
      server.database.superUrl,
      "select distinct wrapped_key from ssks.identities union all select distinct wrapped_key from ssks.slots",
    );
    assert.equal(
      new Set(keys.map(({ wrapped_key: key }: { wrapped_key: Buffer }) => key.toString("hex"))).size,
      keys.length,
      "each has a key of its own",
    );
    expected(await ssks.back("/tmr/back/delete_user/", { user_id: user.user_id }), 200);
    expected(await ssks.back("/strict/back/identity_delete/", { user_id: user.user_id }), 200);
    assert.deepEqual(await counts(), [{ users: 0, slots: 0, identities: 0 }]);
    expected(await ssks.front(SEARCH, session), 404);
    assert.equal(said(await ssks.front("/search/", null, slot), 404), '{"model":"StrictUser"}');
  });
});

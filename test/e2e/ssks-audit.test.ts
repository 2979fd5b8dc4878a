import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { clientOf, expected, look, type Answer, type Client, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, TEMPLATE, type AppUser } from "../support/ssks-app.ts";
import { demoSsks, newUser, ssksClientOf, type SsksClient } from "../support/ssks-client.ts";

const APPS = "/v1/ssks/apps";
const NOBODY = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";
const [BLOB, SECRET, WRONG] = ["c2VjcmV0LWJsb2I=", "derived-from-a-password", "bbbbbbbb"] as const;

/** One call and the one row that it must leave: of which operation, what came of it, and whether it names the user. */
type Row = {
  readonly operation: string;
  readonly status: number;
  readonly outcome: "success" | "denied" | "failed";
  readonly isUserNamed: boolean;
  readonly call: () => Promise<Answer>;
};

function done(operation: string, call: Row["call"], isUserNamed = true): Row {
  return { operation, status: 200, outcome: "success", isUserNamed, call };
}

function refused(operation: string, status: number, call: Row["call"], isUserNamed = true): Row {
  const isDenied = status === 403 || (operation === "searchSlot" && status === 404);
  return { operation, status, outcome: isDenied ? "denied" : "failed", isUserNamed, call };
}

/** Every operation of an application's server but the deletion, done and refused. */
function backRows(app: SsksClient, user: AppUser): readonly Row[] {
  const { user_id } = user;
  const order = { ...user, template: TEMPLATE, fake_otp: true };
  const send = (body: object) => (): Promise<Answer> => app.back("/tmr/back/challenge_send/", body);
  const create = (body: object) => (): Promise<Answer> => app.back("/tmr/back/create_user/", body);
  const factor = (body: object) => (): Promise<Answer> => app.back("/tmr/back/must_authenticate/", body);
  const check = (body: object) => (): Promise<Answer> => app.back("/tmr/back/identity_check/", body);
  const slots = (body: object) => (): Promise<Answer> => app.back("/strict/back/identity_check/", body);
  return [
    refused("sendChallenge", 404, send(order)),
    refused("sendChallenge", 400, send({ ...order, auth_factor: null })),
    refused("sendChallenge", 400, send({ ...order, template: 7 })),
    refused("sendChallenge", 400, send({ ...order, user_id: "x".repeat(257) }), false),
    refused("createUser", 400, create({ user_id })),
    done("createUser", create(user)),
    done("checkFactor", factor(user.auth_factor), false),
    refused("checkFactor", 400, factor({ type: "SMS", value: "no number" }), false),
    done("checkIdentities", check({ user_id })),
    refused("checkIdentities", 400, check({ user_id, auth_factor: { type: "EM" } })),
    done("checkSlots", slots({ user_id })),
    refused("checkSlots", 400, slots({ user_id: 7 }), false),
    refused(
      "checkSlots",
      415,
      () => app.back("/strict/back/identity_check/", { user_id }, { "content-type": "text/plain" }),
      false,
    ),
    done("sendChallenge", send(order)),
  ];
}

/** Something that no schema accepts. */
function post(origin: string, appId: string): Promise<Answer> {
  return ssksClientOf(origin, appId, "").front("/push/", null, { nothing: true });
}

/** Every operation with a session, done and refused. */
function sessionRows(app: SsksClient, user: AppUser): readonly Row[] {
  const { auth_factor } = user;
  const session = { id: "", proved: "" };
  const other = newUser().auth_factor;
  const wanted = { auth_factor_type: auth_factor.type, auth_factor_value: auth_factor.value };
  const validate = (id: string, challenge: string): Promise<Answer> =>
    app.front("/tmr/front/challenge_validate/", id, { challenge, auth_factor });
  const push = (id: string, more: object = {}): Promise<Answer> =>
    app.front("/tmr/front/push/", id, { data_b64: BLOB, ...more });
  const search = (id: string): Promise<Answer> => app.front("/tmr/front/search/", id);
  const token = (id: string): Promise<Answer> => app.front("/tmr/front/get_factor_token/", id, wanted);
  return [
    done("sendChallenge", async () => {
      const answer = await app.back("/tmr/back/challenge_send/", { ...user, template: TEMPLATE, fake_otp: true });
      session.id = answer.body.session_id;
      return answer;
    }),
    refused("validateChallenge", 403, () => validate(session.id, WRONG)),
    refused("validateChallenge", 404, () => validate(NOBODY, FAKE_CHALLENGE), false),
    refused(
      "validateChallenge",
      400,
      () => app.front("/tmr/front/challenge_validate/", session.id, { challenge: FAKE_CHALLENGE }),
      false,
    ),
    refused(
      "validateChallenge",
      400,
      () => app.front("/tmr/front/challenge_validate/", session.id, { challenge: 7 }),
      false,
    ),
    refused("pushIdentity", 400, () => app.front("/tmr/front/push/", session.id, { user_id: user.user_id }), false),
    refused("getFactorToken", 400, () => app.front("/tmr/front/get_factor_token/", session.id), false),
    refused("searchIdentity", 403, () => search(session.id)),
    refused("getFactorToken", 403, () => token(session.id)),
    done("validateChallenge", async () => {
      const answer = await validate(session.id, FAKE_CHALLENGE);
      session.proved = answer.body.new_id;
      return answer;
    }),
    refused("searchIdentity", 404, () => search(session.proved)),
    refused("searchIdentity", 404, () => search(NOBODY), false),
    refused("pushIdentity", 403, () => push(session.proved, { auth_factor: other })),
    refused("pushIdentity", 404, () => push(session.id), false),
    done("pushIdentity", () => push(session.proved)),
    done("searchIdentity", () => search(session.proved)),
    done("getFactorToken", () => token(session.proved)),
    refused("getFactorToken", 404, () => token(session.id), false),
  ];
}

/** Every operation with a password, done and refused, and then the deletions. One user may have one slot there. */
function passwordRows(app: SsksClient, { user_id }: AppUser): readonly Row[] {
  const search =
    (more: object = {}) =>
    (): Promise<Answer> =>
      app.front("/search/", null, { app_id: app.appId, user_id, secret: SECRET, ...more });
  const push =
    (more: object = {}) =>
    (): Promise<Answer> =>
      app.front("/push/", null, { app_id: app.appId, user_id, secret: SECRET, data_b64: BLOB, ...more });
  const deleteSlots = (body: object) => (): Promise<Answer> => app.back("/strict/back/identity_delete/", body);
  const deleteUser = (body: object) => (): Promise<Answer> => app.back("/tmr/back/delete_user/", body);
  return [
    refused("searchSlot", 404, search()),
    refused("searchSlot", 400, search({ app_id: NOBODY })),
    refused("searchSlot", 400, search({ secret: 7 })),
    refused("pushSlot", 400, push({ data_b64: null })),
    refused("pushSlot", 400, push({ user_id: null }), false),
    refused("pushSlot", 400, push({ user_id: "x".repeat(65) }), false),
    done("pushSlot", push()),
    refused("pushSlot", 403, push({ secret: "another" })),
    refused("pushSlot", 400, push({ app_id: NOBODY })),
    done("searchSlot", search()),
    done("deleteSlots", deleteSlots({ user_id })),
    refused("deleteSlots", 400, deleteSlots({}), false),
    refused("deleteUser", 400, deleteUser({ user_id, email: "no address" })),
    done("deleteUser", deleteUser({ user_id })),
  ];
}

function everyOperation(app: SsksClient, user: AppUser): readonly Row[] {
  return [...backRows(app, user), ...sessionRows(app, user), ...passwordRows(app, user)];
}

describe("what calls of SSKS leave in the audit log", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let dashboard: Client;
  before(async () => {
    server = await startTestServer({ TABELLION_REQUESTS_PER_SECOND: "10000" });
    dashboard = clientOf(server.origin, (await demoSsks(server)).token);
  });
  after(() => server.remove());

  /** All rows about an application, in no order. */
  const rowsAbout = async (appId: string): Promise<Json[]> => {
    const text = "select event from platform.audit_events where resource_type = 'app' and resource_id = $1";
    return (await look(server.database.superUrl, text, [appId])).map(({ event }) => JSON.parse(event));
  };
  const keyOf = async ({ appId }: SsksClient): Promise<string> =>
    expected(await dashboard.get(`${APPS}/${appId}/keys`), 200).data[0].key_id;

  /** Makes the calls one by one. Each must leave one row, as told; answers the names under which the user stands there. */
  async function leaveRows(app: SsksClient, rows: readonly Row[]): Promise<ReadonlySet<string>> {
    const keyId = await keyOf(app);
    const seen = new Set<string>((await rowsAbout(app.appId)).map(({ id }) => id));
    const names = new Set<string>();
    for (const { operation, status, outcome, isUserNamed, call } of rows) {
      const what = `${operation} ${status}`;
      expected(await call(), status);
      const fresh = (await rowsAbout(app.appId)).filter(({ id }) => !seen.has(id));
      assert.deepEqual(
        fresh.map((row) => [row.action, row.outcome]),
        [[`ssks.${operation}`, outcome]],
        what,
      );
      const [{ id, actor, details }] = fresh;
      const isFront = /^(?:validate|push|search|get)/.test(operation);
      const [type, who] = isFront ? ["visitor", app.appId] : ["token", keyId];
      assert.deepEqual([actor.type, actor.id, actor.ip], [type, who, "127.0.0.1"], what);
      if (!isFront && outcome !== "success") assert.equal(details.status, status, what);
      assert.equal(typeof details.user, isUserNamed ? "string" : "undefined", what);
      if (isUserNamed) names.add(details.user);
      seen.add(id);
    }
    return names;
  }

  test("every operation of the contract, done or refused, leaves one row with who, the application and the user, and no secret", async () => {
    const app = await newApp(server, { slots_per_user: 1 });
    const user = newUser();
    const rows = everyOperation(app, user);
    const document = (await (await fetch(`${server.origin}/v1/ssks/openapi.json`)).json()) as Json;
    const published: string[] = Object.entries<Json>(document.paths).flatMap(([path, item]) =>
      path.startsWith("/v1/") ? [] : [item.post.operationId],
    );
    for (const outcome of ["done", "refused"] as const) {
      const told = rows.filter((row) => (row.outcome === "success") === (outcome === "done"));
      assert.deepEqual([...new Set(told.map(({ operation }) => operation))].toSorted(), published.toSorted(), outcome);
    }
    const names = await leaveRows(app, rows);
    assert.equal(names.size, 1, "one user has one name");
    const text = JSON.stringify(await rowsAbout(app.appId));
    for (const secret of [user.user_id, user.auth_factor.value, FAKE_CHALLENGE, WRONG, BLOB, SECRET, app.apiKey]) {
      assert.ok(!text.includes(secret), secret);
    }
  });

  test("an application that wants it so has its users in clear, in rows of what was refused as well", async () => {
    const app = await newApp(server, { slots_per_user: 1, audit_users: "clear" });
    const user = newUser();
    assert.deepEqual([...(await leaveRows(app, everyOperation(app, user)))], [user.user_id]);
    const text = JSON.stringify(await rowsAbout(app.appId));
    for (const secret of [user.auth_factor.value, FAKE_CHALLENGE, WRONG, BLOB, SECRET, app.apiKey]) {
      assert.ok(!text.includes(secret), secret);
    }
  });

  test("the hash of a user is keyed, and another one in another application", async () => {
    const { user_id } = newUser();
    const hashes = new Set<string>();
    for (const app of [await newApp(server), await newApp(server)]) {
      expected(await app.back("/strict/back/identity_check/", { user_id }), 200);
      const row = (await rowsAbout(app.appId)).find(({ action }) => action === "ssks.checkSlots");
      const { user } = row?.details ?? {};
      assert.match(user, /^[0-9a-f]{32}$/);
      for (const plain of [user_id, `${app.appId}/${user_id}`, app.appId + user_id]) {
        const hash = createHash("sha256").update(plain).digest("hex");
        assert.ok(!hash.includes(user), plain);
      }
      hashes.add(user);
    }
    assert.equal(hashes.size, 2);
  });

  test("SK-25 what production refuses is on record with its application and user", async () => {
    const app = await newApp(server, { environment: "production", sms_quota: 0 });
    const user = newUser();
    const order = { create_user: true, template: TEMPLATE };
    const sms = { user_id: user.user_id, auth_factor: { type: "SMS", value: "+12065550100" }, force_auth: true };
    const row = { operation: "sendChallenge", status: 406, outcome: "failed", isUserNamed: true } as const;
    const names = await leaveRows(app, [
      { ...row, call: () => app.back("/tmr/back/challenge_send/", { ...order, ...user, fake_otp: true }) },
      { ...row, call: () => app.back("/tmr/back/challenge_send/", { ...order, ...sms }) },
    ]);
    assert.equal(names.size, 1);
  });

  test("what names no application leaves no row, and what a budget holds back none of its own", async () => {
    const app = await newApp(server, { limits: { searches_per_user: { burst: 1, every_seconds: 86_400 } } });
    const { length } = await rowsAbout(app.appId);
    const slot = { app_id: app.appId, user_id: "x", secret: SECRET };
    expected(await app.front("/search/", null, slot), 404);
    for (let times = 0; times < 3; times++) expected(await app.front("/search/", null, slot), 429);
    expected(await app.back("/strict/back/identity_check/", { user_id: "x" }, { "x-seald-apikey": "ska_x" }), 401);
    expected(await app.back("/strict/back/identity_check/", { user_id: "x" }, { "x-seald-appid": NOBODY }), 401);
    // A minute that is over by now has left a row with the number of its calls.
    const own = (await rowsAbout(app.appId)).filter(({ details }) => details.calls === undefined);
    assert.equal(own.length, length + 1);
    expected(await post(server.origin, NOBODY), 400);
    assert.deepEqual(await rowsAbout(NOBODY), []);
  });

  test("a flood of bodies that no schema accepts leaves as many rows as its budget allows", async () => {
    const app = await newApp(server);
    const { length } = await rowsAbout(app.appId);
    const answers = await Promise.all(Array.from({ length: 130 }, () => post(server.origin, app.appId)));
    for (const answer of answers) expected(answer, 400);
    const rows = (await rowsAbout(app.appId)).length - length;
    assert.ok(rows >= 100 && rows < 130, `${rows} rows`);
  });

  test("what is done with keys has one name, whatever comes of it", async () => {
    const app = await newApp(server);
    const keys = `${APPS}/${app.appId}/keys`;
    const first = await keyOf(app);
    const next = expected(await dashboard.post(`${keys}/${first}/rotate`, { overlap_seconds: 0 }), 201).key_id;
    expected(await dashboard.post(`${keys}/${first}/rotate`), 409);
    expected(await dashboard.call("DELETE", `${keys}/${next}`), 204);
    expected(await dashboard.call("DELETE", `${keys}/tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F`), 404);
    expected(await dashboard.post(keys, { name: "" }), 422);
    const told: string[] = (await rowsAbout(app.appId)).map(({ action, outcome }) => `${action} ${outcome}`);
    assert.deepEqual(told.filter((each) => each.includes("Key ")).toSorted(), [
      "ssks.createAppKey failed",
      "ssks.createAppKey success",
      "ssks.revokeAppKey failed",
      "ssks.revokeAppKey success",
      "ssks.rotateAppKey failed",
      "ssks.rotateAppKey success",
    ]);
  });
});

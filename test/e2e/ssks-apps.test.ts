import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { holdChange } from "../support/held-table.ts";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { demoTenant, newPerson, signIn } from "../support/people.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  type Answer,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, openSession, TEMPLATE } from "../support/ssks-app.ts";
import { demoSsks, newUser, said, ssksClientOf, wrongFields, type SsksClient } from "../support/ssks-client.ts";
import { runProgram } from "../support/run-program.ts";
import { tabellion } from "../support/tabellion-command.ts";

const NOBODY = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";
const APPS = "/v1/ssks/apps";
const SEND = "/tmr/back/challenge_send/";

function phoneOrder(value: string) {
  const user = { user_id: value, auth_factor: { type: "SMS", value } };
  return { ...user, create_user: true, force_auth: true, template: "<p>$$CHALLENGE$$</p>" };
}

describe("applications of SSKS", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  let demo: SsksClient & { token: string };
  let api: Client;
  let operator: Client;
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    demo = await demoSsks(server);
    api = clientOf(server.origin, demo.token);
    operator = clientOf(server.origin, server.operatorToken);
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  const check = (client: SsksClient, apiKey: string): Promise<{ status: number }> =>
    client.back("/strict/back/identity_check/", { user_id: "x" }, { "x-seald-apikey": apiKey });

  test("SK-01 SK-45 SK-47 the demo start makes a test application whose id and key work at the server's own address", async () => {
    const { data } = expected(await api.get(APPS), 200);
    assert.deepEqual([data.length, data[0].app_id, data[0].environment], [1, demo.appId, "test"]);
    const text = await readFile(join(server.dataDirectory, "demo.env"), "utf8");
    const value = (name: string): string => new RegExp(`^export ${name}=(.*)$`, "m").exec(text)?.[1] ?? "";
    const client = ssksClientOf(value("SSKS_URL"), value("SEALD_APP_ID"), value("SEALD_API_KEY"));
    expected(await client.back("/tmr/back/identity_check/", { user_id: "x" }), 200);
    const slot = { app_id: client.appId, user_id: "x", secret: "s" };
    expected(await client.front("/push/", null, { ...slot, data_b64: "AAEC" }), 200);
    assert.equal(expected(await client.front("/search/", null, slot), 200).data_b64, "AAEC");
  });

  test("an application is made, looked at, changed and deleted with all that is its own", async () => {
    const made = expected(await api.post(APPS, { name: "portal" }), 201);
    assert.deepEqual([made.environment, made.sms_sent, made.audit_users], ["production", 0, "hashed"]);
    const key = expected(await api.post(`${APPS}/${made.app_id}/keys`), 201).api_key;
    const client = ssksClientOf(server.origin, made.app_id, key);
    const user = newUser();
    const order = { ...user, create_user: true, template: "$$CHALLENGE$$" };
    expected(await client.back("/tmr/back/challenge_send/", { ...order, fake_otp: true }), 406);
    const limits = { sends_per_user: { burst: 1, every_seconds: 3_600 } };
    const change = { environment: "staging", name: "renamed", limits };
    const changed = expected(await api.call("PATCH", `${APPS}/${made.app_id}`, { body: change }), 200);
    assert.deepEqual(changed, { ...made, ...change });
    assert.deepEqual(expected(await api.get(`${APPS}/${made.app_id}`), 200), changed);
    expected(await client.back("/tmr/back/challenge_send/", { ...order, fake_otp: true }), 200);
    expected(await client.back("/tmr/back/challenge_send/", { ...order, fake_otp: true }), 429);
    expected(await api.call("DELETE", `${APPS}/${made.app_id}`), 204);
    expectedProblem(await api.get(`${APPS}/${made.app_id}`), 404, "app_not_found");
    assert.equal((await check(client, key)).status, 401);
    expected(await client.front("/push/", null, { app_id: made.app_id, user_id: "x", secret: "s", data_b64: "" }), 401);
  });

  test("a key is shown once, replaced with an overlap, and refused once it is revoked", async () => {
    const { app_id } = expected(await api.post(APPS, { name: "keys", environment: "test" }), 201);
    const client = ssksClientOf(server.origin, app_id, "");
    const keys = `${APPS}/${app_id}/keys`;
    const first = expected(await api.post(keys, { name: "first" }), 201);
    assert.match(first.api_key, /^ska_test_/);
    const second = expected(await api.post(`${keys}/${first.key_id}/rotate`, { overlap_seconds: 3_600 }), 201);
    for (const key of [first, second]) assert.equal((await check(client, key.api_key)).status, 200);
    const listed: { data: Json[] } = expected(await api.get(keys), 200);
    assert.deepEqual(
      listed.data.map((key) => [key.key_id, key.status]),
      [first, second].map((key) => [key.key_id, "active"]),
    );
    assert.ok(!JSON.stringify(listed).includes(first.api_key));
    expected(await api.call("DELETE", `${keys}/${first.key_id}`), 204);
    assert.equal((await check(client, first.api_key)).status, 401);
    assert.equal((await check(client, second.api_key)).status, 200);
    expectedProblem(await api.post(`${keys}/${first.key_id}/rotate`), 409, "key_ended");
    const third = expected(await api.post(`${keys}/${second.key_id}/rotate`, { overlap_seconds: 0 }), 201);
    assert.equal((await check(client, second.api_key)).status, 401);
    assert.equal((await check(client, third.api_key)).status, 200);
    expectedProblem(await api.call("DELETE", `${keys}/tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F`), 404, "key_not_found");
    expectedProblem(await clientOf(server.origin, third.api_key).get(APPS), 401, "unauthorized");
    expectedProblem(await clientOf(server.origin, server.apiKey).get(APPS), 401, "unauthorized");
  });

  test("budgets of an application are its own: what another one sets and uses up holds up nobody here", async () => {
    const strict = { burst: 1, every_seconds: 86_400 };
    const other = await newApp(server, { limits: { pushes_per_address: strict, challenges_per_address: strict } });
    const push = (client: SsksClient): Promise<{ status: number }> =>
      client.front("/push/", null, { app_id: client.appId, user_id: "x", secret: "s", data_b64: "" });
    assert.deepEqual([(await push(other)).status, (await push(other)).status], [200, 429]);
    assert.equal((await push(demo)).status, 200);
    const limits = { pushes_per_address: { burst: 2, every_seconds: 0.5 } };
    expected(await api.call("PATCH", `${APPS}/${other.appId}`, { body: { limits } }), 200);
    await eventually("the new setting holds", async () => ((await push(other)).status === 200 ? true : null));
  });

  test("who may have fewer slots than there are still replaces each of them", async () => {
    const client = await newApp(server);
    const push = (secret: string): Promise<{ status: number }> =>
      client.front("/push/", null, { app_id: client.appId, user_id: "x", secret, data_b64: "" });
    for (const secret of ["a", "b", "c"]) assert.equal((await push(secret)).status, 200);
    expected(await api.call("PATCH", `${APPS}/${client.appId}`, { body: { slots_per_user: 1 } }), 200);
    await eventually("the new setting holds", async () => ((await push("d")).status === 403 ? true : null));
    for (const secret of ["a", "b", "c"]) assert.equal((await push(secret)).status, 200);
  });

  test("SK-24 SK-25 in production no challenge of a test is good any more", async () => {
    const client = await newApp(server);
    const user = newUser();
    const { sessionId } = await openSession(client, user);
    expected(await api.call("PATCH", `${APPS}/${client.appId}`, { body: { environment: "production" } }), 200);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    assert.equal((await client.front("/tmr/front/challenge_validate/", sessionId, proof)).status, 404);
  });

  test("SK-25 a process that still knows the application of before opens no session of a test in production", async () => {
    const client = await newApp(server);
    const [known, user] = [newUser(), newUser()];
    await openSession(client, known);
    const text = "update ssks.apps set environment = 'production' where id = $1";
    const change = await holdChange(server.database.superUrl, text, [client.appId]);
    const order = { create_user: true, template: TEMPLATE, fake_otp: true };
    const answers = [known, user].map((one) => client.back("/tmr/back/challenge_send/", { ...order, ...one }));
    await change.waited();
    await change.letGo();
    for (const answer of answers) assert.deepEqual(expected(await answer, 406), { detail: "FakeOTPForbidden" });
    const made = "select 1 from ssks.users where user_id = $1";
    assert.deepEqual(await look(server.database.superUrl, made, [user.user_id]), []);
  });

  test("templates are kept, one of them as the default, and deleted", async () => {
    const { app_id } = expected(await api.post(APPS, { name: "templates" }), 201);
    const templates = `${APPS}/${app_id}/templates`;
    const [one, two] = [
      expected(await api.post(templates, { name: "one", html: "1", is_default: true }), 201),
      expected(await api.post(templates, { name: "two", html: "2", is_default: true }), 201),
    ];
    const defaults = async (): Promise<Json[]> => {
      const { data }: { data: Json[] } = expected(await api.get(templates), 200);
      return data.filter((each) => each.is_default === true);
    };
    assert.deepEqual(
      (await defaults()).map((each) => each.template_id),
      [two.template_id],
    );
    const path = `${templates}/${one.template_id}`;
    const changed = expected(await api.call("PATCH", path, { body: { is_default: true, subject: "S" } }), 200);
    assert.deepEqual(changed, { ...one, subject: "S" });
    assert.deepEqual(
      (await defaults()).map((each) => each.template_id),
      [one.template_id],
    );
    expected(await api.call("DELETE", path), 204);
    expectedProblem(await api.call("DELETE", path), 404, "template_not_found");
  });

  test("SK-22 a template must be there and hold the mark; an application's own stands in for it", async () => {
    const app = await newApp(server, { environment: "staging" });
    const order = { ...newUser(), create_user: true, force_auth: true };
    assert.deepEqual(wrongFields(await app.back(SEND, order)), ["template"]);
    const bare = { ...order, template: "<p>no mark</p>" };
    assert.deepEqual(wrongFields(await app.back(SEND, bare)), ["template"]);
    expected(await api.call("PATCH", `${APPS}/${app.appId}`, { body: { is_mark_waived: true } }), 200);
    // Each is awaited: one that is replaced before it went is not sent.
    const sent = async (body: object, count: number): Promise<string> => {
      expected(await app.back(SEND, body), 200);
      return (await mailbox.mailTo(order.auth_factor.value, count)).subject;
    };
    assert.equal(await sent(bare, 1), "End-to-end encryption challenge");
    const kept = { name: "kept", subject: "Kept subject", html: "<p>$$CHALLENGE$$</p>", is_default: true };
    const { template_id } = expected(await api.post(`${APPS}/${app.appId}/templates`, kept), 201);
    assert.equal(await sent(order, 2), "Kept subject");
    assert.equal(await sent({ ...order, template_id }, 3), "Kept subject");
    assert.deepEqual(wrongFields(await app.back(SEND, { ...order, template_id: NOBODY })), ["template_id"]);
  });

  test("SK-22 a kept template that is not the default makes the mail where it is named; one without the mark makes none", async () => {
    const app = await newApp(server, { environment: "staging" });
    const path = `${APPS}/${app.appId}`;
    const keep = async (html: string, isDefault = false): Promise<string> => {
      const template = { name: "kept", subject: html.slice(4, 8), html, is_default: isDefault };
      return expected(await api.post(`${path}/templates`, template), 201).template_id;
    };
    await keep("<h1>Main</h1>$$CHALLENGE$$", true);
    const named = await keep("<h1>Side</h1><p>It is <b>$$CHALLENGE$$</b></p>");
    const bare = await keep("<h1>Bare</h1>");
    const send = (template_id: string, user = newUser()): Promise<Answer> =>
      app.back(SEND, { ...user, create_user: true, force_auth: true, template_id });
    const user = newUser();
    const { session_id: session } = expected(await send(named, user), 200);
    const mail = await mailbox.mailTo(user.auth_factor.value);
    const challenge = /It is (\S{8})/.exec(mail.text)?.[1] ?? "";
    assert.equal(mail.html.trim(), `<h1>Side</h1><p>It is <b>${challenge}</b></p>`);
    assert.match(mail.text, new RegExp(`^Side\\s+It is ${challenge}\\s*$`));
    assert.equal(mail.subject, "Side");
    const proof = { challenge, auth_factor: user.auth_factor };
    expected(await app.front("/tmr/front/challenge_validate/", session, proof), 200);
    const set = async (body: object): Promise<void> => void expected(await api.call("PATCH", path, { body }), 200);
    assert.deepEqual(wrongFields(await send(bare)), ["template_id"]);
    await set({ is_mark_waived: true });
    const other = newUser();
    expected(await send(bare, other), 200);
    assert.equal((await mailbox.mailTo(other.auth_factor.value)).html.trim(), "<h1>Bare</h1>");
    await set({ environment: "production" });
    assert.deepEqual(wrongFields(await send(bare)), ["template_id"], "in production the mark is never waived");
    expected(await send(named), 200);
  });

  test("SK-13 text messages beyond the month's quota are a 406 with exactly this body, and nothing happened", async () => {
    const app = await newApp(server, { sms_quota: 1 });
    const first = expected(await app.back(SEND, phoneOrder("+12065550100")), 200);
    assert.equal(said(await app.back(SEND, phoneOrder("+12065550100")), 406), '{"detail":"SMSQuotaFailed"}');
    const rows = await look(server.database.superUrl, "select sent from ssks.sms_usage where app_id = $1", [app.appId]);
    assert.deepEqual(rows, [{ sent: 1 }]);
    const { auth_factor } = phoneOrder("+12065550100");
    const wrong = { challenge: "wrongone", auth_factor };
    expected(await app.front("/tmr/front/challenge_validate/", first.session_id, wrong), 403);
    expected(await app.back(SEND, { ...phoneOrder("+12065550100"), fake_otp: true }), 200);
  });

  test("SK-13 the quota is of one application and one month", async () => {
    const [app, other] = [await newApp(server, { sms_quota: 1 }), await newApp(server, { sms_quota: 1 })];
    const send = (client: SsksClient): Promise<Answer> => client.back(SEND, phoneOrder("+12065550103"));
    const used = async (client: SsksClient): Promise<void> => {
      expected(await send(client), 200);
      assert.equal(said(await send(client), 406), '{"detail":"SMSQuotaFailed"}');
    };
    await used(app);
    await used(other);
    await look(server.database.superUrl, "update ssks.sms_usage set month = '2001-01' where app_id = $1", [app.appId]);
    await used(app);
    assert.equal(expected(await api.get(`${APPS}/${app.appId}`), 200).sms_sent, 1, "of this month");
    expected(await send(other), 406);
  });

  test("one organisation's applications do not exist for another, nor for a token without the scope", async () => {
    const { tenant_id } = expected(await operator.post("/v1/tenants", { name: "stranger" }), 201);
    const made = expected(await operator.post(`/v1/tenants/${tenant_id}/ssks-tokens`, { name: "first" }), 201);
    const stranger = clientOf(server.origin, made.token);
    assert.deepEqual(expected(await stranger.get(APPS), 200).data, []);
    for (const [method, path, body] of [
      ["GET", "", undefined],
      ["PATCH", "", { name: "mine" }],
      ["DELETE", "", undefined],
      ["POST", "/keys", {}],
      ["GET", "/keys", undefined],
      ["POST", "/templates", { name: "x", html: "x" }],
      ["GET", "/templates", undefined],
    ] as const) {
      const answer = await stranger.call(method, `${APPS}/${demo.appId}${path}`, body === undefined ? {} : { body });
      expectedProblem(answer, 404, "app_not_found");
    }
    const narrow = expected(await stranger.post("/v1/ssks/tokens", { name: "n", scopes: ["apps:read"] }), 201);
    expectedProblem(await clientOf(server.origin, narrow.token).post(APPS, { name: "x" }), 403, "insufficient_scope");
    expectedProblem(await stranger.post(APPS, { name: "" }), 422, "validation_failed");
    expected(await operator.call("DELETE", `/v1/tenants/${tenant_id}`), 204);
    expectedProblem(await stranger.get(APPS), 401, "unauthorized");
  });

  test("a member manages applications as the role allows", async () => {
    const tenantId = await demoTenant(server.database.superUrl);
    const owner = await newPerson(server, mailbox, { tenantId, role: "owner" });
    const reader = await newPerson(server, mailbox, { tenantId, role: "reader" });
    const { app_id } = expected(await (await signIn(server.origin, owner)).post(APPS, { name: "by an owner" }), 201);
    const reading = await signIn(server.origin, reader);
    expected(await reading.get(`${APPS}/${app_id}`), 200);
    expectedProblem(await reading.call("DELETE", `${APPS}/${app_id}`), 403, "insufficient_scope");
    const owning = await signIn(server.origin, owner);
    const key = expected(await owning.post(`${APPS}/${app_id}/keys`, { name: "by an owner" }), 201);
    const made = ssksClientOf(server.origin, app_id, key.api_key);
    const mail = { name: "mail", html: "<p>$$CHALLENGE$$</p>", is_default: true };
    const { template_id } = expected(await owning.post(`${APPS}/${app_id}/templates`, mail), 201);
    const { user_id, auth_factor } = newUser();
    expected(await made.back(SEND, { user_id, auth_factor, create_user: true }), 200);
    const next = expected(
      await owning.post(`${APPS}/${app_id}/keys/${key.key_id}/rotate`, { overlap_seconds: 0 }),
      201,
    );
    assert.equal((await check(made, key.api_key)).status, 401);
    expected(await owning.call("DELETE", `${APPS}/${app_id}/keys/${next.key_id}`), 204);
    assert.equal((await check(made, next.api_key)).status, 401);
    expected(await owning.call("DELETE", `${APPS}/${app_id}/templates/${template_id}`), 204);
    for (const path of ["keys", "templates"]) {
      expectedProblem(await reading.post(`${APPS}/${app_id}/${path}`, mail), 403, "insufficient_scope");
      expected(await reading.get(`${APPS}/${app_id}/${path}`), 200);
    }
  });

  test("the command line makes applications, keys and templates, as the organisation and as the operator", async () => {
    const env = { TABELLION_URL: server.origin, TABELLION_DATA: server.dataDirectory, SSKS_TOKEN: demo.token };
    const run = async (...args: string[]): Promise<Json> => {
      const ended = await tabellion(["ssks", ...args, "--json"], env);
      assert.equal(ended.code, 0, ended.stderr);
      return JSON.parse(ended.stdout);
    };
    const made = await run("app", "create", "by hand", "--environment", "staging", "--sms-quota", "5", "--mark-waived");
    assert.deepEqual([made.environment, made.sms_quota, made.is_mark_waived], ["staging", 5, true]);
    const key = await run("key", "create", made.app_id);
    const client = ssksClientOf(server.origin, made.app_id, key.api_key);
    assert.equal((await check(client, key.api_key)).status, 200);
    const rotated = await run("key", "rotate", made.app_id, key.key_id, "--overlap", "0");
    assert.equal((await check(client, rotated.api_key)).status, 200);
    await run("key", "revoke", made.app_id, rotated.key_id);
    assert.equal((await check(client, rotated.api_key)).status, 401);
    assert.equal((await run("key", "list", made.app_id)).length, 2);
    const limits = '{"pushes_per_user":{"burst":1,"every_seconds":5}}';
    const set = await run("app", "set", made.app_id, "--audit-users", "clear", "--limits", limits, "--mark-needed");
    assert.deepEqual([set.audit_users, JSON.stringify(set.limits), set.is_mark_waived], ["clear", limits, false]);
    const file = join(server.dataDirectory, "mail.html");
    await writeFile(file, "<p>$$CHALLENGE$$</p>");
    const kept = await run("template", "create", made.app_id, "mail", "--file", file, "--default");
    assert.equal((await run("template", "list", made.app_id))[0].template_id, kept.template_id);
    const { template_id } = kept;
    const told = await run("template", "set", made.app_id, template_id, "--subject", "Your code", "--not-default");
    assert.deepEqual(told, { ...kept, subject: "Your code", is_default: false });
    await writeFile(file, "<b>$$CHALLENGE$$</b>");
    const more = ["--name", "letter", "--file", file, "--subject", "", "--default"];
    const html = "<b>$$CHALLENGE$$</b>";
    assert.deepEqual(await run("template", "set", made.app_id, template_id, ...more), {
      ...kept,
      name: "letter",
      html,
    });
    for (const wrong of [[], ["--default", "--not-default"]]) {
      const refused = await tabellion(["ssks", "template", "set", made.app_id, template_id, ...wrong], env);
      assert.equal(refused.code, 2, refused.stderr);
    }
    await run("template", "delete", made.app_id, kept.template_id);
    const tenantId = await demoTenant(server.database.superUrl);
    const apps: Json[] = await run("app", "list", "--tenant", tenantId);
    assert.equal(apps.filter((app) => app.app_id === made.app_id).length, 1);
    assert.equal((await run("app", "show", made.app_id)).name, "by hand");
    assert.equal((await tabellion(["ssks", "app", "delete", made.app_id], env)).code, 2);
    await run("app", "delete", made.app_id, "--yes");
    const missing = await tabellion(["ssks", "app", "show", NOBODY], { ...env, SSKS_TOKEN: "" });
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /SSKS_TOKEN is not set/);
  });

  test("a body that a route does not want is refused by its type and its size alone, as the document says", async () => {
    const document = (await (await fetch(`${server.origin}/v1/ssks/openapi.json`)).json()) as Json;
    const { responses } = document.paths["/tmr/front/search/"].post;
    for (const [type, size, status] of [
      ["text/plain", 1, 415],
      ["application/json", 2 * 1024 * 1024, 413],
      ["application/json", 1, 404],
    ] as const) {
      const headers = { "content-type": type, "x-seald-appid": demo.appId };
      const body = Buffer.alloc(size, "x");
      const answer = await fetch(`${server.origin}/tmr/front/search/`, { method: "POST", headers, body });
      assert.equal(answer.status, status, type);
      assert.ok(status in responses, String(status));
    }
  });

  test("the published document tells of the contract's own headers and failures, and of tokens beside them", async () => {
    const document = (await (await fetch(`${server.origin}/v1/ssks/openapi.json`)).json()) as Json;
    assert.match(document.openapi, /^3\.1/);
    const send = document.paths["/tmr/back/challenge_send/"].post;
    assert.deepEqual(send.security, [{ appId: [], apiKey: [] }]);
    assert.ok(!JSON.stringify(send.parameters).includes("Idempotency-Key"));
    assert.deepEqual(
      Object.keys(send.responses).filter((status) => ["200", "400", "404", "406", "422", "429"].includes(status)),
      ["200", "400", "404", "406", "429"],
    );
    assert.deepEqual(document.paths["/tmr/front/search/"].post.security, [{ appId: [], session: [] }]);
    assert.deepEqual(document.paths["/search/"].post.security, [{ appId: [] }]);
    assert.equal(document.components.securitySchemes.apiKey.name, "X-SEALD-APIKEY");
    assert.deepEqual(document.paths[APPS].get.security, [{ bearer: ["apps:read"] }]);
    const french = (await (await fetch(`${server.origin}/v1/ssks/openapi.json?lang=fr`)).json()) as Json;
    assert.notEqual(french.info.description, document.info.description);
    for (const path of ["reference", "reference.css", "openapi.yaml", "postman.json"]) {
      assert.equal((await fetch(`${server.origin}/v1/ssks/${path}`)).status, 200, path);
    }
  });

  test("the strictest rules of an independent linter find no error in it, but for the contract's slashes at the end", async () => {
    const file = fileURLToPath(new URL("../../openapi/ssks.json", import.meta.url));
    const cli = fileURLToPath(new URL("../../node_modules/@redocly/cli/bin/cli.js", import.meta.url));
    const config = fileURLToPath(new URL("../../redocly.yaml", import.meta.url));
    const { stdout, stderr, code } = await runProgram(process.execPath, [cli, "lint", "--config", config, file], {
      env: { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    });
    assert.equal(code, 0, stdout + stderr);
  });

  test("an Idempotency-Key means nothing at the published paths: each call is one", async () => {
    const user = newUser();
    const order = { ...user, create_user: true, template: "$$CHALLENGE$$" };
    const headers = { "idempotency-key": "6f1c1c52-0f0e-4b7e-9f0a-2d6b7d9d5c11" };
    const sessions = [
      expected(await demo.back("/tmr/back/challenge_send/", order, headers), 200).session_id,
      expected(await demo.back("/tmr/back/challenge_send/", order, headers), 200).session_id,
      expected(await demo.back("/tmr/back/challenge_send/", order, { "idempotency-key": "no uuid" }), 200).session_id,
    ];
    assert.equal(new Set(sessions).size, 3);
  });

  test("SK-10 SK-23 a message by telephone holds the challenge, also where the template has no place for it, and no subject", async () => {
    const folder = join(server.dataDirectory, "outbox");
    const send = async (template: string, value: string): Promise<string> => {
      const order = { ...phoneOrder(value), template, subject: "A subject" };
      expected(await demo.back(SEND, order), 200);
      return eventually(`the message to ${value}`, async () => {
        const names = await readdir(folder).catch(() => []);
        for (const name of names.filter((each) => each.endsWith(".txt"))) {
          const text = await readFile(join(folder, name), "utf8");
          if (!text.startsWith(`To: ${value}\n`)) continue;
          assert.doesNotMatch(text, /subject/i);
          return text.split("\n\n").slice(1).join("\n\n").trim();
        }
        return null;
      });
    };
    assert.match(await send("<p>Code&nbsp;: <b>$$CHALLENGE$$</b></p>", "+12065550101"), /^Code\u00a0: [a-z2-9]{8}$/);
    assert.match(await send("<p>nothing</p>", "+12065550102"), /^Your verification code: [a-z2-9]{8}$/);
  });
});

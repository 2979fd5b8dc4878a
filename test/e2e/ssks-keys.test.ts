import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { clientOf, eventually, expected, look, type Client, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, openSession } from "../support/ssks-app.ts";
import { demoSsks, newUser, said, ssksClientOf, type SsksClient } from "../support/ssks-client.ts";

const APPS = "/v1/ssks/apps";
const UNKNOWN = '{"detail":"Invalid application credentials."}';

describe("keys and organisations of SSKS as time goes", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  before(async () => {
    server = await startTestServer();
    api = clientOf(server.origin, (await demoSsks(server)).token);
  });
  after(() => server.remove());

  const sql = (text: string, ...values: readonly unknown[]): Promise<Json[]> =>
    look(server.database.superUrl, text, [...values]);
  const check = async (client: SsksClient, apiKey = client.apiKey): Promise<number> =>
    (await client.back("/strict/back/identity_check/", { user_id: "x" }, { "x-seald-apikey": apiKey })).status;

  test("a replaced key is refused once its overlap has ended, and its successor goes on", async () => {
    const app = await newApp(server);
    const keys = `${APPS}/${app.appId}/keys`;
    const { key_id } = expected(await api.get(keys), 200).data[0];
    const next = expected(await api.post(`${keys}/${key_id}/rotate`), 201);
    assert.deepEqual([await check(app), await check(app, next.api_key)], [200, 200]);
    const ends = Date.parse(expected(await api.get(keys), 200).data[0].expires_at) - Date.now();
    assert.ok(ends > 23 * 3_600_000 && ends <= 24 * 3_600_000, `a day, not ${ends} ms`);
    await sql(
      `update platform.credential_directory d set expires_at = now() from platform.credentials c
        where c.lookup_id = d.lookup_id and c.id = $1`,
      key_id,
    );
    await eventually("the old key is refused", async () => ((await check(app)) === 401 ? true : null));
    assert.equal(await check(app, next.api_key), 200);
    assert.equal(expected(await api.get(keys), 200).data[0].status, "expired");
  });

  test("keys are listed page by page, and go with their application however many they are", async () => {
    const app = await newApp(server);
    const keys = `${APPS}/${app.appId}/keys`;
    for (let made = 1; made < 5; made++) expected(await api.post(keys, { name: `key ${made}` }), 201);
    const all: Json[] = expected(await api.get(keys), 200).data;
    assert.deepEqual(
      all.map(({ name }) => name),
      ["its server", "key 1", "key 2", "key 3", "key 4"],
    );
    const paged: Json[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const next: Json = expected(await api.get(`${keys}?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`), 200);
      assert.ok(next.data.length <= 2);
      paged.push(...next.data);
      cursor = next.next_cursor;
    }
    assert.deepEqual(paged, all);
    assert.deepEqual(expected(await api.get(`${keys}?limit=2&page=3`), 200).data, all.slice(4));
    // More than two turns of the deletion take: copies of the first, under ids of their own.
    for (const table of ["platform.credential_directory", "platform.credentials", "ssks.api_keys"]) {
      const column = table.endsWith("credentials") ? "id" : "credential_id";
      const own = `jsonb_build_object('${column}', k.${column} || n, 'lookup_id', to_jsonb(k)->>'lookup_id' || n)`;
      await sql(
        `insert into ${table} select (jsonb_populate_record(k, ${own})).* from ${table} k, generate_series(1001, 1450) n
          where k.${column} = $1`,
        all[0]?.key_id,
      );
    }
    const [{ count }] = await sql("select count(*)::int as count from ssks.api_keys where app_id = $1", app.appId);
    assert.equal(count, 455);
    const ids = await sql("select credential_id as key_id from ssks.api_keys where app_id = $1", app.appId);
    expected(await api.call("DELETE", `${APPS}/${app.appId}`), 204);
    const living = `select c.id from platform.credentials c join platform.credential_directory d using (lookup_id)
                     where c.id = any($1) and d.revoked_at is null`;
    assert.deepEqual(
      await sql(
        living,
        ids.map(({ key_id }) => key_id),
      ),
      [],
    );
  });

  test("SK-02 ids in capitals mean the same, in headers, bodies and paths", async () => {
    const app = await newApp(server);
    const shouting = ssksClientOf(server.origin, app.appId.toUpperCase(), app.apiKey);
    const user = newUser();
    const { sessionId } = await openSession(shouting, user);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    const validated = await shouting.front("/tmr/front/challenge_validate/", sessionId.toUpperCase(), proof);
    const next = String(expected(validated, 200).new_id);
    expected(await shouting.front("/tmr/front/push/", next.toUpperCase(), { data_b64: "AAEC" }), 200);
    assert.equal(expected(await app.front("/tmr/front/search/", next), 200).data_b64, "AAEC");
    const slot = { app_id: shouting.appId, user_id: user.user_id, secret: "s" };
    expected(await shouting.front("/push/", null, { ...slot, data_b64: "AAEC" }), 200);
    expected(await app.front("/search/", null, { ...slot, app_id: app.appId }), 200);
    const counted = expected(await shouting.back("/strict/back/identity_check/", { user_id: user.user_id }), 200);
    assert.deepEqual(counted.user, { user_id: user.user_id, app_id: app.appId });
    expected(await shouting.back("/strict/back/identity_check/", { user_id: 7 }), 400);
    expected(await shouting.front("/search/", null, { ...slot, secret: 7 }), 400);
    const path = `${APPS}/${shouting.appId}`;
    assert.equal(expected(await api.get(path), 200).app_id, app.appId);
    const mail = { name: "mail", html: "<p>$$CHALLENGE$$</p>" };
    const kept = expected(await api.post(`${path}/templates`, mail), 201);
    const template = String(kept.template_id).toUpperCase();
    const order = { ...user, template_id: template, force_auth: true };
    expected(await shouting.back("/tmr/back/challenge_send/", order), 200);
    expected(await api.call("PATCH", `${path}/templates/${template}`, { body: { name: "letter" } }), 200);
    expected(await api.call("DELETE", `${path}/templates/${template}`), 204);
    expected(await api.call("DELETE", `${path}/templates/${template}`), 404);
    const text = "select distinct resource_id from platform.audit_events where lower(resource_id) = $1";
    assert.deepEqual(await sql(text, app.appId), [{ resource_id: app.appId }]);
    expected(await api.call("DELETE", path), 204);
    assert.equal(await check(shouting), 401);
  });

  test("factor tokens are signed with another key after 90 days, and the one before stays published for a day", async () => {
    const app = await newApp(server);
    const user = newUser();
    const { sessionId } = await openSession(app, user);
    const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
    const { new_id: session } = expected(await app.front("/tmr/front/challenge_validate/", sessionId, proof), 200);
    const wanted = { auth_factor_type: "EM", auth_factor_value: user.auth_factor.value };
    const signedBy = async (): Promise<string> => {
      const answer = await app.front("/tmr/front/get_factor_token/", session, wanted);
      const [head = ""] = String(expected(answer, 200).factor_token).split(".");
      return JSON.parse(Buffer.from(head, "base64url").toString()).kid;
    };
    const published = async (): Promise<string[]> => {
      const { keys } = (await (await fetch(`${server.origin}/v1/ssks/.well-known/jwks.json`)).json()) as {
        keys: Json[];
      };
      return keys.map(({ kid }) => kid);
    };
    const pass = (interval: string): Promise<Json[]> =>
      sql(`update ssks.token_keys set created_at = created_at - $1::interval`, interval);
    const first = await signedBy();
    await pass("89 days 23 hours");
    assert.deepEqual([await signedBy(), await published()], [first, [first]]);
    await pass("1 hour");
    const [second = "", ...others] = await published();
    assert.deepEqual(
      [others, await signedBy()],
      [[first], first],
      "published first, so that nobody meets a key unknown",
    );
    assert.notEqual(second, first);
    await pass("1 hour");
    assert.deepEqual([await signedBy(), await published()], [second, [second, first]]);
    await pass("1 day");
    assert.deepEqual([await signedBy(), await published()], [second, [second]]);
  });

  test("once an organisation is shredded, its applications are unknown at the back and at the front", async () => {
    const operator = clientOf(server.origin, server.operatorToken);
    const { tenant_id } = expected(await operator.post("/v1/tenants", { name: "shredded" }), 201);
    const { token } = expected(await operator.post(`/v1/tenants/${tenant_id}/ssks-tokens`, { name: "first" }), 201);
    const owner = clientOf(server.origin, token);
    const { app_id } = expected(await owner.post(APPS, { name: "app", environment: "test" }), 201);
    const { api_key } = expected(await owner.post(`${APPS}/${app_id}/keys`), 201);
    const app = ssksClientOf(server.origin, app_id, api_key);
    const { sessionId } = await openSession(app, newUser());
    const slot = { app_id, user_id: "x", secret: "s" };
    expected(await app.front("/push/", null, { ...slot, data_b64: "AAEC" }), 200);
    expected(await operator.call("DELETE", `/v1/tenants/${tenant_id}`), 204);
    await eventually("nothing of it is known", async () =>
      (await app.front("/search/", null, slot)).status === 401 && (await check(app)) === 401 ? true : null,
    );
    assert.equal(said(await app.back("/tmr/back/create_user/", newUser()), 401), UNKNOWN);
    assert.equal(said(await app.front("/search/", null, slot), 401), UNKNOWN);
    assert.equal(said(await app.front("/push/", null, { ...slot, data_b64: "AAEC" }), 401), UNKNOWN);
    assert.equal(said(await app.front("/tmr/front/push/", sessionId, { data_b64: "AAEC" }), 401), UNKNOWN);
  });
});

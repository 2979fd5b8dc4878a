import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { startLocalServer, type LocalServer } from "../support/local-server.ts";
import {
  clientOf,
  eventually,
  expected,
  look,
  expectedProblem,
  newDocument,
  newOrganisation,
  rowCounts,
  storedDocument,
  withScopes,
  type Client,
} from "../support/secufile-client.ts";
import { operationsOf } from "../support/secufile-scopes.ts";
import { startTestServer } from "../support/server.ts";

const UNKNOWN = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";

describe("organisations beside each other", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let receiver: LocalServer;
  let first: Client;
  let stranger: Client;
  const ids: Record<string, string> = {};
  let wrapped: { key_wrap: string; wrapped_key: string };
  before(async () => {
    server = await startTestServer();
    receiver = await startLocalServer((_request, response) => response.end());
    first = clientOf(server.origin, server.apiKey);
    stranger = await newOrganisation(server);
    const hook = expected(await first.post("/webhooks", { url: `${receiver.url}/first`, events: ["*"] }), 201);
    ids["webhooks"] = hook.webhook_id;
    ids["kms"] = expected(await first.post("/kms/keys"), 201).key_id;
    wrapped = expected(await first.post(`/kms/keys/${ids["kms"]}/data-key`), 201);
    const { key_wrap, wrapped_key } = wrapped;
    ids["documents"] = await storedDocument(first, Buffer.from("ciphertext"), { key_wrap, wrapped_key });
    const request = { signers: [{ email: "client@example.com", role: "buyer" }] };
    ids["signatures"] = expected(
      await first.post(`/documents/${ids["documents"]}/signatures`, request),
      201,
    ).signature_id;
    const order = { name: "SIEM", type: "syslog_tls", host: "127.0.0.1", port: 9 };
    ids["streams"] = expected(await first.post("/audit/streams", order), 201).stream_id;
    const created = "select id from platform.audit_events where action = 'secufile.createDocument' limit 1";
    ids["audit"] = (await look(server.database.superUrl, created))[0].id;
    ids["tokens"] = (await withScopes(first, ["documents:read"])).tokenId;
    await receiver.waitFor(({ path }) => path === "/first");
    await eventually("the signer's mail is sent", async () => {
      return (await rowCounts(server.database.superUrl))["platform.notification_contents"] === 0 ? true : null;
    });
    ids["did"] = await eventually("the delivery is listed", async () => {
      const { body } = await first.get(`/webhooks/${hook.webhook_id}/deliveries?status=delivered`);
      return body.data[0]?.delivery_id ?? null;
    });
  });
  after(async () => {
    await server.remove();
    await receiver.close();
  });

  /** Bodies that each route would take. */
  const bodies: Readonly<Record<string, unknown>> = {
    releaseKey: {
      recipient_public_key: generateKeyPairSync("x25519").publicKey.export({ format: "jwk" }),
      reason: "curiosity",
    },
    createSignature: { signers: [{ email: "client@example.com", role: "buyer" }] },
    wrapKey: { plaintext_key: Buffer.alloc(32, 7).toString("base64") },
    updateWebhook: { active: false },
    rotateWebhookSecret: {},
    rotateToken: {},
  };

  test("SF-48 SF-62 each id of another organisation is a 404, on every route, as if it had never been", async () => {
    const operations = operationsOf((await first.get("/openapi.json")).body).filter(({ path }) =>
      path.includes("{id}"),
    );
    assert.ok(operations.length >= 18);
    const earlier = await rowCounts(server.database.superUrl);
    for (const operation of operations) {
      const noun = /^\/v1\/secufile\/(\w+)/.exec(operation.path)?.[1] ?? "";
      const id = ids[operation.path.includes("/audit/streams/") ? "streams" : noun] ?? assert.fail(operation.path);
      const call = async (template: string, own: string, did: string) => {
        const path = template.replace("{id}", own).replace("{did}", did);
        const body = bodies[operation.operationId];
        const raw = operation.operationId === "putContent" ? { raw: "ciphertext" } : {};
        return stranger.call(operation.method, path, { ...raw, ...(body === undefined ? {} : { body }) });
      };
      for (const template of [operation.path, operation.alias]) {
        const theirs = await call(template, id, ids["did"] ?? "");
        const nobodys = await call(template, id.slice(0, -26) + UNKNOWN, `dlv_${UNKNOWN}`);
        assert.equal(theirs.status, 404, `${operation.operationId}: ${theirs.bytes.toString()}`);
        assert.equal(theirs.body.code, nobodys.body.code);
        const masked = (text: string): string => text.replaceAll(/(?:[a-z]{3}_)?[0-7][0-9A-HJKMNP-TV-Z]{25}/g, "…");
        assert.equal(masked(theirs.body.detail), masked(nobodys.body.detail), operation.operationId);
      }
    }
    assert.deepEqual(await rowCounts(server.database.superUrl), earlier);
    expected(await first.get(`/documents/${ids["documents"]}`), 200);
    assert.equal(expected(await first.get(`/webhooks/${ids["webhooks"]}`), 200).active, true);
    assert.equal(expected(await first.get(`/tokens/${ids["tokens"]}`), 200).status, "active");
  });

  test("SF-48 lists hold what is one's own, and a cursor of another's leads to nothing of theirs", async () => {
    for (const path of ["/documents", "/kms/keys", "/webhooks"]) {
      assert.deepEqual(expected(await stranger.get(path), 200), { data: [], next_cursor: null }, path);
    }
    assert.equal(expected(await stranger.get("/tokens"), 200).data.length, 1);
    await newDocument(first);
    const { next_cursor: cursor } = expected(await first.get("/documents?limit=1"), 200);
    assert.deepEqual(expected(await stranger.get(`/documents?cursor=${cursor}`), 200).data, []);
  });

  test("SF-15 naming another organisation's key in a document of one's own opens nothing", async () => {
    const { key_wrap, wrapped_key } = wrapped;
    const id = await newDocument(stranger, { key_wrap, wrapped_key });
    const answer = await stranger.post(`/documents/${id}/key-release`, bodies["releaseKey"]);
    expectedProblem(answer, 409, "key_not_held");
  });

  test("SF-56 events of one organisation never reach the receiver of another", async () => {
    const order = { url: `${receiver.url}/stranger`, events: ["*"] };
    expected(await stranger.post("/webhooks", order), 201);
    const ours = await storedDocument(first, Buffer.from("one"));
    const theirs = await storedDocument(stranger, Buffer.from("two"));
    await receiver.waitFor(({ path, body }) => path === "/first" && body.includes(ours));
    await receiver.waitFor(({ path, body }) => path === "/stranger" && body.includes(theirs));
    for (const { path, body } of receiver.received) {
      assert.equal(body.includes(path === "/first" ? theirs : ours), false);
    }
  });

  test("SF-10 an operator's token opens no document, and an organisation's token makes no organisation", async () => {
    expectedProblem(await clientOf(server.origin, server.operatorToken).get("/documents"), 401, "unauthorized");
    expectedProblem(await first.post("/v1/tenants", { name: "x" }), 401, "unauthorized");
  });

  test("SF-10 a token of a shredded organisation opens nothing from then on", async () => {
    const operator = clientOf(server.origin, server.operatorToken);
    const tenant = expected(await operator.post("/v1/tenants", { name: "Short-lived" }), 201);
    const path = `/v1/tenants/${tenant.tenant_id}`;
    const { token } = expected(await operator.post(`${path}/secufile-tokens`, { name: "first" }), 201);
    const doomed = clientOf(server.origin, token);
    const id = await storedDocument(doomed, Buffer.from("soon gone"));
    expected(await operator.call("DELETE", path), 204);
    expectedProblem(await doomed.get(`/documents/${id}/content`), 401, "unauthorized");
    expected(await first.get(`/documents/${ids["documents"]}/content`), 200);
  });
});

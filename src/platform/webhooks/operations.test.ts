import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sql } from "../db/sql.ts";
import type { Call } from "../product.ts";
import { listWebhookDeliveries, replayWebhookDelivery, testWebhook } from "./operations/deliveries.ts";
import {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  getWebhook,
  listWebhooks,
  MAX_ENDPOINTS,
  updateWebhook,
} from "./operations/endpoints.ts";
import { rotateWebhookSecret } from "./operations/secrets.ts";
import { webhookRoutes } from "./routes.ts";
import {
  deliveryPage,
  deliveryShape,
  webhookBodies,
  webhookPage,
  webhookShape,
  webhookWithSecretShape,
} from "./schema.ts";
import { scope, World } from "./test-world.ts";

const url = "http://127.0.0.1:9/hook?key=not-for-the-log";

describe("webhook operations", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(() => world.close());

  async function audited(tenantId: string) {
    const rows = await world.db.tenant(tenantId, (tx) =>
      tx.many(sql<{ action: string; event: string }>`
        select action, event::text as event from platform.audit_events where tenant_id = ${tenantId} order by at, id`),
    );
    return { actions: rows.map((row) => row.action), text: rows.map((row) => row.event).join("\n") };
  }

  test("SF-56 SF-63 each webhook has a secret of its own, shown by the registration and never again", async () => {
    const call = await world.call(await world.tenant());
    const one = webhookWithSecretShape.parse(await createWebhook(call, scope, { url, events: ["*"] }));
    const two = await createWebhook(call, scope, { url, events: ["object.uploaded", "object.uploaded"] });
    assert.match(one.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.notEqual(one.secret, two.secret);
    assert.notEqual(one.public_key, two.public_key);
    assert.deepEqual(two.events, ["object.uploaded"]);
    const list = webhookPage.parse(await listWebhooks(call, scope, { limit: 1 }));
    const rest = await listWebhooks(call, scope, { limit: 1, cursor: list.next_cursor ?? "" });
    assert.equal(rest.next_cursor, null);
    const listed = [...list.data, ...rest.data].map((row) => row.webhook_id);
    assert.deepEqual(listed, [one.webhook_id, two.webhook_id].toSorted());
    assert.equal("secret" in (await getWebhook(call, scope, one.webhook_id)), false);
  });

  test("no secret and no path or query of a URL is in the database in the clear, nor in the audit log", async () => {
    const tenantId = await world.tenant();
    const call = await world.call(tenantId);
    const secret = "a-secret-of-my-own-0123456789";
    const made = await createWebhook(call, scope, { url, events: ["*"], secret });
    const { webhook_id: webhookId } = made;
    assert.deepEqual([made.secret, made.url], [secret, url]);
    await rotateWebhookSecret(call, scope, { webhookId, request: { secret: `${secret}-2` } });
    const rowText = async () => {
      const row = await world.db.tenant(tenantId, (tx) =>
        tx.one(
          sql<{
            row: string;
          }>`select w::text as row from platform.webhook_endpoints as w where tenant_id = ${tenantId}`,
        ),
      );
      return row?.row ?? "";
    };
    const first = await rowText();
    const moved = "http://127.0.0.1:9/way-in/of-the-chat?token=of-the-chat";
    assert.equal((await updateWebhook(call, scope, { webhookId, change: { url: moved } })).url, moved);
    assert.equal((await updateWebhook(call, scope, { webhookId, change: { description: "same" } })).url, moved);
    assert.equal((await getWebhook(call, scope, webhookId)).url, moved);
    const { text } = await audited(tenantId);
    const kept = [first, await rowText(), text].join("\n");
    for (const hidden of ["not-for-the-log", "/hook", "/way-in", "of-the-chat", secret]) {
      assert.equal(kept.includes(hidden), false, hidden);
      assert.equal(kept.includes(Buffer.from(hidden).toString("hex")), false, `${hidden} as hex`);
    }
    assert.equal(text.match(/"url":"http:\/\/127\.0\.0\.1:9"/g)?.length, 2);
  });

  test("a URL that may not be called is refused with the reason, before anything is written", async () => {
    const call = await world.call(await world.tenant());
    for (const bad of [
      "http://192.0.2.1/",
      "https://10.0.0.1/",
      "ftp://127.0.0.1/",
      "https://u:p@127.0.0.1/",
      "https://",
    ]) {
      await assert.rejects(
        createWebhook(call, scope, { url: bad, events: ["*"] }),
        (error: Error & { fields?: unknown }) => {
          assert.match(JSON.stringify(error.fields), /"parameter":"url","reason":"\w/);
          return true;
        },
      );
    }
    assert.deepEqual((await listWebhooks(call, scope, { limit: 10 })).data, []);
  });

  test("unknown events, a star beside names, and weak secrets are refused", async () => {
    const call = await world.call(await world.tenant());
    for (const events of [["object.eaten"], ["*", "object.uploaded"], ["webhook.test"]]) {
      await assert.rejects(createWebhook(call, scope, { url, events }), { code: "validation_failed" });
    }
    await assert.rejects(createWebhook(call, scope, { url, events: ["*"], secret: "whsec_c2hvcnQ=" }), {
      code: "validation_failed",
    });
    const { create } = webhookBodies(scope.eventNames);
    assert.equal(create.safeParse({ url, events: [] }).success, false);
    assert.equal(create.safeParse({ url, events: ["object.eaten"] }).success, false);
    assert.equal(create.safeParse({ url, events: ["*"], secret: "short" }).success, false);
    assert.equal(create.safeParse({ url: `https://x/${"y".repeat(2_048)}`, events: ["*"] }).success, false);
  });

  test("every change is in the audit log, under the name of its operation", async () => {
    const tenantId = await world.tenant();
    const call = await world.call(tenantId);
    const { webhook_id: webhookId } = await createWebhook(call, scope, { url, events: ["*"] });
    const changed = webhookShape.parse(
      await updateWebhook(call, scope, {
        webhookId,
        change: { active: false, description: "off", events: ["share.accessed"] },
      }),
    );
    assert.deepEqual(
      [changed.active, changed.disabled_reason, changed.description, changed.events],
      [false, "by_user", "off", ["share.accessed"]],
    );
    await assert.rejects(testWebhook(call, scope, webhookId), { code: "webhook_disabled" });
    assert.equal((await enableWebhook(call, scope, webhookId)).active, true);
    await rotateWebhookSecret(call, scope, { webhookId, request: { flip: 3600 } });
    const delivery = deliveryShape.parse(await testWebhook(call, scope, webhookId));
    await replayWebhookDelivery(call, scope, { webhookId, deliveryId: delivery.delivery_id });
    await deleteWebhook(call, scope, webhookId);
    const verbs = ["create", "update", "enable", "rotate", "test", "replay", "delete"];
    const { actions } = await audited(tenantId);
    assert.deepEqual(actions.toSorted(), [
      "secufile.createWebhook",
      "secufile.deleteWebhook",
      "secufile.enableWebhook",
      "secufile.replayWebhookDelivery",
      "secufile.rotateWebhookSecret",
      "secufile.testWebhook",
      "secufile.updateWebhook",
    ]);
    assert.equal(actions.length, verbs.length);
  });

  test("deleting a webhook takes its deliveries, its queue and its lane with it", async () => {
    const tenantId = await world.tenant();
    const call = await world.call(tenantId);
    const { webhook_id: webhookId } = await createWebhook(call, scope, { url, events: ["*"] });
    await testWebhook(call, scope, webhookId);
    await deleteWebhook(call, scope, webhookId);
    const left = await world.db.tenant(tenantId, (tx) =>
      tx.one(sql<{ count: number }>`
        select ((select count(*) from platform.webhook_deliveries where tenant_id = ${tenantId})
              + (select count(*) from platform.webhook_queue where tenant_id = ${tenantId})
              + (select count(*) from platform.webhook_lanes where tenant_id = ${tenantId}))::integer as count`),
    );
    assert.equal(left?.count, 0);
  });

  test("ids of another organisation, of another product, and unknown ones all answer not found", async () => {
    const owner = await world.call(await world.tenant());
    const stranger = await world.call(await world.tenant());
    const { webhook_id: webhookId } = await createWebhook(owner, scope, { url, events: ["*"] });
    const { delivery_id: deliveryId } = await testWebhook(owner, scope, webhookId);
    const { webhook_id: strangersId } = await createWebhook(stranger, scope, { url, events: ["*"] });
    const other = { product: "secuscan", eventNames: [] };
    const attempts: [Call, typeof scope][] = [
      [stranger, scope],
      [owner, other],
    ];
    for (const [call, wanted] of attempts) {
      const refused = { code: "webhook_not_found" };
      await assert.rejects(getWebhook(call, wanted, webhookId), refused);
      await assert.rejects(updateWebhook(call, wanted, { webhookId, change: { active: false } }), refused);
      await assert.rejects(enableWebhook(call, wanted, webhookId), refused);
      await assert.rejects(testWebhook(call, wanted, webhookId), refused);
      await assert.rejects(rotateWebhookSecret(call, wanted, { webhookId, request: {} }), refused);
      await assert.rejects(listWebhookDeliveries(call, wanted, { webhookId, query: { limit: 1 } }), refused);
      await assert.rejects(replayWebhookDelivery(call, wanted, { webhookId, deliveryId }), refused);
      await assert.rejects(deleteWebhook(call, wanted, webhookId), refused);
    }
    await assert.rejects(replayWebhookDelivery(stranger, scope, { webhookId: strangersId, deliveryId }), {
      code: "delivery_not_found",
    });
    assert.deepEqual((await listWebhooks(owner, other, { limit: 10 })).data, []);
  });

  test("an organisation registers at most a hundred webhooks", async () => {
    const call = await world.call(await world.tenant());
    for (let n = 0; n < MAX_ENDPOINTS; n++) await createWebhook(call, scope, { url, events: ["*"] });
    await assert.rejects(createWebhook(call, scope, { url, events: ["*"] }), { code: "webhook_limit_reached" });
  });

  test("deliveries are listed the newest first, by state, page by page", async () => {
    const tenantId = await world.tenant();
    const { webhook_id: webhookId } = await createWebhook(await world.call(tenantId), scope, { url, events: ["*"] });
    for (let n = 0; n < 3; n++) {
      world.clock = { now: () => new Date(Date.now() + n * 60_000) };
      await testWebhook(await world.call(tenantId), scope, webhookId);
    }
    world.clock = { now: () => new Date() };
    const call = await world.call(tenantId);
    const first = deliveryPage.parse(await listWebhookDeliveries(call, scope, { webhookId, query: { limit: 2 } }));
    assert.deepEqual(
      first.data.map((row) => row.seq),
      [3, 2],
    );
    const query = { limit: 2, cursor: first.next_cursor ?? "" };
    const second = await listWebhookDeliveries(call, scope, { webhookId, query });
    assert.deepEqual([second.data.map((row) => row.seq), second.next_cursor], [[1], null]);
    const failed = await listWebhookDeliveries(call, scope, { webhookId, query: { limit: 5, status: "failed" } });
    assert.deepEqual(failed.data, []);
  });

  test("a flip may be asked for in seconds or as an instant in UTC within 30 days", async () => {
    const call = await world.call(await world.tenant());
    const flipsAt = async (flip: string | number) => {
      const { webhook_id: webhookId } = await createWebhook(call, scope, { url, events: ["*"] });
      return (await rotateWebhookSecret(call, scope, { webhookId, request: { flip } })).secret_flips_at;
    };
    assert.equal(await flipsAt(60), new Date(call.now.getTime() + 60_000).toISOString());
    const instant = new Date(call.now.getTime() + 3_600_000).toISOString();
    assert.equal(await flipsAt(instant), instant);
    assert.equal(await flipsAt("now"), null);
    const tooLate = new Date(call.now.getTime() + 31 * 86_400_000).toISOString();
    for (const bad of ["tomorrow", "2026-11-22", tooLate]) {
      await assert.rejects(flipsAt(bad), { code: "validation_failed" });
    }
  });

  test("every route answers under the path of its product and under the bare one", () => {
    const routes = webhookRoutes({
      product: "secufile",
      family: "Secufile",
      events: {},
      scopes: { read: "webhooks:read", write: "webhooks:write" },
      pathPrefix: "/v1/secufile",
    });
    assert.equal(routes.length, 10);
    for (const { paths, method, scopes } of routes) {
      assert.deepEqual(paths, [`/v1/secufile${paths[1]?.slice(3)}`, paths[1]]);
      assert.match(paths[1] ?? "", /^\/v1\/webhooks/);
      assert.deepEqual(scopes, [method === "GET" ? "webhooks:read" : "webhooks:write"]);
    }
  });
});

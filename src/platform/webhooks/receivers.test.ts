import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { heldClock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import { enqueueMail } from "../notify/notify.ts";
import { listWebhookDeliveries, replayWebhookDelivery } from "./operations/deliveries.ts";
import { createWebhook, enableWebhook, getWebhook } from "./operations/endpoints.ts";
import { scope, until, World } from "./test-world.ts";

const HOUR_MS = 3_600_000;

describe("what receivers do", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  afterEach(() => world.stopAll());
  after(() => world.close());

  async function register(tenantId: string, url: string) {
    return createWebhook(await world.call(tenantId), scope, { url, events: ["*"] });
  }

  /** The last attempt of a tenant's first delivery, once there are `count`. */
  async function attempt(tenantId: string, webhookId: string, count = 1) {
    const list = async () =>
      (await listWebhookDeliveries(await world.call(tenantId), scope, { webhookId, query: { limit: 10 } })).data[0];
    await until(async () => ((await list())?.attempt_count ?? 0) >= count);
    const delivery = await list();
    assert.ok(delivery);
    const last = delivery.attempts.at(-1);
    assert.ok(last);
    return { delivery, last };
  }

  async function oneEvent(url: string) {
    const tenantId = await world.tenant();
    const made = await register(tenantId, url);
    await world.emit(tenantId);
    return { tenantId, webhookId: made.webhook_id, ...(await attempt(tenantId, made.webhook_id)) };
  }

  test("a redirect is a failure that shows where it led, and is not followed", async () => {
    world.start();
    const target = await world.receive();
    const receiver = await world.receive((_, response) =>
      response.writeHead(302, { location: `${target.url}/x` }).end(),
    );
    const { delivery, last } = await oneEvent(receiver.url);
    assert.equal(delivery.status, "pending");
    assert.equal(last.status_code, 302);
    assert.match(last.error ?? "", new RegExp(`^redirect: .*${target.url}/x`));
    assert.equal(target.received.length, 0);
  });

  test("at most 1 KiB of an answer is kept, without control characters, and the rest is not read", async () => {
    world.start();
    const receiver = await world.receive((_, response) => {
      response.writeHead(500);
      response.on("error", () => undefined);
      response.write(`a\u0000b\u001b[31m<script>${"x".repeat(40_000_000)}`);
      response.end();
    });
    const { last } = await oneEvent(receiver.url);
    assert.equal(last.answer?.length, 1024);
    assert.match(last.answer ?? "", /^a\uFFFDb\uFFFD\[31m<script>x/);
    assert.equal(last.status_code, 500);
  });

  test("a receiver that says 200 and then drips its answer has taken the event", async () => {
    world.start();
    const timers: NodeJS.Timeout[] = [];
    const receiver = await world.receive((_, response) => {
      response.writeHead(200, { "content-length": "17000" }).write("ok");
      response.write("x".repeat(16_500));
      timers.push(setInterval(() => response.write("."), 50));
    });
    const { delivery } = await oneEvent(receiver.url);
    assert.equal(delivery.status, "delivered");
    for (const timer of timers) clearInterval(timer);
  });

  test("a receiver that takes too long, for the head of its answer or byte by byte, has failed", async () => {
    const { outbound } = world;
    const hurried = { headersTimeoutMs: 150, totalTimeoutMs: 300 };
    world.outbound = { ...outbound, fetch: (url, options) => outbound.fetch(url, { ...options, ...hurried }) };
    world.start();
    world.outbound = outbound;
    const hanging = await world.receive(() => undefined);
    assert.match((await oneEvent(hanging.url)).last.error ?? "", /^timeout: /);
    const dripping = await world.receive((_, response) => {
      const text = `HTTP/1.1 200 OK\r\nx-slow: ${"x".repeat(500)}`;
      let sent = 0;
      const timer = setInterval(() => response.socket?.write(text.charAt(sent++)), 10);
      response.socket?.once("close", () => clearInterval(timer));
    });
    const { delivery, last } = await oneEvent(dripping.url);
    assert.match(last.error ?? "", /^timeout: /);
    assert.equal(last.status_code, null);
    assert.equal(delivery.status, "pending");
  });

  test("an answer of 410 disables the webhook and is not tried again", async () => {
    world.start();
    const receiver = await world.receive((_, response) => response.writeHead(410).end());
    const { tenantId, webhookId, delivery } = await oneEvent(receiver.url);
    assert.equal(delivery.status, "failed");
    await until(async () => !(await getWebhook(await world.call(tenantId), scope, webhookId)).active);
    const row = await getWebhook(await world.call(tenantId), scope, webhookId);
    assert.equal(row.disabled_reason, "gone");
    const actions = await world.db.tenant(tenantId, (tx) =>
      tx.many(
        sql<{ action: string }>`select action from platform.audit_events where tenant_id = ${tenantId} order by id`,
      ),
    );
    assert.deepEqual(actions.map((entry) => entry.action).toSorted(), [
      "secufile.createWebhook",
      "secufile.disableWebhook",
    ]);
    await assert.rejects(
      replayWebhookDelivery(await world.call(tenantId), scope, { webhookId, deliveryId: delivery.delivery_id }),
      { code: "webhook_disabled" },
    );
  });

  test("where a webhook gets disabled the hook is called in that transaction: both happen, once, or neither", async () => {
    const calls: { tenantId: string; endpointId: string; reason: string; at: Date }[] = [];
    world.start({
      async onDisabled(tx, tenantId, disabled) {
        calls.push({ tenantId, ...disabled });
        await enqueueMail(tx, await world.keyring.of(tenantId), {
          to: "operator@example.org",
          locale: "en",
          subject: "A webhook was disabled",
          text: disabled.reason,
          purpose: "secufile.webhookDisabled",
          at: disabled.at,
        });
        if (calls.length === 1) throw new Error("the hook fails once");
      },
    });
    const receiver = await world.receive((_, response) => response.writeHead(410).end());
    const tenantId = await world.tenant();
    const { webhook_id: webhookId } = await register(tenantId, receiver.url);
    await world.emit(tenantId);
    await until(() => calls.length > 0);
    await until(async () => !(await getWebhook(await world.call(tenantId), scope, webhookId)).active);
    await world.settled(tenantId);
    assert.deepEqual(
      calls.map(({ at: _at, ...call }) => call),
      Array.from({ length: 2 }, () => ({ tenantId, endpointId: webhookId, reason: "gone" })),
    );
    const mails = await world.db.tenant(tenantId, (tx) =>
      tx.many(sql<{ purpose: string }>`select purpose from platform.notifications where tenant_id = ${tenantId}`),
    );
    assert.deepEqual(mails, [{ purpose: "secufile.webhookDisabled" }], "what the first call wrote is undone with it");
    const disabled = await world.db.tenant(tenantId, (tx) =>
      tx.many(sql`
        select id from platform.audit_events
         where tenant_id = ${tenantId} and action = 'secufile.disableWebhook'`),
    );
    assert.equal(disabled.length, 1);
  });

  test("429 with Retry-After puts off the delivery and everything else for that webhook", async () => {
    world.start();
    const receiver = await world.receive((_, response) => response.writeHead(429, { "retry-after": "7200" }).end());
    const { tenantId, delivery } = await oneEvent(receiver.url);
    const dueInMs = Date.parse(delivery.next_attempt_at ?? "") - Date.now();
    assert.ok(dueInMs > 2 * HOUR_MS - 30_000 && dueInMs <= 2 * HOUR_MS, `${dueInMs}`);
    await world.emit(tenantId);
    await until(async () => (await world.deliveries(tenantId)).length === 2);
    await world.stopAll();
    world.start();
    const other = await world.receive();
    const otherTenant = await world.tenant();
    await register(otherTenant, other.url);
    await world.emit(otherTenant);
    await until(() => other.received.length === 1);
    assert.equal(receiver.received.length, 1);
  });

  test("a receiver that cannot be reached is a failure with a reason that may be shown", async () => {
    world.start();
    const receiver = await world.receive();
    await receiver.close().then(() => undefined);
    const { delivery, last } = await oneEvent(receiver.url).finally(() => undefined);
    assert.equal(last.status_code, null);
    assert.match(last.error ?? "", /^connect_failed: /);
    assert.equal(delivery.status, "pending");
    // The world closes its receivers once more; a closed server only says so.
    receiver.close = async () => undefined;
  });

  test("receivers that hang hold up neither other webhooks nor other organisations", async () => {
    const hanging = await world.receive(() => undefined);
    const healthy = await world.receive();
    const slow = await world.tenant();
    for (let n = 0; n < 9; n++) await register(slow, `${hanging.url}/${n}`);
    await world.emitMany(slow, 40);
    const mixed = await world.tenant();
    await register(mixed, hanging.url);
    await register(mixed, healthy.url);
    const fine = await world.tenant();
    await register(fine, healthy.url);
    world.start();
    await until(() => hanging.received.length >= 32);
    await world.emitMany(mixed, 50);
    await world.emitMany(fine, 50);
    const startedAt = performance.now();
    await until(() => healthy.received.length === 100);
    assert.ok(performance.now() - startedAt < 5_000);
    const open = Map.groupBy(hanging.received, (got) => JSON.parse(got.body.toString()).endpoint_id);
    for (const requests of open.values()) assert.ok(requests.length <= 4, "four under way for one webhook");
    assert.ok(hanging.received.filter((got) => got.path !== "/").length <= 32, "32 under way for one organisation");
  });

  test("an organisation with a long backlog does not delay one with a single event", async () => {
    const receiver = await world.receive((_, response) => void setTimeout(() => response.writeHead(204).end(), 5));
    const busy = await world.tenant();
    for (let n = 0; n < 10; n++) await register(busy, `${receiver.url}/busy`);
    await world.emitMany(busy, 100);
    const quiet = await world.tenant();
    await register(quiet, `${receiver.url}/quiet`);
    world.start();
    await until(() => receiver.received.length >= 200);
    const sentBefore = receiver.received.length;
    await world.emit(quiet);
    await until(() => receiver.received.some((got) => got.path === "/quiet"));
    const place = receiver.received.findIndex((got) => got.path === "/quiet") - sentBefore;
    assert.ok(place < 300, `it came after ${place} others`);
    await world.settled(busy);
    assert.equal(receiver.received.length, 1_001);
  });

  test("after five straight failures the webhook is left alone, then probed by one, then drained by more", async () => {
    const clock = heldClock(new Date());
    world.clock = clock;
    let isDown = true;
    let underWay = 0;
    const widths: number[] = [];
    const receiver = await world.receive((_, response) => {
      underWay += 1;
      widths.push(underWay);
      setTimeout(() => {
        underWay -= 1;
        response.writeHead(isDown ? 500 : 204).end();
      }, 20);
    });
    const tenantId = await world.tenant();
    await register(tenantId, receiver.url);
    await world.emitMany(tenantId, 40);
    world.start();
    const lane = () =>
      world.db.directory((tx) =>
        tx.one(sql<{ is_free: boolean; paused_until: Date; take: number }>`
          select owner is null as is_free, paused_until, take from platform.webhook_lanes where tenant_id = ${tenantId}`),
      );
    await until(async () => (await lane())?.take === 1 && (await lane())?.is_free === true);
    const first = receiver.received.length;
    assert.ok(first >= 5 && first <= 8, `${first} before the breaker opened`);
    assert.equal((await lane())?.paused_until.getTime(), clock.now().getTime() + 30_000);
    clock.advance(31_000);
    world.eventHints.hint();
    await until(async () => receiver.received.length === first + 1 && (await lane())?.is_free === true);
    assert.equal((await lane())?.paused_until.getTime(), clock.now().getTime() + 60_000);
    isDown = false;
    widths.length = 0;
    clock.advance(61_000);
    world.eventHints.hint();
    await world.settled(tenantId).finally(() => {
      world.clock = { now: () => new Date() };
    });
    assert.deepEqual(widths.slice(0, 3), [1, 1, 2]);
    assert.equal(Math.max(...widths), 4);
  });

  test("a webhook that only failed for five days is disabled; enabling it sends what was pending", async () => {
    const clock = heldClock(new Date());
    world.clock = clock;
    let isDown = true;
    const receiver = await world.receive((_, response) => response.writeHead(isDown ? 503 : 200).end());
    const tenantId = await world.tenant();
    const { webhook_id: webhookId } = await register(tenantId, receiver.url);
    world.start();
    await world.emit(tenantId, { n: 1 });
    const show = async () => getWebhook(await world.call(tenantId), scope, webhookId);
    // Ten attempts over three days, then another event, two days later.
    for (let tries = 1; tries <= 10; tries++) {
      await attempt(tenantId, webhookId, tries);
      await until(
        async () =>
          (
            await world.db.directory((tx) =>
              tx.many(sql`
        select 1 from platform.webhook_lanes where tenant_id = ${tenantId} and owner is not null`),
            )
          ).length === 0,
      );
      clock.advance(30 * HOUR_MS);
      world.eventHints.hint();
      if (!(await show()).active) break;
    }
    await world.emit(tenantId, { n: 2 });
    await until(async () => !(await show()).active);
    assert.equal((await show()).disabled_reason, "failing");
    assert.notEqual((await show()).failing_since, null);
    isDown = false;
    await enableWebhook(await world.call(tenantId), scope, webhookId);
    const sentBefore = receiver.received.length;
    clock.advance(30 * HOUR_MS);
    await world.emit(tenantId, { n: 3 });
    await until(() => receiver.received.length > sentBefore);
    await world.settled(tenantId);
    assert.equal((await show()).failing_since, null);
    world.clock = { now: () => new Date() };
  });
});

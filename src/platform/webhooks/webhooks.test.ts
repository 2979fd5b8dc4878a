import assert from "node:assert/strict";
import { createPublicKey, verify as verifyBytes } from "node:crypto";
import * as crypto from "node:crypto";
import { after, afterEach, before, describe, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { sql } from "../db/sql.ts";
import { emitEvent } from "../events/events.ts";
import { createWebhook, deleteWebhook } from "./operations/endpoints.ts";
import { rotateWebhookSecret } from "./operations/secrets.ts";
import { replayWebhookDelivery, testWebhook, listWebhookDeliveries } from "./operations/deliveries.ts";
import { scope, until, World, type Received } from "./test-world.ts";

// The published function, letter for letter.
// oxfmt-ignore
function verify(signature: string, body: Buffer, secret: string) {
// oxlint-disable-next-line prefer-template -- as it was published
const expected = 'sha256=' + crypto
.createHmac('sha256', secret)
.update(body)
.digest('hex');
return crypto.timingSafeEqual(
Buffer.from(signature),
Buffer.from(expected),
);
}

function header(got: Received, name: string): string {
  const value = got.headers[name];
  assert.equal(typeof value, "string", `the header ${name} is there`);
  return String(value);
}

function standardHeaders(got: Received): Record<string, string> {
  return Object.fromEntries(
    ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, header(got, name)]),
  );
}

/** The `v1a` entry against a `whpk_` key, by nothing of ours. */
function verifyEd25519(got: Received, publicKey: string): boolean {
  const entry = header(got, "webhook-signature")
    .split(" ")
    .find((part) => part.startsWith("v1a,"));
  const der = Buffer.concat([
    Buffer.from("302a300506032b6570032100", "hex"),
    Buffer.from(publicKey.slice(5), "base64"),
  ]);
  const content = `${header(got, "webhook-id")}.${header(got, "webhook-timestamp")}.${got.body.toString()}`;
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return verifyBytes(null, Buffer.from(content), key, Buffer.from(entry?.slice(4) ?? "", "base64"));
}

describe("webhooks", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  afterEach(() => world.stopAll());
  after(() => world.close());

  async function register(tenantId: string, url: string, events: string[] = ["*"]) {
    return createWebhook(await world.call(tenantId), scope, { url, events });
  }

  test("SF-42 SF-44 SF-45 every delivery is signed three ways and the published verify() accepts it", async () => {
    world.start();
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    const made = await register(tenantId, receiver.url);
    const eventId = await world.emit(tenantId, { name: 'Füße \u2028 \u0000 "😀"', list: [1, 2.5, null] });
    await until(() => receiver.received.length === 1);
    const [got] = receiver.received;
    assert.ok(got);
    const signature = header(got, "x-secufile-signature");
    assert.equal(signature.length, 71);
    assert.equal(verify(signature, got.body, made.secret), true);
    assert.deepEqual(new Webhook(made.secret).verify(got.body, standardHeaders(got)), JSON.parse(got.body.toString()));
    assert.equal(verifyEd25519(got, made.public_key), true);
    assert.equal(header(got, "webhook-id"), eventId);
    assert.equal(header(got, "x-secufile-event"), "object.uploaded");
    assert.equal(header(got, "x-secufile-timestamp"), header(got, "webhook-timestamp"));
    assert.match(header(got, "x-secufile-timestamp"), /^\d{10}$/);
    assert.equal(header(got, "content-type"), "application/json");
    await world.settled(tenantId);
    assert.equal(header(got, "x-secufile-delivery"), (await world.deliveries(tenantId))[0]?.id);
  });

  test("SF-34 the body has its members in the promised order and is what was stored", async () => {
    world.start();
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    const made = await register(tenantId, receiver.url);
    await world.emit(tenantId, { b: 1, a: { z: [] } });
    await until(() => receiver.received.length === 1);
    const text = receiver.received[0]?.body.toString() ?? "";
    const body = JSON.parse(text);
    assert.deepEqual(Object.keys(body), ["id", "type", "created_at", "endpoint_id", "seq", "livemode", "data"]);
    assert.equal(body.endpoint_id, made.webhook_id);
    assert.equal(body.seq, 1);
    assert.equal(text, JSON.stringify(body));
    const row = await world.db.tenant(tenantId, (tx) =>
      tx.one(sql<{ body: string }>`select body from platform.webhook_deliveries where tenant_id = ${tenantId}`),
    );
    assert.equal(row?.body, text);
  });

  test("only endpoints that ask for an event get it", async () => {
    world.start();
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    await register(tenantId, `${receiver.url}/uploads`, ["object.uploaded"]);
    await register(tenantId, `${receiver.url}/shares`, ["share.accessed", "retention.expired"]);
    await register(tenantId, `${receiver.url}/all`, ["*"]);
    const stranger = await world.tenant();
    await register(stranger, `${receiver.url}/stranger`, ["*"]);
    await world.emit(tenantId, {}, "share.accessed");
    await world.emit(tenantId, {}, "object.uploaded");
    await until(() => receiver.received.length === 4);
    await world.settled(tenantId);
    const seen = receiver.received.map((got) => `${got.path} ${header(got, "x-secufile-event")}`).toSorted();
    assert.deepEqual(seen, [
      "/all object.uploaded",
      "/all share.accessed",
      "/shares share.accessed",
      "/uploads object.uploaded",
    ]);
  });

  test("during a rotation the signature header keeps the old secret, the standard header has both, until the instant", async () => {
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    const made = await register(tenantId, receiver.url);
    const rotated = await rotateWebhookSecret(await world.call(tenantId), scope, {
      webhookId: made.webhook_id,
      request: {},
    });
    assert.notEqual(rotated.secret, made.secret);
    world.start();
    await world.emit(tenantId);
    await until(() => receiver.received.length === 1);
    const [pending] = receiver.received;
    assert.ok(pending);
    assert.equal(verify(header(pending, "x-secufile-signature"), pending.body, made.secret), true);
    for (const secret of [made.secret, rotated.secret])
      new Webhook(secret).verify(pending.body, standardHeaders(pending));
    await assert.rejects(
      rotateWebhookSecret(await world.call(tenantId), scope, { webhookId: made.webhook_id, request: {} }),
      { code: "rotation_pending" },
    );
    // A leak: the flip at once also puts aside what was pending.
    const leaked = { webhookId: made.webhook_id, request: { flip: "now" } };
    const urgent = await rotateWebhookSecret(await world.call(tenantId), scope, leaked);
    await world.settled(tenantId);
    await until(async () => {
      await world.emit(tenantId);
      const last = receiver.received.at(-1);
      return last !== undefined && verify(header(last, "x-secufile-signature"), last.body, urgent.secret);
    });
    const last = receiver.received.at(-1);
    assert.ok(last);
    for (const secret of [made.secret, urgent.secret]) new Webhook(secret).verify(last.body, standardHeaders(last));
    assert.throws(() => new Webhook(rotated.secret).verify(last.body, standardHeaders(last)));
    assert.equal(header(last, "x-secufile-signature").length, 71);
  });

  test("every event reaches every endpoint once, numbered without gaps, with several workers at once", async () => {
    const receiver = await world.receive();
    const tenantIds = [await world.tenant(), await world.tenant()];
    for (const tenantId of tenantIds)
      for (const path of ["a", "b"]) await register(tenantId, `${receiver.url}/${path}`);
    for (let worker = 0; worker < 3; worker++) world.start();
    await Promise.all(tenantIds.flatMap((tenantId) => Array.from({ length: 4 }, () => world.emitMany(tenantId, 30))));
    await until(() => receiver.received.length >= 480);
    for (const tenantId of tenantIds) await world.settled(tenantId);
    assert.equal(receiver.received.length, 480, "nothing was sent twice");
    const bodies = receiver.received.map((got) => JSON.parse(got.body.toString()));
    for (const [endpointId, sent] of Map.groupBy(bodies, (body) => body.endpoint_id)) {
      const seqs = sent.map((body) => body.seq).toSorted((a, b) => a - b);
      assert.deepEqual(
        seqs,
        Array.from({ length: 120 }, (_, at) => at + 1),
        endpointId,
      );
      assert.equal(new Set(sent.map((body) => body.id)).size, 120);
    }
  });

  test("SF-34 a retry carries the same ids and bytes, and a fresh time under fresh signatures", async () => {
    let failures = 1;
    const receiver = await world.receive((_, response) => response.writeHead(failures-- > 0 ? 500 : 200).end("ok"));
    const tenantId = await world.tenant();
    const made = await register(tenantId, receiver.url);
    const first = world.start();
    const emittedAtMs = Date.now();
    await world.emit(tenantId);
    await until(async () => (await world.deliveries(tenantId))[0]?.attempts === 1);
    await first.stop();
    const dueAtMs = (await world.deliveries(tenantId))[0]?.next_attempt_at?.getTime() ?? 0;
    assert.ok(dueAtMs >= emittedAtMs + 4_000 && dueAtMs <= Date.now() + 6_000, `${dueAtMs - emittedAtMs}`);
    world.start({ clock: { now: () => new Date(Date.now() + 7_000) } });
    await world.settled(tenantId);
    const [one, two] = receiver.received;
    assert.ok(one && two);
    assert.deepEqual(two.body, one.body);
    for (const name of ["webhook-id", "x-secufile-delivery", "x-secufile-signature"]) {
      assert.equal(header(two, name), header(one, name));
    }
    assert.ok(Number(header(two, "webhook-timestamp")) > Number(header(one, "webhook-timestamp")));
    new Webhook(made.secret).verify(two.body, standardHeaders(two));
  });

  test("a replay is a new attempt of the same event with the same ids and bytes", async () => {
    world.start();
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    const { webhook_id: webhookId } = await register(tenantId, receiver.url);
    await world.emit(tenantId);
    await world.settled(tenantId).then(() => until(() => receiver.received.length === 1));
    await world.settled(tenantId);
    const deliveryId = (await world.deliveries(tenantId))[0]?.id ?? "";
    const replayed = await replayWebhookDelivery(await world.call(tenantId), scope, { webhookId, deliveryId });
    assert.equal(replayed.status, "pending");
    await until(() => receiver.received.length === 2);
    await world.settled(tenantId);
    const [one, two] = receiver.received;
    assert.ok(one && two);
    assert.deepEqual(two.body, one.body);
    assert.equal(header(two, "webhook-id"), header(one, "webhook-id"));
    assert.equal(header(two, "x-secufile-delivery"), deliveryId);
    const query = { limit: 50 };
    const list = await listWebhookDeliveries(await world.call(tenantId), scope, { webhookId, query });
    assert.deepEqual(
      list.data.map((row) => [row.status, row.attempt_count, row.attempts.length]),
      [["delivered", 2, 2]],
    );
  });

  test("a test event goes to its webhook only and takes a number like any other", async () => {
    world.start();
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    const made = await register(tenantId, `${receiver.url}/one`, ["share.accessed"]);
    await register(tenantId, `${receiver.url}/two`);
    const begun = await testWebhook(await world.call(tenantId), scope, made.webhook_id);
    await until(() => receiver.received.length === 1);
    await world.settled(tenantId);
    const [got] = receiver.received;
    assert.ok(got);
    assert.equal(got.path, "/one");
    assert.equal(header(got, "x-secufile-event"), "webhook.test");
    assert.equal(header(got, "x-secufile-delivery"), begun.delivery_id);
    assert.equal(begun.seq, 1);
    await assert.rejects(testWebhook(await world.call(tenantId), scope, made.webhook_id), { code: "test_too_soon" });
  });

  test("SF-42 where a secret or a URL cannot be opened nothing is sent, and other webhooks go on", async () => {
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    const broken = await register(tenantId, `${receiver.url}/broken`);
    const whole = await register(tenantId, `${receiver.url}/whole`);
    const swapped = await register(tenantId, `${receiver.url}/swapped`);
    await world.db.tenant(tenantId, async (tx) => {
      await tx.run(sql`update platform.webhook_endpoints set secret = set_byte(secret, 30, get_byte(secret, 30) # 1)
                        where tenant_id = ${tenantId} and id = ${broken.webhook_id}`);
      await tx.run(sql`update platform.webhook_endpoints as endpoint set sealed_url = other.sealed_url
                         from platform.webhook_endpoints as other
                        where endpoint.tenant_id = ${tenantId} and endpoint.id = ${swapped.webhook_id}
                          and other.tenant_id = ${tenantId} and other.id = ${whole.webhook_id}`);
    });
    world.start();
    await world.emit(tenantId);
    await until(() => receiver.received.length === 1);
    await until(async () => (await world.deliveries(tenantId)).filter((row) => row.state === "delivered").length === 1);
    assert.deepEqual(
      receiver.received.map((got) => got.path),
      ["/whole"],
    );
    const rows = await world.deliveries(tenantId);
    const states = rows.map((row) => `${row.state} after ${row.attempts}`).toSorted();
    assert.deepEqual(states, ["delivered after 1", "pending after 0", "pending after 0"]);
  });

  test("a webhook that is deleted while a delivery is under way leaves nothing behind", async () => {
    const { promise: mayAnswer, resolve: answerNow } = Promise.withResolvers<void>();
    const receiver = await world.receive((_, response) => void mayAnswer.then(() => response.writeHead(500).end()));
    const tenantId = await world.tenant();
    const made = await register(tenantId, receiver.url);
    world.start();
    await world.emit(tenantId);
    await until(() => receiver.received.length === 1);
    await deleteWebhook(await world.call(tenantId), scope, made.webhook_id);
    answerNow();
    const other = await world.receive();
    await register(tenantId, other.url);
    await world.emit(tenantId);
    await until(() => other.received.length === 1);
    await world.settled(tenantId);
    assert.equal((await world.deliveries(tenantId)).length, 1);
  });

  test("an event of a transaction that was rolled back is told to nobody", async () => {
    world.start();
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    await register(tenantId, receiver.url);
    await assert.rejects(
      world.db.tenant(tenantId, async (tx) => {
        await emitEvent(tx, tenantId, {
          product: "secufile",
          type: "object.uploaded",
          isLive: true,
          data: {},
          at: new Date(),
        });
        throw new Error("no");
      }),
      /no/,
    );
    await world.emit(tenantId, { told: true });
    await until(() => receiver.received.length === 1);
    await world.settled(tenantId);
    assert.equal((await world.deliveries(tenantId)).length, 1);
    assert.match(receiver.received[0]?.body.toString() ?? "", /"told":true/);
  });
});

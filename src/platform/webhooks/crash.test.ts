import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { after, afterEach, before, describe, test } from "node:test";
import { sql } from "../db/sql.ts";
import { createWebhook } from "./operations/endpoints.ts";
import { fanOutBatch } from "./fan-out.ts";
import { scope, until, World } from "./test-world.ts";

const LEASE_OVER_MS = 61_000;

describe("webhooks over crashes and races", () => {
  let world: World;
  const children: ChildProcess[] = [];
  before(async () => {
    world = await World.open();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await world.stopAll();
  });
  after(() => world.close());

  async function register(tenantId: string, url: string) {
    return createWebhook(await world.call(tenantId), scope, { url, events: ["*"] });
  }

  async function startChild(): Promise<ChildProcess> {
    const program = fileURLToPath(new URL("./crashing-worker.ts", import.meta.url));
    const argument = JSON.stringify({ url: world.database.url, rootKey: world.rootKeyText });
    const child = spawn(process.execPath, [program, argument], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    if (child.stdout === null) throw new Error("no output");
    await once(child.stdout, "data");
    return child;
  }

  test("a worker that dies between sending and recording: the same id and bytes are sent again, nothing is lost", async () => {
    let isFirstRound = true;
    const receiver = await world.receive((_, response) => {
      if (!isFirstRound) response.writeHead(204).end();
    });
    const tenantId = await world.tenant();
    await register(tenantId, receiver.url);
    const child = await startChild();
    await world.emitMany(tenantId, 6);
    await until(() => receiver.received.length === 4);
    child.kill("SIGKILL");
    await once(child, "exit");
    const cut = receiver.received.slice();
    isFirstRound = false;
    // Within the lease nobody else sends.
    world.start();
    const other = await world.receive();
    const otherTenant = await world.tenant();
    await register(otherTenant, other.url);
    await world.emit(otherTenant);
    await until(() => other.received.length === 1);
    assert.equal(receiver.received.length, 4);
    await world.stopAll();
    world.start({ clock: { now: () => new Date(Date.now() + LEASE_OVER_MS) } });
    await world.settled(tenantId);
    assert.equal(receiver.received.length, 10);
    const again = receiver.received.slice(4);
    for (const got of cut) {
      const twin = again.find((entry) => entry.headers["x-secufile-delivery"] === got.headers["x-secufile-delivery"]);
      assert.deepEqual(twin?.body, got.body);
      assert.equal(twin?.headers["webhook-id"], got.headers["webhook-id"]);
    }
    assert.equal(new Set(again.map((got) => got.headers["webhook-id"])).size, 6);
  });

  test("workers killed again and again lose no event, and duplicates are the same bytes", async () => {
    const receiver = await world.receive((_, response) => void setTimeout(() => response.writeHead(204).end(), 2));
    const tenantId = await world.tenant();
    await register(tenantId, receiver.url);
    await register(tenantId, receiver.url);
    for (let round = 0; round < 3; round++) {
      const child = await startChild();
      const seen = receiver.received.length;
      await world.emitMany(tenantId, 40);
      await until(() => receiver.received.length > seen + 5);
      child.kill("SIGKILL");
      await once(child, "exit");
      // What the dead worker held is free at once, as for a process that knows itself alone.
      await world.db.directory((tx) => tx.run(sql`update platform.webhook_lanes set lease_until = '-infinity'`));
    }
    world.start();
    await until(async () => (await world.deliveries(tenantId)).length === 240);
    await world.settled(tenantId);
    const bodies = Map.groupBy(receiver.received, (got) => String(got.headers["x-secufile-delivery"]));
    assert.equal(bodies.size, 240);
    for (const copies of bodies.values()) {
      assert.equal(new Set(copies.map((got) => got.body.toString())).size, 1);
    }
  });

  test("a fan-out that fails half-way leaves the events in the queue and no delivery", async () => {
    const tenantId = await world.tenant();
    const receiver = await world.receive();
    await register(tenantId, receiver.url);
    await world.emitMany(tenantId, 3);
    await assert.rejects(
      world.db.tenant(tenantId, async (tx) => {
        assert.equal(await fanOutBatch(tx, tenantId, new Date()), 3);
        throw new Error("crash");
      }),
      /crash/,
    );
    assert.deepEqual(await world.deliveries(tenantId), []);
    world.start();
    await until(() => receiver.received.length === 3);
    await world.settled(tenantId);
    const seqs = receiver.received.map((got) => JSON.parse(got.body.toString()).seq).toSorted((a, b) => a - b);
    assert.deepEqual(seqs, [1, 2, 3]);
  });

  test("several workers racing for the same lanes send each delivery once", async () => {
    const receiver = await world.receive();
    const tenantId = await world.tenant();
    for (let n = 0; n < 20; n++) await register(tenantId, receiver.url);
    await Promise.all([startChild(), startChild()]);
    for (let n = 0; n < 2; n++) world.start();
    for (let n = 0; n < 10; n++) await world.emitMany(tenantId, 5);
    await until(async () => (await world.deliveries(tenantId)).length === 1_000);
    await world.settled(tenantId);
    assert.equal(receiver.received.length, 1_000);
  });

  test("on a database where every fifth commit fails, each event still arrives once and numbered without gaps", async () => {
    const faulty = await World.open({ commitFaultPercent: 20 });
    try {
      const receiver = await faulty.receive();
      const tenantId = await faulty.tenant();
      for (let n = 0; n < 3; n++) {
        await createWebhook(await faulty.call(tenantId), scope, { url: receiver.url, events: ["*"] });
      }
      faulty.start();
      faulty.start();
      for (let n = 0; n < 10; n++) await faulty.emitMany(tenantId, 10);
      await until(async () => (await faulty.deliveries(tenantId)).length === 300);
      await faulty.settled(tenantId);
      assert.equal(receiver.received.length, 300);
      const bodies = receiver.received.map((got) => JSON.parse(got.body.toString()));
      for (const sent of Map.groupBy(bodies, (body) => body.endpoint_id).values()) {
        const seqs = sent.map((body) => body.seq).toSorted((a, b) => a - b);
        assert.deepEqual(
          seqs,
          Array.from({ length: 100 }, (_, at) => at + 1),
        );
      }
    } finally {
      await faulty.close();
    }
  });

  test("a stop sends nothing more, cuts short what hangs, and leaves it to the next worker at once", async () => {
    let hangs = true;
    const receiver = await world.receive((_, response) => {
      if (!hangs) response.writeHead(204).end();
    });
    const tenantId = await world.tenant();
    await register(tenantId, receiver.url);
    await world.emit(tenantId);
    const first = world.start();
    await until(() => receiver.received.length === 1);
    await first.stop();
    assert.equal((await world.deliveries(tenantId))[0]?.attempts, 0, "what was cut short is no failure");
    hangs = false;
    world.start();
    await until(() => receiver.received.length === 2);
    await world.settled(tenantId);
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import tls from "node:tls";
import { once } from "node:events";
import { after, before, describe, test, type TestContext } from "node:test";
import { sql } from "../db/sql.ts";
import { createOutbound } from "../outbound/outbound.ts";
import { testAuthority } from "../outbound/test-servers.ts";
import { legacySignature, standardSignature } from "../webhooks/signing.ts";
import { until, World } from "../webhooks/test-world.ts";
import { createAuditStream, getAuditStream, pauseAuditStream, resumeAuditStream } from "./operations/streams.ts";
import { placeAll, recordMany } from "./test-log.ts";
import { backoffMs, startAuditStreams } from "./stream-worker.ts";
import { lockDueStreams } from "./store/lanes.ts";
import type { CreateStreamRequest, StreamView } from "./stream-schema.ts";
import { messagesOf } from "../../../test/support/syslog-receiver.ts";

const families = { secufile: { family: "Secufile", title: "SecuFile", version: "1.0.0" } } as const;

describe("SF-55 audit streams", () => {
  let world: World;
  before(async () => {
    world = await World.open();
    // The test authority's certificate is one for 127.0.0.1, too.
    world.outbound = createOutbound({ allow: ["127.0.0.0/8"], userAgent: "Tabellion-Test", ca: testAuthority });
  });
  after(() => world.close());

  async function grow(tenantId: string, count: number): Promise<void> {
    await recordMany(world.db, tenantId, count);
    await placeAll(world.db, tenantId);
  }

  async function start(t: TestContext, isAlone = false): Promise<{ stop(): Promise<void> }> {
    const { services } = await world.call(await world.tenant());
    const worker = startAuditStreams({
      services: { ...services, publicUrl: () => "https://docs.example.org" },
      families,
      isAlone,
    });
    t.after(() => worker.stop());
    return worker;
  }

  async function create(tenantId: string, request: Partial<CreateStreamRequest> & Pick<CreateStreamRequest, "type">) {
    return createAuditStream(await world.call(tenantId), "secufile", {
      name: "SIEM",
      from_index: 0,
      port: 6514,
      ...request,
    });
  }

  async function view(tenantId: string, id: string): Promise<StreamView> {
    return getAuditStream(await world.call(tenantId), "secufile", id);
  }

  async function sentAll(tenantId: string, id: string): Promise<void> {
    await until(async () => {
      const { lag, last_index } = await view(tenantId, id);
      return lag === 0 && last_index !== null;
    }, 30_000);
  }

  type Got = { readonly headers: IncomingHttpHeaders; readonly body: Buffer };
  const indexesOf = (got: readonly Got[]): number[] =>
    got.flatMap(({ body }) => {
      const batch: { records: { index: number }[] } = JSON.parse(body.toString());
      return batch.records.map((record) => record.index);
    });

  test("webhook: every record once and in order, in batches with both signatures; what failed comes again", async (t) => {
    const tenantId = await world.tenant();
    await grow(tenantId, 600);
    let calls = 0;
    const taken: Got[] = [];
    const receiver = await world.receive((got, response) => {
      calls += 1;
      if (calls !== 2) taken.push(got);
      response.writeHead(calls === 2 ? 500 : 204).end();
    });
    const stream = await create(tenantId, { type: "webhook", url: `${receiver.url}/secret-path` });
    await start(t);
    await sentAll(tenantId, stream.stream_id);
    assert.deepEqual(
      indexesOf(taken),
      Array.from({ length: await lastOf(tenantId) }, (_, index) => index),
    );
    for (const { headers, body } of taken) {
      const legacy = String(headers["x-secufile-signature"]);
      assert.equal(legacy.length, 71);
      assert.equal(legacy, legacySignature(stream.secret ?? "", body));
      const signed = Buffer.concat([
        Buffer.from(`${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.`),
        body,
      ]);
      assert.ok(
        String(headers["webhook-signature"])
          .split(" ")
          .includes(standardSignature(stream.secret ?? "", signed)),
      );
    }
    const after500 = await view(tenantId, stream.stream_id);
    assert.equal(after500.status, "active");
    assert.equal(after500.last_error, null);
  });

  async function lastOf(tenantId: string): Promise<number> {
    const row = await world.db.tenant(tenantId, (tx) =>
      tx.one(sql<{ count: string }>`select count(*) from platform.audit_leaves where tenant_id = ${tenantId}`),
    );
    return Number(row?.count);
  }

  test("a pause of any length loses nothing, and its health is shown meanwhile", async (t) => {
    const tenantId = await world.tenant();
    await grow(tenantId, 10);
    const receiver = await world.receive();
    const stream = await create(tenantId, { type: "webhook", url: receiver.url });
    await start(t);
    await sentAll(tenantId, stream.stream_id);
    const earlier = receiver.received.length;
    await pauseAuditStream(await world.call(tenantId), "secufile", stream.stream_id);
    await grow(tenantId, 700);
    const paused = await view(tenantId, stream.stream_id);
    assert.equal(paused.status, "paused");
    assert.ok(paused.lag >= 700);
    assert.equal(receiver.received.length, earlier);
    await resumeAuditStream(await world.call(tenantId), "secufile", stream.stream_id);
    await sentAll(tenantId, stream.stream_id);
    const indexes = indexesOf(receiver.received);
    assert.deepEqual(
      indexes,
      Array.from({ length: await lastOf(tenantId) }, (_, index) => index),
    );
  });

  test("two workers at once send each batch once", async (t) => {
    const tenantId = await world.tenant();
    await grow(tenantId, 1000);
    const receiver = await world.receive();
    const stream = await create(tenantId, { type: "webhook", url: receiver.url });
    await Promise.all([start(t), start(t)]);
    await sentAll(tenantId, stream.stream_id);
    assert.deepEqual(
      indexesOf(receiver.received),
      Array.from({ length: await lastOf(tenantId) }, (_, index) => index),
    );
  });

  test("what a dead worker had leased is sent by the next one", async (t) => {
    const tenantId = await world.tenant();
    await grow(tenantId, 5);
    const receiver = await world.receive();
    const stream = await create(tenantId, { type: "webhook", url: receiver.url });
    const claim = { owner: "dead", leaseMs: 3_600_000, limit: 100 };
    const lanes = await world.db.directory((tx) => lockDueStreams(tx, claim));
    assert.ok(lanes.some((lane) => lane.stream_id === stream.stream_id));
    await start(t, true);
    await sentAll(tenantId, stream.stream_id);
  });

  test("a failure is shown and tried again for ever, with growing pauses; 410 pauses the stream", async (t) => {
    const tenantId = await world.tenant();
    await grow(tenantId, 5);
    let isGone = false;
    const receiver = await world.receive((_got, response) => void response.writeHead(isGone ? 410 : 503).end());
    const stream = await create(tenantId, { type: "webhook", url: receiver.url });
    await start(t);
    await until(async () => (await view(tenantId, stream.stream_id)).failures >= 1);
    const failing = await view(tenantId, stream.stream_id);
    assert.equal(failing.status, "failing");
    assert.match(failing.last_error ?? "", /503/);
    assert.equal(failing.last_index, null);
    isGone = true;
    await until(async () => (await view(tenantId, stream.stream_id)).status === "paused");
    const pauses = [0, 1, 2, 3, 100].map((failures) => backoffMs(failures, 1));
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 300_000]);
    assert.equal(backoffMs(0, 0), 500);
  });

  test("syslog over TLS: octet-counted messages of RFC 5424; a connection that broke, or was closed in mid-batch, costs nothing", async (t) => {
    const tenantId = await world.tenant();
    await grow(tenantId, 300);
    const received: number[] = [];
    const folder = new URL("../outbound/test-certificates/", import.meta.url);
    let connections = 0;
    const server = tls.createServer(
      {
        cert: readFileSync(new URL("localhost.test.pem", folder)),
        key: readFileSync(new URL("localhost.test-key.pem", folder)),
      },
      (socket) => {
        connections += 1;
        socket.on("error", () => undefined);
        if (connections === 1) socket.destroy();
        const parts: Buffer[] = [];
        socket.on("data", (part: Buffer) => {
          parts.push(part);
          // As a receiver that is restarted: an orderly end, and what it had not read is lost.
          if (connections === 2) socket.pause().end(() => socket.destroy());
        });
        socket.on("end", () => received.push(...messagesOf(Buffer.concat(parts)).map((message) => indexOf(message))));
      },
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address !== "string");
    const stream = await create(tenantId, { type: "syslog_tls", host: "127.0.0.1", port: address.port });
    assert.equal(stream.secret, null);
    assert.equal(stream.target, `127.0.0.1:${address.port}`);
    await start(t);
    await sentAll(tenantId, stream.stream_id);
    assert.deepEqual(
      [...new Set(received)],
      Array.from({ length: await lastOf(tenantId) }, (_, index) => index),
    );
    assert.ok(connections >= 4);
  });

  test("target and secret are sealed at rest", async () => {
    const tenantId = await world.tenant();
    const stream = await create(tenantId, { type: "webhook", url: "http://127.0.0.1:9/secret-path?key=secret-value" });
    const rows = await world.db.tenant(tenantId, (tx) =>
      tx.many(sql<{ all: string }>`
        select s::text || encode(sealed_target, 'escape') || (select string_agg(e.event, '') from platform.audit_events e
                 where e.tenant_id = ${tenantId}) as all from platform.audit_streams s where s.tenant_id = ${tenantId}`),
    );
    assert.ok(rows.length > 0);
    for (const { all } of rows) {
      assert.ok(!all.includes("secret-path") && !all.includes("secret-value") && !all.includes(stream.secret ?? ""));
    }
  });
});

function indexOf(message: string): number {
  return Number(/ index="(\d+)"/.exec(message)?.[1]);
}

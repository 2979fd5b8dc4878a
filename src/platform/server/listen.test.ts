import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { testLog } from "../../../test/support/database.ts";
import { rawClient, say } from "../../../test/support/raw-client.ts";
import { systemClock } from "../clock/clock.ts";
import { readConfig } from "../config/config.ts";
import { problemDialect } from "../http/problem.ts";
import { routeFor, type Route } from "../http/route.ts";
import { createSmoother } from "../limits/smoothing.ts";
import type { OpenCall, Product, Services } from "../product.ts";
import { listen, type RunningServer } from "./listen.ts";
import { createMetrics } from "./metrics.ts";
import type { SocketLimits } from "./sockets.ts";

/** What the routes below wait for and say, so that a test can stand in the middle of a request. */
type Stage = { arrived: PromiseWithResolvers<OpenCall>; goOn: PromiseWithResolvers<void>; stream: PassThrough };

function newStage(): Stage {
  return { arrived: Promise.withResolvers(), goOn: Promise.withResolvers(), stream: new PassThrough() };
}

const route = routeFor<OpenCall>();
const row = { scopes: null, tag: "Test", summary: "Test", errors: [] } as const;
const said = {
  kind: "json",
  status: 200,
  schema: z.strictObject({ said: z.string().max(100_000) }),
  description: "x",
} as const;
const text = { kind: "raw", status: 200, contentType: "text/plain", description: "Bytes." } as const;

/** Routes that stand still until the test lets them go on. */
function stagedRoutes(stage: Stage): Route<OpenCall>[] {
  return [
    route({
      ...row,
      operation: "slow",
      method: "GET",
      paths: ["/v1/test/slow"],
      answer: said,
      async handle(call) {
        stage.arrived.resolve(call);
        await stage.goOn.promise;
        return { said: "slow" };
      },
    }),
    route({
      ...row,
      operation: "stream",
      method: "GET",
      paths: ["/v1/test/stream"],
      answer: text,
      handle: async () => ({ status: 200, headers: {}, body: stage.stream }),
    }),
  ];
}

const plainRoutes: readonly Route<OpenCall>[] = [
  route({
    ...row,
    operation: "quick",
    method: "GET",
    paths: ["/v1/test/quick"],
    answer: said,
    handle: async () => ({ said: "quick" }),
  }),
  route({
    ...row,
    operation: "echo",
    method: "POST",
    paths: ["/v1/test/echo"],
    body: { kind: "json", schema: z.strictObject({ say: z.string().max(100_000) }) },
    answer: said,
    handle: async (_call, { body }) => ({ said: body.say }),
  }),
  route({
    ...row,
    operation: "small",
    method: "POST",
    paths: ["/v1/test/small"],
    body: { kind: "json", schema: z.strictObject({ say: z.string().max(100_000) }), maxBytes: 100 },
    answer: said,
    handle: async (_call, { body }) => ({ said: body.say }),
  }),
  route({
    ...row,
    operation: "called",
    method: "POST",
    paths: ["/v1/test/called/"],
    foreign: { security: [], cors: { allowHeaders: ["x-app"], exposeHeaders: ["Retry-After"] } },
    body: { kind: "json", schema: z.strictObject({ say: z.string().max(100_000) }) },
    answer: said,
    handle: async (_call, { body }) => ({ said: body.say }),
  }),
  route({
    ...row,
    operation: "upload",
    method: "PUT",
    paths: ["/v1/test/upload"],
    body: { kind: "stream", description: "Bytes." },
    answer: said,
    async handle(_call, { stream }) {
      let sizeBytes = 0;
      for await (const chunk of stream ?? []) sizeBytes += (chunk as Buffer).length;
      return { said: String(sizeBytes) };
    },
  }),
];

function product(stage: Stage): Product {
  return {
    name: "test",
    dialect: problemDialect("/v1/test/reference"),
    pathPrefixes: ["/v1/test"],
    authenticate: () => Promise.reject(new Error("nobody asks")),
    routes: [],
    openRoutes: [...stagedRoutes(stage), ...plainRoutes],
    jobs: [],
    events: {},
    errors: {},
    migrations: [],
    about: { title: "Test", version: "1.0.0", description: "Test.", tokenVariable: "TEST_TOKEN", tags: {} },
  };
}

async function start(stage: Stage, limits?: Partial<SocketLimits>, drainSeconds = 20): Promise<RunningServer> {
  const config = readConfig({ TABELLION_PORT: "0", TABELLION_DRAIN_SECONDS: String(drainSeconds) });
  // Open routes ask for nothing else of the services.
  const services = { config, log: testLog, clock: systemClock } as unknown as Services;
  return listen({
    services,
    products: [product(stage)],
    metrics: createMetrics(),
    smoother: createSmoother({ clock: systemClock }),
    readiness: { check: async () => ({}) },
    refusals: { note: () => undefined },
    limits: { headMs: 15_000, idleMs: 60_000, keepAliveMs: 72_000, ...limits },
  });
}

const statusOf = (heard: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1]);

describe("heads that cannot be read", () => {
  let server: RunningServer;
  before(async () => {
    server = await start(newStage());
  });
  after(() => server.close());

  const get = (lines: string): string => `GET /v1/test/quick HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n`;
  const post = (lines: string, body: string): string =>
    `POST /v1/test/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${lines}\r\n\r\n${body}`;
  const cases: Readonly<Record<string, readonly [string | Buffer, RegExp]>> = {
    "a line break in a header's value": [get("X-Signature: 0a1b\n2c3d"), /tr -d/],
    "a bare carriage return in a header": [get("X-Signature: 0a1b\r2c3d"), /tr -d/],
    "a control character in a header": [get("X-Signature: a\u0001b"), /tr -d/],
    "a space in a header's name": [get("X Signature: a"), /tr -d/],
    "TLS on a plain port": [Buffer.from([0x16, 0x03, 0x01, 0x00, 0xa5, 0x01, 0x00]), /TLS/],
    "an unknown method": [`GRAB /v1/test/quick HTTP/1.1\r\nHost: x\r\n\r\n`, /method/],
    "another protocol": [`GET /v1/test/quick XTTP/1.1\r\nHost: x\r\n\r\n`, /not valid HTTP/],
    "an impossible version": [`GET /v1/test/quick HTTP/9.9\r\nHost: x\r\n\r\n`, /not valid HTTP/],
    "a control character in the path": [`GET /v1/test/\u0001 HTTP/1.1\r\nHost: x\r\n\r\n`, /not valid HTTP/],
    "a length that is no number": [post("Content-Length: 1x", ""), /not valid HTTP/],
    "two different lengths": [post("Content-Length: 1\r\nContent-Length: 2", "{}"), /not valid HTTP/],
    "a length beside chunks": [post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), /not valid HTTP/],
    "chunks that are not the last coding": [post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), /not valid HTTP/],
    "a chunk whose size is no number": [post("Transfer-Encoding: chunked", "zz\r\n{}\r\n"), /not valid HTTP/],
  };
  for (const [what, [bytes, hint]] of Object.entries(cases)) {
    test(`${what}: 400 as a problem with a hint, and the connection is closed`, async () => {
      const heard = await say(server.origin, bytes);
      assert.equal(statusOf(heard), 400, heard);
      assert.equal(heard.split("HTTP/1.1 ").length, 2, heard);
      const problem = JSON.parse(heard.slice(heard.indexOf("\r\n\r\n") + 4));
      assert.equal(problem.code, "bad_request");
      assert.match(problem.detail, hint);
      assert.match(problem.request_id, /^req_/);
      assert.match(heard, /connection: close/i);
    });
  }

  test("a head of more than 16 KiB: 431", async () => {
    assert.equal(statusOf(await say(server.origin, get(`X-Long: ${"a".repeat(20_000)}`))), 431);
  });

  test("pages of other origins can read what was wrong where they may call, and nowhere else", async () => {
    for (const [path, isReadable] of [
      ["/v1/test/called/", true],
      ["/v1/test/called", true],
      ["/v1/test/called/?a=b", true],
      ["/v1/test/echo", false],
      ["/v1/test/nowhere", false],
    ] as const) {
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
      for (const [status, rest] of [
        [431, `X-Long: ${"a".repeat(20_000)}\r\n\r\n`],
        [400, "X-App: a\u0001b\r\n\r\n"],
      ] as const) {
        const heard = await say(server.origin, head + rest);
        assert.equal(statusOf(heard), status, heard);
        assert.equal(heard.includes("\r\naccess-control-allow-origin: *\r\n"), isReadable, `${path} ${heard}`);
        assert.equal(heard.includes("\r\naccess-control-expose-headers: Retry-After\r\n"), isReadable, path);
      }
    }
  });

  test("the same holds for bad bytes in a body whose head was good", async () => {
    const client = await rawClient(server.origin);
    client.send("POST /v1/test/called/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    client.send("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
    await client.until("100 Continue");
    client.send("zz\r\n{}\r\n");
    const heard = (await client.untilClosed()).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "");
    assert.equal(statusOf(heard), 400, heard);
    assert.match(heard, /\r\naccess-control-allow-origin: \*\r\n/);
    assert.equal(JSON.parse(heard.slice(heard.indexOf("\r\n\r\n") + 4)).instance, "/v1/test/called/");
  });

  test("bad bytes behind a whole request do not take the place of its answer", async () => {
    const heard = await say(server.origin, `${get("X-Fine: yes")}\u0001\u0002 garbage\r\n\r\n`);
    assert.equal(statusOf(heard), 200, heard);
    assert.equal(heard.split("HTTP/1.1 ").length, 2, heard);
    assert.match(heard, /quick/);
  });
});

describe("heads and bodies that take too long", () => {
  let server: RunningServer;
  before(async () => {
    server = await start(newStage(), { headMs: 200, idleMs: 400 });
  });
  after(() => server.close());

  test("a head that comes by drops is ended with 408 at its limit, one that never begins too", async () => {
    const began = performance.now();
    for (const beginning of ["GET /v1/test/quick HTTP/1.1\r\nX-A", ""]) {
      const client = await rawClient(server.origin);
      if (beginning !== "") client.send(beginning);
      const drops = setInterval(() => client.send(beginning === "" ? "" : "a"), 20);
      const heard = await client.untilClosed();
      clearInterval(drops);
      assert.equal(statusOf(heard), 408, heard);
      assert.match(heard, /request_timeout/);
    }
    assert.ok(performance.now() - began < 8_000);
  });

  test("a body that stops moving is given up", async () => {
    const client = await rawClient(server.origin);
    client.send("PUT /v1/test/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    const heard = await client.untilClosed();
    assert.doesNotMatch(heard, /HTTP\/1\.1 200/);
  });
});

// With the usual limits on time: a machine that stands still for a moment is no slow client.
describe("bodies that are too large", () => {
  let server: RunningServer;
  before(async () => {
    server = await start(newStage());
  });
  after(() => server.close());

  test("a body that is announced too large is refused before it is sent, and its connection closed", async () => {
    const head = "POST /v1/test/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    const heard = await say(server.origin, `${head}Content-Length: 2000000\r\n\r\n{`);
    assert.equal(statusOf(heard), 413);
    assert.match(heard, /connection: close/i);
    assert.match(heard, /payload_too_large/);
  });

  test("a body in chunks is refused once it is too large; a route's own limit counts", async () => {
    const head = (path: string): string =>
      `POST /v1/test/${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `${(70_000).toString(16)}\r\n${" ".repeat(70_000)}\r\n`;
    assert.equal(statusOf(await say(server.origin, head("echo") + chunk.repeat(16))), 413);
    assert.equal(statusOf(await say(server.origin, head("small") + chunk)), 413);
  });

  test("a stream is not held to the limit of JSON bodies", async () => {
    const answer = await fetch(`${server.origin}/v1/test/upload`, { method: "PUT", body: Buffer.alloc(3_000_000) });
    assert.deepEqual(await answer.json(), { said: "3000000" });
  });

  test("a client in the middle of a large body reads the early refusal", async () => {
    for (let round = 0; round < 5; round++) {
      const answer = await fetch(`${server.origin}/v1/test/nowhere`, { method: "PUT", body: Buffer.alloc(20_000_000) });
      assert.equal(answer.status, 404);
      await answer.arrayBuffer();
    }
  });
});

describe("several requests on one connection", () => {
  let server: RunningServer;
  before(async () => {
    server = await start(newStage());
  });
  after(() => server.close());

  test("requests sent together are answered in their order, refusals among them", async () => {
    const client = await rawClient(server.origin);
    const paths = ["quick", "nowhere", "quick", "quick"];
    client.send(paths.map((path) => `GET /v1/test/${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""));
    client.send(`PATCH /v1/test/quick HTTP/1.1\r\nHost: x\r\n\r\n`);
    client.send(`GET /v1/test/quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const heard = await client.untilClosed();
    const statuses = [...heard.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
    assert.deepEqual(statuses, [200, 404, 200, 200, 405, 200]);
  });

  test("Expect: 100-continue is invited where the request is wanted, and refused without its body where not", async () => {
    const client = await rawClient(server.origin);
    const head = (path: string): string =>
      `PUT /v1/test/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`;
    client.send(head("upload"));
    await client.until("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert.match(await client.until('{"said":"3"}'), /HTTP\/1\.1 200/);
    const refused = await say(server.origin, head("nowhere"));
    assert.equal(statusOf(refused), 404);
    client.socket.destroy();
  });
});

describe("the stop of a server", () => {
  test("answers what is under way, closes idle connections, takes no new ones, and waits for nothing else", async () => {
    const stage = newStage();
    const server = await start(stage);
    const idle = await rawClient(server.origin);
    idle.send("GET /v1/test/quick HTTP/1.1\r\nHost: x\r\n\r\n");
    await idle.until("quick");
    const streaming = await rawClient(server.origin);
    streaming.send("GET /v1/test/stream HTTP/1.1\r\nHost: x\r\n\r\n");
    stage.stream.write("begun");
    await streaming.until("begun");
    const waiting = await rawClient(server.origin);
    waiting.send("GET /v1/test/slow HTTP/1.1\r\nHost: x\r\n\r\n");
    await stage.arrived.promise;
    const began = performance.now();
    const closed = server.close();
    await idle.untilClosed();
    await assert.rejects(rawClient(server.origin));
    // On its way when the stop began: answered, not turned away.
    waiting.send("GET /v1/test/quick HTTP/1.1\r\nHost: x\r\n\r\n");
    stage.goOn.resolve();
    stage.stream.end(" ended");
    assert.match(await waiting.untilClosed(), /^HTTP\/1\.1 200[\s\S]*connection: close[\s\S]*"slow"/i);
    assert.match(await streaming.untilClosed(), /begun[\s\S]* ended/);
    await closed;
    assert.ok(performance.now() - began < 15_000);
  });

  test("cuts what is not done within the drain time", async () => {
    const stage = newStage();
    const server = await start(stage, {}, 0);
    const client = await rawClient(server.origin);
    client.send("GET /v1/test/slow HTTP/1.1\r\nHost: x\r\n\r\n");
    await stage.arrived.promise;
    const closed = server.close();
    assert.equal(await client.untilClosed(), "");
    stage.goOn.resolve();
    await closed;
  });
});

test("a client that goes away aborts the signal of its call", async () => {
  const stage = newStage();
  const server = await start(stage);
  const client = await rawClient(server.origin);
  client.send("GET /v1/test/slow HTTP/1.1\r\nHost: x\r\n\r\n");
  const { signal } = await stage.arrived.promise;
  const aborted = once(signal, "abort");
  client.socket.destroy();
  await aborted;
  stage.goOn.resolve();
  await server.close();
});

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { allPlaced } from "../support/audit-reader.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startLocalServer, type Received } from "../support/local-server.ts";
import { growLog } from "../support/log-growth.ts";
import { demoTenant } from "../support/people.ts";
import { publishedVerify } from "../support/published-verify.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newDocument,
  type Json,
} from "../support/secufile-client.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";
import { receiverAuthority, startSyslogReceiver } from "../support/syslog-receiver.ts";

describe("audit streams of SecuFile", () => {
  let database: TestDatabase;
  let dataDirectory: string;
  let port: number;
  let server: TestServer;
  const start = (): Promise<TestServer> =>
    startServer({ dataDirectory, database, port, env: { NODE_EXTRA_CA_CERTS: receiverAuthority } });

  before(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-streams-"));
    database = await createTestDatabase();
    port = await freePort();
    server = await start();
  });
  after(async () => {
    await server.stop();
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const indexesOf = (requests: readonly Received[]): number[] =>
    requests.flatMap(({ body }) => {
      const batch: { records: { index: number }[] } = JSON.parse(body.toString("utf8"));
      return batch.records.map((record) => record.index);
    });

  test("SF-55 a webhook gets signed batches of every record, in order, across a kill -9 and a pause", async (t) => {
    const verify = await publishedVerify();
    const receiver = await startLocalServer((_request, response) => void response.writeHead(204).end());
    t.after(() => receiver.close());
    const client = clientOf(server.origin, server.apiKey);
    const order = { name: "SIEM", type: "webhook", url: `${receiver.url}/in` };
    const stream = expected(await client.post("/audit/streams", order), 201);
    await Promise.all(Array.from({ length: 20 }, () => newDocument(client)));
    await receiver.waitFor(() => true);
    await server.kill();
    server = await start();
    // Time passes: the dead worker's lease is over. What it had begun to ask of the database has ended by now.
    await look(database.superUrl, "update platform.audit_stream_lanes set lease_until = '-infinity'");
    expected(await client.post(`/audit/streams/${stream.stream_id}/pause`), 200);
    await Promise.all(Array.from({ length: 20 }, () => newDocument(client)));
    await allPlaced(database.superUrl);
    const resumed = expected(await client.post(`/audit/streams/${stream.stream_id}/resume`), 200);
    assert.equal(resumed.status, "active");
    const wanted = (await lastIndex(client)) + 1;
    await eventually("every record has come", async () =>
      new Set(indexesOf(receiver.received)).size >= wanted ? true : null,
    );
    const first = [...new Set(indexesOf(receiver.received))];
    assert.deepEqual(
      first,
      first.map((_index, place) => place),
    );
    for (const request of receiver.received) {
      assert.ok(verify(String(request.headers["x-secufile-signature"]), request.body, stream.secret));
      assert.match(String(request.headers["webhook-id"]), new RegExp(`^${stream.stream_id}_\\d+_\\d+$`));
    }
    const shown = expected(await client.get(`/audit/streams/${stream.stream_id}`), 200);
    assert.equal(shown.last_error, null);
    assert.equal("secret" in shown, false);
    expected(await client.call("DELETE", `/audit/streams/${stream.stream_id}`), 204);
    expectedProblem(await client.get(`/audit/streams/${stream.stream_id}`), 404, "audit_stream_not_found");
  });

  test("SF-55 syslog over TLS gets every record, in order, across a kill -9 amid a batch; nothing comes twice but that batch", async (t) => {
    const receiver = await startSyslogReceiver();
    t.after(() => receiver.close());
    const client = clientOf(server.origin, server.apiKey);
    await growLog(database, await demoTenant(database.superUrl), 600);
    receiver.hold(2);
    const order = { name: "SIEM", type: "syslog_tls", host: "127.0.0.1", port: receiver.port, from_index: 0 };
    const { stream_id: id } = expected(await client.post("/audit/streams", { ...order, format: "rfc5424" }), 201);
    const release = await eventually("some of the second batch is read", async () => receiver.release);
    await server.kill();
    release();
    server = await start();
    await look(database.superUrl, "update platform.audit_stream_lanes set lease_until = '-infinity'");
    await newDocument(client);
    await allPlaced(database.superUrl);
    const wanted = (await lastIndex(client)) + 1;
    const placesOf = (messages: readonly string[]): number[] =>
      messages.map((message) =>
        Number(/^<\d+>1 \S+ \S+ tabellion - \S+ \[tabellion@32473 index="(\d+)" /.exec(message)?.[1]),
      );
    const taken = await eventually("every record has come", async () => {
      const whole = receiver.connections.filter(({ isWhole }) => isWhole).map(({ messages }) => placesOf(messages));
      return whole.flat().length >= wanted ? whole : null;
    });
    assert.deepEqual(
      taken.flat(),
      Array.from(taken.flat(), (_index, place) => place),
    );
    const cut = receiver.connections.filter(({ isWhole }) => !isWhole).map(({ messages }) => placesOf(messages));
    const [half = []] = cut;
    assert.ok(cut.length === 1 && half.length > 0 && half.length < 250, `${half.length} of a batch were read`);
    const again = taken.find(([first]) => first === half[0]);
    assert.deepEqual([half[0], again?.slice(0, half.length)], [250, half]);
    expected(await client.call("DELETE", `/audit/streams/${id}`), 204);
  });

  async function lastIndex(client: ReturnType<typeof clientOf>): Promise<number> {
    const { data }: Json = expected(await client.get("/audit?order=desc&limit=1"), 200);
    return Number(data[0].index);
  }

  test("what a stream needs is checked: the URL, the parts of its kind, how many there are", async () => {
    const client = clientOf(server.origin, server.apiKey);
    const wrong: readonly (readonly [string, Json])[] = [
      ["url", { type: "webhook" }],
      ["url", { type: "webhook", url: "http://10.0.0.1/in" }],
      ["host", { type: "webhook", url: "https://example.com/", host: "example.com" }],
      ["host", { type: "syslog_tls" }],
      ["url", { type: "syslog_tls", host: "example.com", url: "https://example.com/" }],
      ["format", { type: "syslog_tls", host: "example.com", format: "jsonl" }],
      ["type", { type: "kafka" }],
    ];
    for (const [parameter, members] of wrong) {
      const problem = expectedProblem(
        await client.post("/audit/streams", { name: "a", ...members }),
        422,
        "validation_failed",
      );
      assert.equal(problem.errors[0].parameter, parameter);
    }
    for (let count = 0; count < 10; count++) {
      expected(await client.post("/audit/streams", { name: "a", type: "syslog_tls", host: "127.0.0.1", port: 9 }), 201);
    }
    const eleventh = await client.post("/audit/streams", { name: "a", type: "syslog_tls", host: "127.0.0.1" });
    expectedProblem(eleventh, 409, "audit_stream_limit_reached");
    const failing = await eventually("a failure is shown", async () => {
      const { data }: { data: Json[] } = expected(await client.get("/audit/streams"), 200);
      return data.find((each) => each.status === "failing") ?? null;
    });
    assert.match(failing.last_error, /^connect_/);
    assert.equal(failing.target, "127.0.0.1:9");
  });
});

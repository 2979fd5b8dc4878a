import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { after, before, describe, test } from "node:test";
import { serveHttp } from "../outbound/test-servers.ts";
import { smsGateway } from "./sms-gateway.ts";
import { World } from "./test-world.ts";

describe("text messages by a gateway", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(() => world.close());

  const gateway = (port: number) =>
    smsGateway(world.outbound, { url: `http://127.0.0.1:${port}/send`, token: "secret-token", from: "Etude" });

  test("one request with number, text, sender and id, and its id as idempotency key", async (t) => {
    const seen: { headers: IncomingHttpHeaders; body: string }[] = [];
    const port = await serveHttp(t, (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => void (body += String(chunk)));
      request.on("end", () => {
        seen.push({ headers: request.headers, body });
        response.writeHead(202).end("{}");
      });
    });
    const id = await world.sms({ text: "Votre code : 123456" });
    await Promise.all([world.attempt(id, { sms: gateway(port) }), world.attempt(id, { sms: gateway(port) })]);
    assert.equal((await world.attempt(id, { sms: gateway(port) })).state, "sent");
    assert.equal(seen.length, 1);
    assert.deepEqual(JSON.parse(seen[0]?.body ?? ""), {
      to: "+33612345678",
      text: "Votre code : 123456",
      from: "Etude",
      id,
    });
    assert.equal(seen[0]?.headers["idempotency-key"], id);
    assert.equal(seen[0]?.headers.authorization, "Bearer secret-token");
  });

  const answers: readonly (readonly [number, string])[] = [
    [400, "failed"],
    [422, "failed"],
    [302, "failed"],
    [401, "waiting"],
    [429, "waiting"],
    [503, "waiting"],
    [500, "uncertain"],
    [504, "uncertain"],
  ];
  for (const [status, state] of answers) {
    test(`the answer ${status}: ${state}`, async (t) => {
      const port = await serveHttp(t, (request, response) => {
        request.resume().on("end", () => response.writeHead(status).end("+33612345678 secret words"));
      });
      const row = await world.attempt(await world.sms(), { sms: gateway(port) });
      assert.equal(row.state, state);
      assert.ok(row.error?.includes(String(status)) === true && !row.error.includes("+33"));
    });
  }

  test("nobody listens: tried again; the connection breaks after the request: uncertain, and never again", async (t) => {
    assert.equal((await world.attempt(await world.sms(), { sms: gateway(1) })).state, "waiting");
    let requests = 0;
    const port = await serveHttp(t, (request) => {
      requests++;
      request.resume().on("end", () => request.socket.destroy());
    });
    const id = await world.sms();
    assert.equal((await world.attempt(id, { sms: gateway(port) })).state, "uncertain");
    await world.attempt(id, { sms: gateway(port) });
    assert.equal(requests, 1);
  });
});

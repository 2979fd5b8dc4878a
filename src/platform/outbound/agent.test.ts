import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { createOutbound } from "./outbound.ts";
import { serveHttp, serveHttps, testAuthority } from "./test-servers.ts";

const resolver = (host: string) => Promise.resolve([host === "inner.test" ? "10.0.0.1" : "127.0.0.1"]);

function get(client: typeof http | typeof https, options: https.RequestOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  client.get(options, (response) => void text(response).then(resolve, reject)).on("error", reject);
  return promise;
}

test("a library that is given the agents reaches listed hosts and reuses connections", async (t) => {
  const outbound = createOutbound({ allow: ["127.0.0.1/32"], userAgent: "test", ca: testAuthority, resolver });
  t.after(() => outbound.close());
  const agents = outbound.agents();
  const plain = await serveHttp(t, (request, response) => response.end(String(request.socket.remotePort)));
  const secure = await serveHttps(t, (request, response) => response.end(String(request.socket.remotePort)));
  const overHttp = { host: "localhost.test", port: plain, agent: agents.http };
  assert.equal(await get(http, overHttp), await get(http, overHttp));
  const overHttps = { host: "localhost.test", port: secure, agent: agents.https };
  assert.equal(await get(https, overHttps), await get(https, overHttps));
});

test("a library that is given the agents gets the guard’s refusals", async (t) => {
  const outbound = createOutbound({ allow: [], userAgent: "test", resolver });
  t.after(() => outbound.close());
  const agents = outbound.agents();
  const refused = { code: "address_not_allowed" };
  await assert.rejects(get(https, { host: "inner.test", agent: agents.https }), refused);
  await assert.rejects(get(https, { host: "127.0.0.1", agent: agents.https }), refused);
  await assert.rejects(get(http, { socketPath: "/var/run/docker.sock", agent: agents.http }), refused);
  await assert.rejects(get(http, { host: "93.184.216.34", agent: agents.http }), { code: "scheme_not_allowed" });
  await assert.rejects(get(https, { host: "93.184.216.34", port: 25, agent: agents.https }), {
    code: "port_not_allowed",
  });
});

test("a library cannot switch the check of the certificate off", async (t) => {
  const outbound = createOutbound({ allow: ["127.0.0.1/32"], userAgent: "test", resolver });
  t.after(() => outbound.close());
  const port = await serveHttps(t, (_request, response) => response.end());
  const options = {
    host: "localhost.test",
    port,
    agent: outbound.agents().https,
    rejectUnauthorized: false,
    ca: testAuthority,
  };
  await assert.rejects(get(https, options), { code: "tls_failed" });
});

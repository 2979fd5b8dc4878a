import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { createOutbound, type OutboundOptions } from "./outbound.ts";
import { serveHttps, serveTcp, testAuthority } from "./test-servers.ts";

const resolver = () => Promise.resolve(["127.0.0.1"]);

function outboundFor(options: Partial<OutboundOptions> = {}) {
  return createOutbound({ allow: ["127.0.0.0/8"], userAgent: "test", ca: testAuthority, resolver, ...options });
}

/** A loopback port whose queue of connections is full: further ones get no answer. */
async function deafPort(t: TestContext): Promise<number> {
  const source = `
    const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    })`;
  const worker = new Worker(source, { eval: true });
  const [port]: number[] = await once(worker, "message");
  assert.ok(port !== undefined);
  const fillers = Array.from({ length: 6 }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
  t.after(async () => {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  });
  await Promise.all(fillers.slice(0, 1).map((filler) => once(filler, "connect")));
  return port;
}

test("a TCP connection goes to the pinned address and carries bytes", async (t) => {
  const port = await serveTcp(t, (socket) => socket.pipe(socket));
  const socket = await outboundFor().connectTcp({ host: "echo.test", port });
  socket.write("hello");
  const [bytes] = await once(socket, "data");
  assert.equal(String(bytes), "hello");
  assert.equal(socket.remoteAddress, "127.0.0.1");
  socket.destroy();
});

test("an address that refuses gives way to the next answer of the same resolution", async (t) => {
  const port = await serveTcp(t, (socket) => socket.end());
  const outbound = outboundFor({
    allow: ["127.0.0.0/8, ::1/128"],
    resolver: () => Promise.resolve(["::1", "127.0.0.1"]),
  });
  const socket = await outbound.connectTcp({ host: "two.test", port });
  assert.equal(socket.remoteAddress, "127.0.0.1");
  socket.destroy();
});

test("a host that refuses on every address is connect_failed", async () => {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(address !== null && typeof address === "object");
  await assert.rejects(outboundFor().connectTcp({ host: "x.test", port: address.port }), { code: "connect_failed" });
});

test("a host that never answers is connect_timeout", { skip: process.platform !== "linux" }, async (t) => {
  const port = await deafPort(t);
  const outbound = outboundFor({ limits: { connectMs: 100 } });
  await assert.rejects(outbound.connectTcp({ host: "deaf.test", port }), { code: "connect_timeout" });
});

test("a resolver that never answers is name_not_resolved", async () => {
  const outbound = outboundFor({ limits: { resolveMs: 20 }, resolver: () => new Promise(() => {}) });
  await assert.rejects(outbound.connectTcp({ host: "slow.test", port: 1 }), { code: "name_not_resolved" });
});

test("a host with blanks, brackets, ports or a zone is not a host", async () => {
  for (const host of ["", "a b", "a/b", "a:1", "[::1]", "fe80::1%eth0", "a@b", "a?b", "%31.0.0.1"]) {
    await assert.rejects(outboundFor().connectTcp({ host, port: 443 }), { code: "invalid_url" }, host);
  }
});

test("TLS sends the name as SNI and verifies the certificate for it", async (t) => {
  const names: string[] = [];
  const port = await serveHttps(
    t,
    (_request, response) => response.end(),
    (name) => names.push(name),
  );
  for (const host of ["localhost.test", "LOCALHOST.test."]) {
    const socket = await outboundFor().connectTls({ host, port, protocols: ["http/1.1"] });
    assert.equal(socket.authorized, true);
    assert.equal(socket.alpnProtocol, "http/1.1");
    socket.destroy();
  }
  assert.deepEqual(names, ["localhost.test", "localhost.test"]);
  const literal = await outboundFor().connectTls({ host: "127.0.0.1", port });
  assert.equal(literal.authorized, true);
  literal.destroy();
});

test("TLS to a host with the certificate of another, or of an unknown authority, is tls_failed", async (t) => {
  const port = await serveHttps(t, (_request, response) => response.end());
  await assert.rejects(outboundFor().connectTls({ host: "other.test", port }), {
    code: "tls_failed",
    message: /ALTNAME/,
  });
  const trustsNobody = createOutbound({
    allow: ["127.0.0.0/8"],
    userAgent: "test",
    resolver: async () => ["127.0.0.1"],
  });
  await assert.rejects(trustsNobody.connectTls({ host: "localhost.test", port }), { code: "tls_failed" });
});

test("TLS is verified even when the environment says not to", async (t) => {
  const port = await serveHttps(t, (_request, response) => response.end());
  const script = `
    import { createOutbound } from ${JSON.stringify(new URL("outbound.ts", import.meta.url).href)}
    const outbound = createOutbound({ allow: ['127.0.0.1/32'], userAgent: 'test' })
    const outcome = outbound.connectTls({ host: '127.0.0.1', port: ${port} })
    outcome.then((socket) => socket.end(), (error) => process.stdout.write(error.code))`;
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { env });
  assert.equal(stdout, "tls_failed");
});

test("a far end that is silent in the handshake is tls_failed and its connection is closed", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const port = await serveTcp(t, (socket) => socket.resume().once("close", () => resolve()));
  const outbound = outboundFor({ limits: { tlsMs: 50 } });
  await assert.rejects(outbound.connectTls({ host: "localhost.test", port }), { code: "tls_failed" });
  await closed;
});

test("STARTTLS secures a connection that began in the clear", async (t) => {
  const port = await serveHttps(t, (_request, response) => response.end());
  const outbound = outboundFor();
  const socket = await outbound.connectTcp({ host: "localhost.test", port });
  const secured = await outbound.startTls({ socket, host: "localhost.test" });
  assert.equal(secured.authorized, true);
  secured.destroy();
});

test("an aborted signal stops a connection at each step", async (t) => {
  const port = await serveTcp(t, () => {});
  await assert.rejects(outboundFor().connectTcp({ host: "a.test", port, signal: AbortSignal.abort() }), {
    code: "aborted",
  });
  const resolving = outboundFor({ resolver: () => new Promise(() => {}) });
  const first = new AbortController();
  const atName = resolving.connectTcp({ host: "a.test", port, signal: first.signal });
  first.abort();
  await assert.rejects(atName, { code: "aborted" });
  const second = new AbortController();
  const atTls = outboundFor().connectTls({ host: "a.test", port, signal: second.signal });
  setImmediate(() => second.abort());
  await assert.rejects(atTls, { code: "aborted" });
});

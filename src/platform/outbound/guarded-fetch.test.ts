import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import type { RequestListener } from "node:http";
import { createOutbound, type Outbound, type OutboundOptions } from "./outbound.ts";
import type { Resolver } from "./resolve-host.ts";
import { serveHttp, serveHttps, serveTcp, testAuthority } from "./test-servers.ts";

const toLoopback: Resolver = () => Promise.resolve(["127.0.0.1"]);

function outboundFor(t: TestContext, options: Partial<OutboundOptions> = {}): Outbound {
  const defaults = { allow: ["127.0.0.0/8"], userAgent: "tabellion-test", ca: testAuthority, resolver: toLoopback };
  const outbound = createOutbound({ ...defaults, ...options });
  t.after(() => outbound.close());
  return outbound;
}

/** Gives one list of addresses after another; the last one for ever. */
function answering(...answers: readonly (readonly string[])[]): Resolver & { readonly asked: () => number } {
  let asked = 0;
  const resolver = () => Promise.resolve(answers[Math.min(asked++, answers.length - 1)] ?? []);
  return Object.assign(resolver, { asked: () => asked });
}

const echo: RequestListener = (request, response) => {
  text(request).then(
    (body) =>
      response.end(JSON.stringify({ method: request.method, headers: request.headers, url: request.url, body })),
    () => response.destroy(),
  );
};

async function json(response: { readBody(max: number): Promise<Buffer> }) {
  return JSON.parse(String(await response.readBody(100_000)));
}

test("a request carries method, headers, body and user agent, and asks for no compression", async (t) => {
  const port = await serveHttp(t, echo);
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/in?x=1#part`, {
    method: "POST",
    headers: { "X-Signature": "abc" },
    body: Buffer.from("payload"),
  });
  const seen = await json(response);
  assert.equal(response.status, 200);
  assert.equal(response.remoteAddress, "127.0.0.1");
  assert.deepEqual([seen.method, seen.url, seen.body], ["POST", "/in?x=1", "payload"]);
  assert.equal(seen.headers.host, `hook.test:${port}`);
  assert.equal(seen.headers["x-signature"], "abc");
  assert.equal(seen.headers["content-length"], "7");
  assert.equal(seen.headers["user-agent"], "tabellion-test");
  assert.equal(seen.headers["accept-encoding"], "identity");
});

test("a stream is sent as it comes, and its failure is the caller’s own error", async (t) => {
  const port = await serveHttp(t, echo);
  const url = `http://hook.test:${port}/`;
  const sent = await outboundFor(t).fetch(url, {
    method: "PUT",
    body: Readable.from([Buffer.from("a"), Buffer.from("b")]),
  });
  assert.equal((await json(sent)).body, "ab");
  const failing = new Readable({
    read() {
      this.destroy(new RangeError("disk"));
    },
  });
  await assert.rejects(outboundFor(t).fetch(url, { method: "PUT", body: failing }), RangeError);
});

test("https keeps the name in Host and SNI while the socket goes to the pinned address", async (t) => {
  const names: string[] = [];
  const port = await serveHttps(t, echo, (name) => names.push(name));
  const response = await outboundFor(t).fetch(`https://localhost.test:${port}/`);
  assert.equal((await json(response)).headers.host, `localhost.test:${port}`);
  assert.deepEqual(names, ["localhost.test"]);
  await assert.rejects(outboundFor(t).fetch(`https://other.test:${port}/`), { code: "tls_failed" });
});

test("a name that answers well at registration and inside at delivery is refused at delivery", async (t) => {
  const resolver = answering(["93.184.216.34"], ["10.0.0.1"]);
  const outbound = outboundFor(t, { allow: [], resolver });
  await outbound.checkUrl("https://rebind.test/");
  await assert.rejects(outbound.fetch("https://rebind.test/"), { code: "address_not_allowed" });
  assert.equal(resolver.asked(), 2);
});

test("a name is asked once per request, and the socket goes to that answer", async (t) => {
  const port = await serveHttp(t, echo);
  const resolver = answering(["127.0.0.1"], ["10.0.0.1"]);
  const response = await outboundFor(t, { resolver }).fetch(`http://rebind.test:${port}/`);
  assert.equal(response.remoteAddress, "127.0.0.1");
  assert.equal(resolver.asked(), 1);
  await response.readBody(10_000);
});

test("a kept connection is reused only while the name still answers with its address", async (t) => {
  const ports: (number | undefined)[] = [];
  const port = await serveHttp(t, (request, response) => {
    ports.push(request.socket.remotePort);
    response.end("ok");
  });
  const resolver = answering(["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1", "93.184.216.34"], ["10.0.0.1"]);
  const outbound = outboundFor(t, { resolver });
  const send = async () => {
    const response = await outbound.fetch(`http://hook.test:${port}/`, {
      keepAlive: true,
      body: Buffer.from("x"),
      method: "POST",
    });
    await response.readBody(100);
    await nextTurn();
  };
  await send();
  await send();
  assert.equal(ports[0], ports[1]);
  // A public answer beside the listed one: plain http may no longer go, though the kept socket is there.
  await assert.rejects(send(), { code: "scheme_not_allowed" });
  await assert.rejects(send(), { code: "address_not_allowed" });
  assert.equal(ports.length, 2);
});

test("https connections are kept too, and never without being asked", async (t) => {
  const ports = new Set<number | undefined>();
  const port = await serveHttps(t, (request, response) => {
    ports.add(request.socket.remotePort);
    response.end("ok");
  });
  const outbound = outboundFor(t);
  const send = async (keepAlive: boolean) => {
    await (await outbound.fetch(`https://localhost.test:${port}/`, { keepAlive })).readBody(100);
    await nextTurn();
  };
  for (let sent = 0; sent < 5; sent++) await send(true);
  assert.equal(ports.size, 1);
  await send(false);
  await send(false);
  assert.equal(ports.size, 3);
});

test("a kept connection that the far end closed is replaced and the request sent anew", async (t) => {
  let served = 0;
  const port = await serveTcp(t, (socket) => {
    socket.once("data", () => {
      served += 1;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      // The second request on this connection meets a reset.
      socket.once("data", () => socket.resetAndDestroy());
    });
  });
  const outbound = outboundFor(t);
  for (let sent = 0; sent < 3; sent++) {
    const response = await outbound.fetch(`http://hook.test:${port}/`, {
      keepAlive: true,
      method: "POST",
      body: Buffer.from("x"),
    });
    assert.equal(String(await response.readBody(10)), "ok");
    await nextTurn();
  }
  assert.equal(served, 3);
});

test("a connection is not kept after a cut body, a close header, or bytes that answer nothing", async (t) => {
  const ports: (number | undefined)[] = [];
  const port = await serveHttp(t, (request, response) => {
    ports.push(request.socket.remotePort);
    if (request.url === "/close") response.setHeader("connection", "close");
    response.end(request.url === "/large" ? "x".repeat(500_000) : "ok");
    if (request.url === "/extra") request.socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
  });
  const outbound = outboundFor(t);
  const get = async (path: string) => outbound.fetch(`http://hook.test:${port}${path}`, { keepAlive: true });
  const large = await (await get("/large")).readStart(10);
  assert.deepEqual(large, { bytes: Buffer.from("xxxxxxxxxx"), isTruncated: true });
  for (const path of ["/close", "/extra", "/last"]) {
    const body = await (await get(path)).readBody(100);
    assert.equal(String(body), "ok", path);
    await nextTurn();
  }
  assert.equal(new Set(ports).size, 4);
});

test("a receiver that drips its head is cut off by the headers limit", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const port = await serveTcp(t, (socket) => {
    socket.resume().write("HTTP/1.1 200 OK\r\nx: ");
    const drip = setInterval(() => socket.write("a"), 5);
    socket.once("close", () => {
      clearInterval(drip);
      resolve();
    });
  });
  const call = outboundFor(t).fetch(`http://hook.test:${port}/`, { headersTimeoutMs: 60 });
  await assert.rejects(call, { code: "timeout", message: /No answer came within 60 ms/ });
  await closed;
});

test("a head larger than 16 KiB is response_too_large", async (t) => {
  const port = await serveTcp(t, (socket) =>
    socket.resume().write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}\r\n\r\n`),
  );
  await assert.rejects(outboundFor(t).fetch(`http://hook.test:${port}/`), { code: "response_too_large" });
});

test("what is not HTTP, or ends before its head, is connection_lost", async (t) => {
  const garbage = await serveTcp(t, (socket) => socket.resume().end("SSH-2.0-OpenSSH_9.9\r\n"));
  await assert.rejects(outboundFor(t).fetch(`http://hook.test:${garbage}/`), { code: "connection_lost" });
  const silent = await serveTcp(t, (socket) => socket.once("data", () => socket.end()));
  await assert.rejects(outboundFor(t).fetch(`http://hook.test:${silent}/`), { code: "connection_lost" });
});

test("a body that falls silent is cut off by the idle limit, one that drips by the total limit", async (t) => {
  const port = await serveHttp(t, (request, response) => {
    response.write("x");
    if (request.url === "/silent") return;
    const drip = setInterval(() => response.write("x"), 5);
    response.once("close", () => clearInterval(drip));
  });
  const outbound = outboundFor(t);
  const silent = await outbound.fetch(`http://hook.test:${port}/silent`, { idleTimeoutMs: 40 });
  await assert.rejects(silent.readBody(10_000), { code: "timeout", message: /No byte/ });
  const dripping = await outbound.fetch(`http://hook.test:${port}/drip`, {
    idleTimeoutMs: 10_000,
    totalTimeoutMs: 500,
  });
  await assert.rejects(dripping.readBody(10_000), { code: "timeout", message: /500 ms/ });
});

test("a reader that is slow itself is not taken for a silent far end", async (t) => {
  const port = await serveHttp(t, (_request, response) => response.end(Buffer.alloc(400_000)));
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/`, { idleTimeoutMs: 250 });
  const { promise: later, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 750); // a reader that pauses for three idle limits is what this test is about
  await later;
  assert.equal((await response.readBody(400_000)).length, 400_000);
});

test("an endless body stops at the cap, and its connection is closed", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const port = await serveHttp(t, (_request, response) => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(16_384));
      },
    });
    response.once("close", () => {
      endless.destroy();
      resolve();
    });
    endless.pipe(response);
  });
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/`, { maxResponseBytes: 100_000 });
  let receivedBytes = 0;
  const reading = (async () => {
    for await (const chunk of response.body) receivedBytes += chunk.length;
  })();
  await assert.rejects(reading, { code: "response_too_large" });
  assert.ok(receivedBytes <= 100_000);
  await closed;
});

test("readBody refuses one byte more than its limit and takes exactly its limit", async (t) => {
  const port = await serveHttp(t, (_request, response) => response.end("12345"));
  const outbound = outboundFor(t);
  const url = `http://hook.test:${port}/`;
  assert.equal((await (await outbound.fetch(url)).readBody(5)).length, 5);
  await assert.rejects((await outbound.fetch(url)).readBody(4), { code: "response_too_large" });
  assert.deepEqual(await (await outbound.fetch(url)).readStart(5), { bytes: Buffer.from("12345"), isTruncated: false });
});

test("a compressed body is handed out compressed", async (t) => {
  const bomb = gzipSync(Buffer.alloc(1_000_000));
  const port = await serveHttp(t, (_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
  });
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/`, { maxResponseBytes: bomb.length });
  assert.deepEqual(await response.readBody(bomb.length), bomb);
});

test("a body cut short by the far end is connection_lost, never a short success", async (t) => {
  const port = await serveTcp(t, (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"));
  });
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/`);
  await assert.rejects(response.readBody(100), { code: "connection_lost" });
});

test("aborting stops a request before its head and inside its body", async (t) => {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const port = await serveHttp(t, (request, response) => {
    if (request.url === "/body") response.write("x");
    else resolve();
  });
  const outbound = outboundFor(t);
  await assert.rejects(outbound.fetch(`http://hook.test:${port}/`, { signal: AbortSignal.abort() }), {
    code: "aborted",
  });
  const first = new AbortController();
  const headless = outbound.fetch(`http://hook.test:${port}/`, { signal: first.signal });
  void arrived.then(() => first.abort(new Error("shutting down")));
  await assert.rejects(headless, { code: "aborted" });
  const second = new AbortController();
  const response = await outbound.fetch(`http://hook.test:${port}/body`, { signal: second.signal });
  const reading = response.readBody(100);
  second.abort();
  await assert.rejects(reading, { code: "aborted" });
});

test("an answer that nobody reads ends with the total limit and harms nobody", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const port = await serveHttp(t, (_request, response) => {
    response.once("close", () => resolve());
    response.write(Buffer.alloc(300_000));
  });
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/`, { totalTimeoutMs: 500 });
  assert.equal(response.status, 200);
  await closed;
  assert.equal(response.body.destroyed, true);
});

test("a redirect is the answer itself unless redirects are asked for", async (t) => {
  const port = await serveHttp(t, (_request, response) =>
    response.writeHead(302, { location: "https://10.0.0.1/" }).end(),
  );
  const response = await outboundFor(t).fetch(`http://hook.test:${port}/`);
  assert.deepEqual([response.status, response.headers.location], [302, "https://10.0.0.1/"]);
  await response.readBody(10);
});

test("redirects are followed up to the number given, each name resolved and judged anew", async (t) => {
  const port = await serveHttp(t, (request, response) => {
    const step = Number(request.url?.slice(1));
    if (step === 0) response.end("arrived");
    else response.writeHead(307, { location: `/${step - 1}` }).end();
  });
  const outbound = outboundFor(t);
  const followed = await outbound.fetch(`http://hook.test:${port}/3`, { redirects: 3 });
  assert.equal(String(await followed.readBody(100)), "arrived");
  assert.equal(followed.url, `http://hook.test:${port}/0`);
  await assert.rejects(outbound.fetch(`http://hook.test:${port}/4`, { redirects: 3 }), { code: "too_many_redirects" });
  const rebinding = outboundFor(t, { resolver: answering(["127.0.0.1"], ["192.168.0.1"]) });
  await assert.rejects(rebinding.fetch(`http://hook.test:${port}/3`, { redirects: 3 }), {
    code: "address_not_allowed",
  });
  const vetoed = outbound.fetch(`http://hook.test:${port}/3`, {
    redirects: 3,
    onRedirect: ({ to }) => to.pathname !== "/1",
  });
  await assert.rejects(vetoed, { code: "redirect_not_allowed" });
});

test("credentials follow a redirect inside the origin and never to another", async (t) => {
  const port = await serveHttp(t, (request, response) => {
    const host = request.url === "/away" ? "other.test" : "hook.test";
    if (request.url === "/end") echo(request, response);
    else response.writeHead(302, { location: `http://${host}:${port}/end` }).end();
  });
  const headers = { Authorization: "Bearer t", Cookie: "a=b", "X-Kept": "1" };
  const outbound = outboundFor(t);
  const same = await json(await outbound.fetch(`http://hook.test:${port}/same`, { redirects: 1, headers }));
  assert.deepEqual([same.headers.authorization, same.headers.cookie, same.headers["x-kept"]], ["Bearer t", "a=b", "1"]);
  const away = await json(await outbound.fetch(`http://hook.test:${port}/away`, { redirects: 1, headers }));
  assert.deepEqual(
    [away.headers.authorization, away.headers.cookie, away.headers["x-kept"]],
    [undefined, undefined, "1"],
  );
  assert.equal(away.headers.host, `other.test:${port}`);
});

test("a redirected body is dropped after 302 and 303, sent again after 307, and never if it was a stream", async (t) => {
  const port = await serveHttp(t, (request, response) => {
    const status = Number(request.url?.slice(1));
    if (status === 0) echo(request, response);
    else response.writeHead(status, { location: "/0" }).end();
  });
  const outbound = outboundFor(t);
  const post = (status: number, body: Buffer | Readable) =>
    outbound.fetch(`http://hook.test:${port}/${status}`, { method: "POST", redirects: 1, body });
  for (const status of [302, 303]) {
    const seen = await json(await post(status, Buffer.from("x")));
    assert.deepEqual([seen.method, seen.body, seen.headers["content-length"]], ["GET", "", undefined]);
  }
  const again = await json(await post(307, Buffer.from("x")));
  assert.deepEqual([again.method, again.body], ["POST", "x"]);
  await assert.rejects(post(307, Readable.from([Buffer.from("x")])), { code: "redirect_not_allowed" });
});

test("a redirect from https to plain http is refused even to a listed address", async (t) => {
  const port = await serveHttps(t, (_request, response) =>
    response.writeHead(302, { location: "http://a.test/" }).end(),
  );
  const call = outboundFor(t).fetch(`https://localhost.test:${port}/`, { redirects: 1 });
  await assert.rejects(call, { code: "redirect_not_allowed" });
});

test("plain http and other ports are open to listed addresses only", async (t) => {
  const outbound = outboundFor(t, {
    resolver: (host) => Promise.resolve([host === "in.test" ? "127.0.0.1" : "93.184.216.34"]),
  });
  await outbound.checkUrl("http://in.test:9000/");
  await outbound.checkUrl("https://in.test:9000/");
  await outbound.checkUrl("https://out.test/");
  await outbound.checkUrl("https://out.test.:8443/");
  await assert.rejects(outbound.checkUrl("http://out.test/"), { code: "scheme_not_allowed" });
  await assert.rejects(outbound.checkUrl("https://out.test:9000/"), { code: "port_not_allowed" });
});

test("headers that frame the message or break it are refused before anything is sent", async (t) => {
  const outbound = outboundFor(t, { resolver: () => Promise.reject(new Error("not to be asked")) });
  for (const headers of [
    { Host: "evil.test" },
    { "Transfer-Encoding": "chunked" },
    { a: "b\r\nc: d" },
    { "a b": "c" },
  ]) {
    await assert.rejects(outbound.fetch("https://a.test/", { headers }), TypeError);
  }
});

test("a call that fails destroys the stream it was given", async (t) => {
  const body = new Readable({ read() {} });
  const closed = once(body, "close");
  await assert.rejects(outboundFor(t).fetch("https://a.test:1/", { method: "PUT", body }), { code: "connect_failed" });
  await closed;
});

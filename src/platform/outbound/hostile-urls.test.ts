import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { hostileResolver, hostileUrls } from "./hostile-urls.ts";
import { createOutbound } from "./outbound.ts";
import { OutboundError, type OutboundErrorCode } from "./outbound-error.ts";
import { serveHttp } from "./test-servers.ts";

const probe = fileURLToPath(new URL("no-packet-probe.ts", import.meta.url));

/** Beside a list that is not empty, plain http is judged after the address, which may then be the reason. */
function alsoFitting(code: OutboundErrorCode): OutboundErrorCode {
  return code === "scheme_not_allowed" ? "address_not_allowed" : code;
}

/** Whether this machine lets us make a user and network namespace. */
const canIsolate = process.platform === "linux" && spawnSync("unshare", ["-rn", "true"]).status === 0;

type Report = {
  tried: number;
  wrong: string[];
  hostileAttempts: number;
  controlAttempts: number;
  kernelOpens: number | null;
};

function runProbe(): Report {
  const [command, ...args] = [...(canIsolate ? ["unshare", "-rn"] : []), process.execPath, probe];
  const run = spawnSync(command ?? "", args, { encoding: "utf8", timeout: 60_000 });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

test("every hostile URL is refused for its reason and opens no socket", (t) => {
  assert.ok(new Set(hostileUrls.map((hostile) => hostile.url)).size >= 150);
  const report = runProbe();
  assert.equal(report.tried, hostileUrls.length);
  assert.deepEqual(report.wrong, []);
  assert.equal(report.hostileAttempts, 0);
  assert.equal(report.controlAttempts, 1);
  // Outside a namespace of its own the kernel counts other processes too.
  if (canIsolate && report.kernelOpens !== null) assert.equal(report.kernelOpens, 0);
  t.diagnostic(`${report.tried} URLs, isolated: ${canIsolate}, kernel count: ${report.kernelOpens}`);
});

test("no error about a hostile URL shows its path, query, credentials or resolved address", async () => {
  const outbound = createOutbound({ allow: [], userAgent: "test", resolver: hostileResolver });
  for (const { url } of hostileUrls) {
    const error: unknown = await outbound.checkUrl(`${url}?token=hush`).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof OutboundError);
    assert.doesNotMatch(
      `${error.message} ${String(error.cause)} ${JSON.stringify(error)}`,
      /hush|secret|admin|meta-data/,
      url,
    );
  }
  await assert.rejects(outbound.checkUrl("https://metadata/"), (error: Error) => !error.message.includes("169.254"));
});

test("a redirect to any hostile URL is refused and nothing else is contacted", async (t) => {
  let location = "";
  const visited: string[] = [];
  const port = await serveHttp(t, (request, response) => {
    visited.push(request.url ?? "");
    response.writeHead(request.url === "/start" ? 302 : 200, { location }).end();
  });
  // Names of the corpus that lead to this very address stay out: they are listed here.
  const own = /^(localhost|127\.0\.0\.1|app\.localhost|mixed-first\.test)/;
  const outbound = createOutbound({ allow: ["127.0.0.1/32"], userAgent: "test", resolver: hostileResolver });
  const absolute = hostileUrls.filter(({ url }) => /^[a-z][a-z0-9+.-]*:/i.test(url) && !/[^\u0020-\u007E]/.test(url));
  const targets = absolute.filter(({ url }) => !own.test(URL.parse(url)?.hostname ?? ""));
  for (const { url, code } of targets) {
    location = url;
    await assert.rejects(
      outbound.fetch(`http://127.0.0.1:${port}/start`, { redirects: 3 }),
      (error: unknown) => error instanceof OutboundError && [code, alsoFitting(code)].includes(error.code),
      url,
    );
  }
  assert.ok(targets.length >= 150, String(targets.length));
  assert.deepEqual([...new Set(visited)], ["/start"]);
  assert.equal(visited.length, targets.length);
});

// Run by the tests as a process of its own, where it can be put into a network namespace without any route. Tries every
// hostile URL in every way and prints what it saw as one line of JSON.
import { createHook } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { hostileResolver, hostileUrls } from "./hostile-urls.ts";
import { createOutbound } from "./outbound.ts";
import { OutboundError } from "./outbound-error.ts";

const OPENING = new Set(["TCPCONNECTWRAP", "PIPECONNECTWRAP", "UDPSENDWRAP", "GETADDRINFOREQWRAP", "QUERYWRAP"]);

let attempts = 0;
createHook({
  init(_id, type) {
    if (OPENING.has(type)) attempts += 1;
  },
}).enable();

/** The kernel's own count of connections opened and packets sent by this network namespace; null where it keeps none. */
function kernelCount(): number | null {
  try {
    const rows = readFileSync("/proc/net/snmp", "utf8");
    const names = /^Tcp: (R.*)$/m.exec(rows)?.[1]?.split(" ") ?? [];
    const values = /^Tcp: (\d.*)$/m.exec(rows)?.[1]?.split(" ") ?? [];
    const at = names.indexOf("ActiveOpens");
    return at === -1 ? null : Number(values[at]);
  } catch {
    return null;
  }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "let out";
  } catch (error) {
    return error instanceof OutboundError ? error.code : `not ours: ${String(error)}`;
  }
}

const outbound = createOutbound({ allow: [], userAgent: "probe", resolver: hostileResolver });
const before = kernelCount();
const wrong: string[] = [];
for (const { url, code } of hostileUrls) {
  const calls: Promise<unknown>[] = [outbound.checkUrl(url), outbound.fetch(url, { redirects: 5 })];
  if (code === "address_not_allowed") {
    const host = new URL(url).hostname.replaceAll(/^\[|\]$/g, "");
    calls.push(outbound.connectTcp({ host, port: 443 }), outbound.connectTls({ host, port: 443 }));
  }
  for (const seen of await Promise.all(calls.map(codeOf))) {
    if (seen !== code) wrong.push(`${JSON.stringify(url)}: ${seen} instead of ${code}`);
  }
}
const after = kernelCount();
const hostileAttempts = attempts;
// The control: an attempt that is let out is seen by the counter, whether or not it gets anywhere.
const listing = createOutbound({ allow: ["127.0.0.1/32"], userAgent: "probe" });
await codeOf(listing.connectTcp({ host: "127.0.0.1", port: 9 }));
const controlAttempts = attempts - hostileAttempts;
const kernelOpens = before === null || after === null ? null : after - before;
process.stdout.write(
  `${JSON.stringify({ tried: hostileUrls.length, wrong, hostileAttempts, controlAttempts, kernelOpens })}\n`,
);

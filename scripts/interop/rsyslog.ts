import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { freePort } from "../../test/support/server.ts";
import { receiverAuthority, receiverCertificate } from "../../test/support/syslog-receiver.ts";
import type { Target } from "./target.ts";
import { rsyslog } from "./tools.ts";

const LOOKS = 150;
const LOOK_EVERY_MS = 200;

const streamShape = z.object({ stream_id: z.string() });
const healthShape = z.object({ lag: z.number(), failures: z.number(), last_index: z.number().nullable() });
const lineShape = z.object({ facility: z.string(), app: z.string(), data: z.string(), message: z.string() });
const recordShape = z.object({ index: z.number(), leaf_hash: z.string() });

/** rsyslog takes the log over TLS: every record once, in order, and each batch's end as our side means it. */
export async function checkByRsyslog(target: Target): Promise<string> {
  const { program, modules, env } = await rsyslog();
  const port = await freePort();
  const [config, output] = [join(target.folder, "rsyslog.conf"), join(target.folder, "rsyslog.jsonl")];
  await writeFile(config, configOf(target.folder, port, output));
  const child = spawn(program, ["-n", "-iNONE", "-M", modules, "-f", config], { stdio: "inherit", env });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    // A connection that is refused until it listens is tried again after a second.
    const order = { name: "rsyslog", type: "syslog_tls", host: "127.0.0.1", port, from_index: 0 };
    const { stream_id: id } = streamShape.parse(await target.send("POST", "/v1/audit/streams", order));
    const last = await caughtUp(target, id);
    await target.send("DELETE", `/v1/audit/streams/${id}`);
    // What it holds is written down when it ends.
    child.kill();
    await ended;
    const lines = (await readFile(output, "utf8")).trimEnd().split("\n");
    const indexes = lines.map((line) => indexIn(line));
    if (indexes.length <= last || indexes.some((index, place) => index !== place))
      throw new Error(`${indexes.length} records, not each once and in order: ${indexes.slice(0, 300).join(" ")}`);
    return `${indexes.length} records, each once and in order`;
  } finally {
    child.kill();
    await ended;
  }
}

/** The last index that the stream has sent, once it has sent all. */
async function caughtUp(target: Target, id: string): Promise<number> {
  for (let look = 0; look < LOOKS; look++) {
    const health = healthShape.parse(await target.send("GET", `/v1/audit/streams/${id}`));
    // Each look is on record itself: there is always one more.
    if (health.last_index !== null && health.lag <= 3) return health.last_index;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(
    `the stream has not sent all: ${JSON.stringify(await target.send("GET", `/v1/audit/streams/${id}`))}`,
  );
}

/** What rsyslog read from a message has to fit together. */
function indexIn(line: string): number {
  const { facility, app, data, message } = lineShape.parse(JSON.parse(line));
  const record = recordShape.parse(JSON.parse(message.replace(/^\uFEFF/, "")));
  if (facility !== "13" || app !== "tabellion") throw new Error(`another head: ${line}`);
  if (!data.startsWith(`[tabellion@32473 index="${record.index}" leafHash="${record.leaf_hash}" `))
    throw new Error(`other structured data: ${line}`);
  return record.index;
}

function configOf(folder: string, port: number, output: string): string {
  return `global(
  workDirectory="${folder}"
  maxMessageSize="64k"
  defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${receiverAuthority}"
  defaultNetstreamDriverCertFile="${receiverCertificate.cert}"
  defaultNetstreamDriverKeyFile="${receiverCertificate.key}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="line" type="list" option.jsonf="on") {
  property(outname="facility" name="syslogfacility" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
input(type="imtcp" address="127.0.0.1" port="${port}")
action(type="omfile" file="${output}" template="line")
`;
}

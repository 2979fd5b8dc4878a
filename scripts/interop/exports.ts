import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { logPython } from "./tools.ts";

const FORMATS = ["jsonl", "csv", "cef", "ocsf", "rfc5424"];
/** What each format has to escape: it comes back in the record of the request that asked for it. */
const AWKWARD = "=1+1|a=b\\c \"d\", 'e' [f] é\t\r\ng";
const LOOKS = 100;
const LOOK_EVERY_MS = 200;

const pageShape = z.object({ data: z.array(z.object({ index: z.number(), at: z.string() })) });

/** Until the newest record has this index or a later one: its instant. */
export async function recorded(target: Target, index: number): Promise<string> {
  for (let look = 0; look < LOOKS; look++) {
    const [newest] = pageShape.parse(await target.send("GET", "/v1/audit?order=desc&limit=1")).data;
    if (newest !== undefined && newest.index >= index) return newest.at;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(`the log has no record ${index}`);
}

/** The same records in all formats, read by strangers' parsers and held against each other. */
export async function checkExports(target: Target): Promise<string> {
  await target.send("POST", "/v1/secufile/kms/keys", { name: "=cmd|'/C calc'!A0" });
  for (const user of [AWKWARD, "'quoted", "@sum", " blank "])
    await target.send("GET", `/v1/audit?user=${encodeURIComponent(user)}`);
  await target.createDocument({ bucket: "interop" });
  const { data } = pageShape.parse(await target.send("GET", "/v1/audit?order=desc&limit=1"));
  // Later than all of the above; what is recorded meanwhile is in no export.
  const to = await recorded(target, (data[0]?.index ?? 0) + 10);
  for (const format of FORMATS) {
    const answer = await fetch(`${target.origin}/v1/audit/export?format=${format}&to=${to}`, {
      headers: { authorization: `Bearer ${target.apiKey}` },
    });
    if (!answer.ok) throw new Error(`${format} was answered with ${answer.status}: ${await answer.text()}`);
    await writeFile(join(target.folder, `audit.${format}`), Buffer.from(await answer.arrayBuffer()));
  }
  const env = { EXPORTS: target.folder, AWKWARD };
  return (await run(await logPython(), [join(import.meta.dirname, "verify-exports.py")], { env })).trim();
}

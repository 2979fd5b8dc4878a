import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { recorded } from "./exports.ts";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { tesseraFsck } from "./tools.ts";

/** More than one full tile, so that there is a level above the leaves. */
const REQUESTS = 300;
const AT_ONCE = 10;

const keysShape = z.object({ audit: z.array(z.string()).min(1), top: z.array(z.string()).min(1) });

/**
 * Tessera's own check of logs reads checkpoint, tiles and entries by the published routes, makes the tree anew and holds it
 * against the signed root. It does so for the organisation's log and for the one above, and refuses each by the other's key.
 */
export async function checkByTessera(target: Target): Promise<string> {
  const program = await tesseraFsck();
  for (let sent = 0; sent < REQUESTS; sent += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, () => target.send("GET", "/v1/secufile/documents?limit=1")));
  await recorded(target, REQUESTS);
  const keys = keysShape.parse(await target.send("GET", "/v1/audit/log/key"));
  const [own = ""] = keys.audit;
  const [top = ""] = keys.top;
  const sizes: number[] = [];
  for (const [path, key, foreign] of [
    ["/v1/audit/log/", own, top],
    ["/v1/audit/log/top/", top, own],
  ] as const) {
    const said = await checkLog(target, program, { path, key });
    const size = Number(/Successfully fsck'd log with size (\d+) /.exec(said)?.[1] ?? 0);
    if (size === 0) throw new Error(`${path} does not verify:\n${said}`);
    const refused = await checkLog(target, program, { path, key: foreign });
    if (!refused.includes("note has no verifiable signatures"))
      throw new Error(`${path} was taken by the key of another log:\n${refused}`);
    sizes.push(size);
  }
  return `${sizes[0]} entries, ${sizes[1]} above`;
}

/** What it says on its standard error; it ends with 0 whatever it found. */
async function checkLog(target: Target, program: string, log: { path: string; key: string }): Promise<string> {
  const key = join(target.folder, "log.vkey");
  await writeFile(key, log.key);
  const options = ["--storage_url", target.origin + log.path, "--public_key", key, "--bearer_token", target.apiKey];
  return run("sh", ["-c", 'exec "$0" "$@" 2>&1', program, ...options, "--ui=false"]);
}

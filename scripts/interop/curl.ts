import { readFile } from "node:fs/promises";
import { z } from "zod";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { debian } from "./tools.ts";

const README = new URL("../../README.md", import.meta.url);
/** The published example in our README: the host is the only thing that differs from how it is published. */
const BLOCK = /^```sh\n(\. data\/demo\.env\n.*?)^```$/ms;

const answerShape = z.object({
  document_id: z.string().regex(/^doc_[0-9A-HJKMNP-TV-Z]{26}$/),
  signature_url: z.url(),
});

/** Runs the README's example as it stands there, in bash. */
export async function checkPublishedExample(target: Target): Promise<string> {
  await debian("curl", "curl");
  await debian("uuidgen", "uuid-runtime");
  const script = BLOCK.exec(await readFile(README, "utf8"))?.[1];
  if (script === undefined) throw new Error("the README has no example that begins with `. data/demo.env`");
  const printed = await run("bash", ["-euo", "pipefail", "-c", script], { cwd: target.folder });
  return answerShape.parse(JSON.parse(printed)).document_id;
}

import { join } from "node:path";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { clientPython, generatorJar } from "./tools.ts";

const PACKAGE = "secufile_client";

/** A Python client that the OpenAPI generator makes of the served document creates a document and reads it back. */
export async function checkGeneratedClient(target: Target): Promise<string> {
  const out = join(target.folder, "client");
  await run("java", [
    ...["-jar", await generatorJar(), "generate", "-g", "python", "-o", out],
    ...["-i", `${target.origin}/v1/secufile/openapi.json`, "--package-name", PACKAGE],
  ]);
  const env = { PYTHONPATH: out, SECUFILE_URL: target.origin, SECUFILE_API_KEY: target.apiKey };
  const printed = await run(await clientPython(), [join(import.meta.dirname, "generated-client.py")], { env });
  return printed.trim();
}

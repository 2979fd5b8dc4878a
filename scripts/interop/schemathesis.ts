import { join } from "node:path";
import { z } from "zod";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { schemathesis } from "./tools.ts";

/** Test cases that are made up for each operation, beside those for every limit of the document. */
const EXAMPLES_PER_OPERATION = { short: 15, long: 200 };
/** The short form is the same each time; the long one goes new ways. */
const SHORT_SEED = 20_261_122;
const FOLDER = import.meta.dirname;

const tokenList = z.object({ data: z.array(z.object({ token_id: z.string() })) });

/**
 * Schemathesis makes up requests from the served OpenAPI document, right and wrong ones, and holds the answers to it:
 * no 5xx, no status, header or body outside of the document, what breaks the schema is refused, what keeps to it is
 * not. Which checks are relaxed where, and why, is said in `schemathesis.toml`.
 */
export async function checkAgainstDocument(target: Target, length: "short" | "long"): Promise<string> {
  const tokens = tokenList.parse(await target.send("GET", "/v1/secufile/tokens"));
  const env = {
    TABELLION_OWN_TOKEN: tokens.data[0]?.token_id ?? "",
    SECUFILE_API_KEY: target.apiKey,
    TABELLION_HOOK_URL: "http://127.0.0.1:9/hook",
    PYTHONPATH: FOLDER,
    SCHEMATHESIS_HOOKS: "schemathesis-hooks",
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const printed = await run(
    await schemathesis(),
    [
      ...["--config-file", join(FOLDER, "schemathesis.toml")],
      ...["run", `${target.origin}/v1/secufile/openapi.json`],
      ...["--max-examples", String(EXAMPLES_PER_OPERATION[length])],
      ...(length === "short" ? ["--seed", String(SHORT_SEED)] : []),
      ...["--no-shrink", "--continue-on-failure", "--no-color"],
    ],
    { cwd: target.folder, env, timeoutMs: 12 * 60_000 },
  );
  return /^ *\d+ generated.*$/m.exec(printed)?.[0].trim() ?? "";
}

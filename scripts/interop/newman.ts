import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { newman } from "./tools.ts";

const reportShape = z.object({
  run: z.object({
    executions: z.array(
      z.object({ item: z.object({ name: z.string() }), response: z.object({ code: z.int() }).optional() }),
    ),
    failures: z.array(z.unknown()),
  }),
});

/** Their examples name an address that may not be found from here, or sizes that a young log may not have. */
const MAY_BE_REFUSED =
  /^Register a signed webhook$|^Send the audit log to a SIEM as it grows$|^Proof that .* only grew$/;

/**
 * An example succeeds, or names by its example id something that is not there, or is refused for what it names. Anything
 * else would mean that the collection does not fit the server.
 */
function isFitting(name: string, status: number): boolean {
  return (status >= 200 && status < 300) || status === 404 || (status === 422 && MAY_BE_REFUSED.test(name));
}

/** Newman sends every request of the served Postman collection; only address and token are set. */
export async function checkPostmanCollection(target: Target): Promise<string> {
  const served = await fetch(`${target.origin}/v1/secufile/postman.json`);
  if (!served.ok) throw new Error(`the collection was answered with ${served.status}`);
  const collection = join(target.folder, "collection.json");
  const report = join(target.folder, "newman.json");
  await writeFile(collection, Buffer.from(await served.arrayBuffer()));
  await run(await newman(), [
    ...["run", collection, "--reporters", "json", "--reporter-json-export", report, "--ignore-redirects"],
    ...["--env-var", `baseUrl=${target.origin}`, "--env-var", `token=${target.apiKey}`],
  ]);
  const { executions, failures } = reportShape.parse(JSON.parse(await readFile(report, "utf8"))).run;
  const answers = executions.map((execution) => ({ name: execution.item.name, status: execution.response?.code ?? 0 }));
  const wrong = answers
    .filter(({ name, status }) => !isFitting(name, status))
    .map(({ name, status }) => `${name}: ${status}`);
  if (failures.length > 0 || wrong.length > 0) throw new Error(`not as the collection has it:\n${wrong.join("\n")}`);
  const good = answers.filter(({ status }) => status < 300);
  return `${answers.length} requests, ${good.length} succeeded, the rest name what is not there`;
}

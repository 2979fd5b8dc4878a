/**
 * `npm run openapi`: writes `openapi/<product>.json` and `openapi/<product>.postman.json` from the routes.
 * `npm run openapi -- --check` writes nothing and fails where a file is not what the routes say.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import converter, { type Options } from "openapi-to-postmanv2";
import type { OpenApiDocument } from "../src/platform/http/openapi-document.ts";
import { openApiDocument } from "../src/platform/http/openapi.ts";
import { tidiedCollection } from "../src/platform/http/postman.ts";
import { administration } from "../src/platform/administration/product.ts";
import { systemClock } from "../src/platform/clock/clock.ts";
import type { TokenCheck } from "../src/platform/credentials/check.ts";
import type { Product, Services } from "../src/platform/product.ts";
import { idempotencyErrors } from "../src/platform/idempotency/errors.ts";
import { createPeople } from "../src/platform/sessions/people.ts";
import { rotateEvidenceKey } from "../src/products/secufile/operations/evidence.ts";
import { secufile } from "../src/products/secufile/product.ts";
import { secufileRoleScopes, secufileScopes } from "../src/products/secufile/scopes.ts";
import { ssks } from "../src/products/ssks/product.ts";
import { ssksRoleScopes, ssksScopes } from "../src/products/ssks/scopes.ts";

/** The files are read without a server, so their address is a name that is reserved for examples (RFC 6761). */
const PUBLIC_URL = "https://tabellion.example.org";
const FOLDER = fileURLToPath(new URL("../openapi/", import.meta.url));
const OPTIONS: Options = { folderStrategy: "Tags", parametersResolution: "Example", stackLimit: 20 };
const isCheck = process.argv.includes("--check");

/** Only handlers look at what a server is made of, and no request is handled here; limiters note when they are made. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a clock is all that is needed, by the line above
const nothing = { clock: systemClock } as Services & TokenCheck;

/** As `boot.ts` puts them together. */
const people = createPeople(nothing, { secufile: secufileRoleScopes, ssks: ssksRoleScopes });
const products: readonly Product[] = [
  secufile(nothing, nothing),
  ssks(nothing, nothing),
  administration(nothing, { secufile: secufileScopes, ssks: ssksScopes }, people, rotateEvidenceKey),
];

let stale = 0;
for (const product of products) {
  const document = openApiDocument(product, { publicUrl: PUBLIC_URL, idempotencyErrors });
  await keep(`${product.name}.json`, document);
  await keep(`${product.name}.postman.json`, await collectionOf(document));
}
process.exitCode = stale === 0 ? 0 : 1;

async function keep(name: string, content: unknown): Promise<void> {
  const path = join(FOLDER, name);
  const text = `${JSON.stringify(content, null, 2)}\n`;
  if (!isCheck) {
    await mkdir(FOLDER, { recursive: true });
    await writeFile(path, text);
    console.log(`openapi/${name}: ${text.length} characters`);
    return;
  }
  const before = await readFile(path, "utf8").catch((error: unknown) => {
    console.error(`openapi/${name} cannot be read`, error);
    return null;
  });
  if (before === text) return;
  stale += 1;
  console.error(`openapi/${name} is not what the routes say; run npm run openapi`);
}

async function collectionOf(document: OpenApiDocument): Promise<unknown> {
  const data = JSON.stringify(document);
  const converted = await new Promise<unknown>((resolve, reject) => {
    converter.convertV2({ type: "string", data }, OPTIONS, (error, result) => {
      if (result?.result === true) resolve(result.output?.[0]?.data);
      else reject(new Error(`not converted: ${error?.message ?? result?.reason ?? "for no reason given"}`));
    });
  });
  // The collection is plain JSON; the converter gives objects of its own classes.
  return tidiedCollection(JSON.parse(JSON.stringify(converted)), document.servers[0]?.url ?? PUBLIC_URL);
}

/**
 * `npm run test:interop`: strangers' clients against a server that runs as `npm start` runs it. They are installed into
 * a cache outside of the tree; what Debian packs is installed by apt-get where this runs as root. `-- <word> …` runs
 * only the checks whose names hold one of the words; `-- --long` makes up many more requests.
 */
import { checkAgeFile, checkAgeRelease } from "./interop/age.ts";
import { checkPublishedExample } from "./interop/curl.ts";
import { checkExports } from "./interop/exports.ts";
import { checkGeneratedClient } from "./interop/generated-client.ts";
import { checkKeyStoragePage } from "./interop/key-storage-page.ts";
import { checkPostmanCollection } from "./interop/newman.ts";
import { checkOnPostgres15 } from "./interop/postgres15.ts";
import { checkByRsyslog } from "./interop/rsyslog.ts";
import { checkSecufile, checkSsks } from "./interop/schemathesis.ts";
import { checkSigningPages } from "./interop/signing-pages.ts";
import { openTarget } from "./interop/target.ts";
import { checkByTessera } from "./interop/tlog.ts";
import { checkInPhp, checkInPython, receiveDelivery } from "./interop/webhooks.ts";

const length = process.argv.includes("--long") ? "long" : "short";
const words = process.argv.slice(2).filter((word) => word !== "--long");
const target = await openTarget();

const checks: Readonly<Record<string, () => Promise<string>>> = {
  "curl: the published example, SF-05 SF-09 SF-39": () => checkPublishedExample(target),
  "age: a file goes and comes back, SF-21": () => checkAgeFile(target),
  "age: a released key opens": () => checkAgeRelease(target),
  "webhook: verified in Python, SF-33 SF-44": async () => checkInPython(await receiveDelivery(target)),
  "webhook: verified in PHP, SF-33 SF-44": async () => checkInPhp(await receiveDelivery(target)),
  "newman: the Postman collection, SF-38": () => checkPostmanCollection(target),
  "openapi-generator: a Python client, SF-37": () => checkGeneratedClient(target),
  "tessera: the audit log's tiles and checkpoints, SF-51": () => checkByTessera(target),
  "python: exports of the audit log, SF-55": () => checkExports(target),
  "rsyslog: the audit log over TLS, SF-55": () => checkByRsyslog(target),
  "schemathesis: answers are as SecuFile's document says, SF-36": () => checkSecufile(target, length),
  "schemathesis: answers are as SSKS's document says": () => checkSsks(target, length),
  "chromium: the pages for signers, SF-20 SF-49": checkSigningPages,
  "chromium: key storage from a page of another origin, SK-46": () => checkKeyStoragePage(target),
  "postgresql 15: the suite's database tests": checkOnPostgres15,
};

let passed = 0;
let failed = 0;
try {
  for (const [name, check] of Object.entries(checks)) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    await carryOut(name, check);
  }
} finally {
  await target.close();
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

async function carryOut(name: string, check: () => Promise<string>): Promise<void> {
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  try {
    const told = await check();
    passed += 1;
    console.log(`ok      ${name} (${seconds()}): ${told}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name} (${seconds()}): ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * `npm test`: starts one real PostgreSQL for all tests and runs them. `npm test -- path …` runs only those files.
 * TEST_POSTGRES_URL, a superuser's URL, uses another server instead, of PostgreSQL 15 or newer.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { globSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { startTestCluster, useCluster } from "../test/support/database.ts";

const TESTS = ["test/e2e/*.test.ts", "src/**/*.test.ts", "cli/**/*.test.ts", "test/*.test.ts"];
/** Few, because each loads nearly all sources; more than there are cores, because tests wait for disks and clocks. */
const PROCESSES = 3;

const named = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "tabellion-test-"));
const given = process.env["TEST_POSTGRES_URL"];
const cluster = given === undefined ? await startTestCluster(folder) : null;
const dropTemplate = await useCluster(given ?? cluster?.superUrl ?? "");
let failures = 0;
try {
  const files = named.length > 0 ? named : TESTS.flatMap((pattern) => globSync(pattern).toSorted());
  const failed = await Promise.all(sharesOf(files).map(run));
  failures = failed.reduce((sum, each) => sum + each, 0);
} finally {
  await dropTemplate();
  await cluster?.stop();
  if (failures > 0) await tellFailures();
  // A process that is ending may still be writing down what it has compiled.
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
process.exit(failures === 0 ? 0 : 1);

/** Every other file: neighbours, which are slow alike, are parted. */
function sharesOf(files: readonly string[]): string[][] {
  return Array.from({ length: PROCESSES }, (_, share) => files.filter((_file, index) => index % PROCESSES === share));
}

/** Once more at the end, where whoever reads the end of a long output finds them. */
async function tellFailures(): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith("failures-"));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  process.stdout.write(`\nwhat failed:\n${texts.join("") || "a process of the tests ended by itself\n"}`);
}

async function run(files: readonly string[]): Promise<number> {
  if (files.length === 0) return 0;
  const reporters = [
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...["--test-reporter=./test/support/failures-reporter.ts"],
    `--test-reporter-destination=${join(folder, `failures-${randomUUID()}`)}`,
  ];
  const options = ["--test", "--test-force-exit", "--test-isolation=none", "--max-semi-space-size=64", ...reporters];
  const child = spawn(process.execPath, [...options, ...files], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, "compiled") },
  });
  const said = sayBySuites(child.stdout);
  // Stopped half-way, the tests end first; then the database and its folder go as after any run.
  const hand = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", hand).on("SIGTERM", hand);
  const code = await new Promise<number>((resolve) => child.once("exit", (exitCode) => resolve(exitCode ?? 1)));
  process.off("SIGINT", hand).off("SIGTERM", hand);
  await said;
  return code;
}

/** Lines of processes that run beside each other, those of one suite together: its last one is not indented. */
async function sayBySuites(output: Readable): Promise<void> {
  let suite = "";
  for await (const line of createInterface({ input: output })) {
    suite += `${line}\n`;
    if (!/^[✔✖ℹ]/.test(line)) continue;
    process.stdout.write(suite);
    suite = "";
  }
  process.stdout.write(suite);
}

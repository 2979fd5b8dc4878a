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
/** What the slowest took on two cores, beside each other; an entry that is out of date costs some balance and nothing else. */
const SLOW_SECONDS: Readonly<Record<string, number>> = {
  "test/e2e/canaries.test.ts": 68,
  "test/e2e/backup.test.ts": 60,
  "test/e2e/start-refusals.test.ts": 34,
  "test/e2e/acceptance-faults.test.ts": 29,
  "test/e2e/start.test.ts": 28,
  "test/e2e/cli.test.ts": 28,
  "test/e2e/people-by-command.test.ts": 24,
  "test/e2e/idempotency-crashes.test.ts": 33,
  "test/e2e/sessions.test.ts": 20,
  "test/e2e/secufile-signature-faults.test.ts": 19,
  "test/e2e/secufile-signature-attacks.test.ts": 18,
  "test/e2e/audit-unavailable.test.ts": 18,
  "src/audited-routes.test.ts": 17,
  "src/platform/backup/command.test.ts": 16,
  "test/e2e/secufile-audit-streams.test.ts": 16,
  "test/e2e/secufile-audit-export.test.ts": 16,
  "test/e2e/start-accounts.test.ts": 16,
  "src/role-routes.test.ts": 14,
  "test/e2e/members.test.ts": 14,
  "test/e2e/administration.test.ts": 14,
  "src/platform/audit/tampering.test.ts": 13,
  "src/platform/backup/backup.test.ts": 13,
  "test/e2e/secufile-signatures.test.ts": 13,
  "test/e2e/secufile-tokens.test.ts": 12,
  "test/e2e/ssks-races.test.ts": 12,
  "src/platform/notify/smtp.test.ts": 12,
  "test/e2e/start-processes.test.ts": 12,
  "src/platform/keys/keyring.test.ts": 11,
  "src/platform/audit/sequencer.test.ts": 11,
  "test/e2e/ssks-apps.test.ts": 11,
  "test/e2e/server.test.ts": 11,
  "src/platform/jobs/jobs.test.ts": 10,
  "test/e2e/secufile-webhooks.test.ts": 10,
  "test/e2e/secufile-content.test.ts": 20,
  "test/e2e/audit-trail.test.ts": 8,
  "test/e2e/secufile-audit-follow.test.ts": 9,
  "src/platform/webhooks/receivers.test.ts": 9,
  "src/platform/erasure/erasure.test.ts": 7,
  "src/platform/limits/sliding-window.test.ts": 7,
  "src/platform/blobs/local-blobs.test.ts": 7,
  "test/e2e/secufile-audit.test.ts": 7,
};

const named = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "tabellion-test-"));
const given = process.env["TEST_POSTGRES_URL"];
const cluster = given === undefined ? await startTestCluster(folder, { isSynced: false }) : null;
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

/** The slow ones first, each to the process that has the least to do until then. */
function sharesOf(files: readonly string[]): string[][] {
  const shares = Array.from({ length: PROCESSES }, () => ({ files: [] as string[], seconds: 0 }));
  const secondsOf = (file: string): number => SLOW_SECONDS[file] ?? (file.includes("e2e") ? 4 : 1);
  for (const file of files.toSorted((one, other) => secondsOf(other) - secondsOf(one))) {
    const [least] = shares.toSorted((one, other) => one.seconds - other.seconds);
    least?.files.push(file);
    if (least !== undefined) least.seconds += secondsOf(file);
  }
  return shares.map((share) => share.files);
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

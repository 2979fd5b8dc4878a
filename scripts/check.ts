/**
 * `npm run check`: types, lint, format, unused code, and the laws of the house, one after the other, each with the
 * time it took. All run even when an early one fails; the exit code is non-zero when any did. `npm test` runs the
 * other tests, which need a database.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";

type Check = { readonly name: string; readonly program: string; readonly options: readonly string[] };

const ROOT = join(import.meta.dirname, "..");
const CODE = ["src", "cli", "test", "scripts", "bench"].filter((folder) => existsSync(join(ROOT, folder)));
const LAWS = globSync("test/*.test.ts", { cwd: ROOT }).toSorted();

const checks: readonly Check[] = [
  { name: "types", program: bin("tsc"), options: ["--noEmit"] },
  { name: "lint", program: bin("oxlint"), options: ["--type-aware", ...CODE] },
  { name: "format", program: bin("oxfmt"), options: ["--check", ...CODE] },
  { name: "unused", program: bin("knip"), options: ["--no-progress"] },
  { name: "laws", program: process.execPath, options: ["--test", "--test-reporter=dot", ...LAWS] },
];

const failed = checks.filter((check) => !passes(check)).map((check) => check.name);
console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Shows what the check printed only when it fails. */
function passes({ name, program, options }: Check): boolean {
  const startedAt = performance.now();
  const run = spawnSync(program, options, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const isGood = run.status === 0;
  console.log(`${isGood ? "ok    " : "FAILED"}  ${name.padEnd(8)} ${seconds.padStart(6)} s`);
  if (!isGood) console.log(`${run.error?.message ?? ""}${run.stdout}${run.stderr}`.trim());
  return isGood;
}

function bin(name: string): string {
  return join(ROOT, "node_modules", ".bin", name);
}

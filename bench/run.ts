/** `npm run bench [-- --short]`: all programs of this folder, one after the other, then all they told in one table. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";

const FOLDER = import.meta.dirname;
const programs = globSync("*.ts", { cwd: FOLDER })
  .filter((name) => name !== basename(import.meta.filename))
  .toSorted();

type Outcome = { readonly name: string; readonly isGood: boolean; readonly seconds: number; readonly text: string };

const outcomes: Outcome[] = [];
for (const program of programs) {
  const outcome = await measure(program);
  outcomes.push(outcome);
  console.log(`${outcome.isGood ? "ok    " : "FAILED"}  ${outcome.name} (${outcome.seconds.toFixed(1)} s)`);
}
console.log("");
for (const { name, text } of outcomes) {
  for (const line of text.trim().split("\n")) console.log(`${name.padEnd(10)} ${line}`);
}
process.exitCode = outcomes.every((outcome) => outcome.isGood) ? 0 : 1;

async function measure(program: string): Promise<Outcome> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(FOLDER, program), ...process.argv.slice(2)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
  const code = await new Promise((resolve) => child.once("close", resolve));
  const seconds = (performance.now() - startedAt) / 1000;
  return { name: program.replace(/\.ts$/, ""), isGood: code === 0, seconds, text };
}

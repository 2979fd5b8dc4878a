/**
 * `npm run test:faults`: kills the server 50 times with SIGKILL, every fifth time PostgreSQL too, while clients bring in
 * 2,000 documents, then checks that nothing was lost, doubled or changed. `--short` does a tenth of it.
 * `--seed <text>` repeats the plan of a run that failed; what a kill hits still differs from run to run.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { runFaults } from "../test/faults/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    short: { type: "boolean", default: false },
    uploads: { type: "string" },
    kills: { type: "string" },
    "postgres-every": { type: "string" },
  },
});

const startedAt = performance.now();
const report = await runFaults({
  seed: values.seed ?? randomBytes(6).toString("hex"),
  uploads: Number(values.uploads ?? (values.short ? 200 : 2_000)),
  kills: Number(values.kills ?? (values.short ? 5 : 50)),
  postgresEvery: Number(values["postgres-every"] ?? (values.short ? 2 : 5)),
  clients: 16,
  say: (line) => console.log(line),
});

const { seen, awayMs } = report;
console.log(`seed             ${report.seed}`);
console.log(`kills            ${report.kills}`);
console.log(`acknowledged     ${seen.acknowledged.length}`);
console.log(`documents        ${seen.documents.length}`);
console.log(`deliveries       ${seen.deliveries.length} received, ${distinctDeliveries()} distinct`);
console.log(`answers          ${JSON.stringify(report.answers)}`);
console.log(
  `away after kill  ${Math.round(average(awayMs))} ms on average, ${Math.round(Math.max(0, ...awayMs))} ms at most`,
);
console.log(`took             ${Math.round((performance.now() - startedAt) / 1000)} s`);
for (const objection of report.objections) console.log(`BROKEN: ${objection}`);
console.log(report.objections.length === 0 ? "every promise was kept" : `run it again by: --seed ${report.seed}`);
process.exitCode = report.objections.length === 0 ? 0 : 1;

function distinctDeliveries(): number {
  return new Set(seen.deliveries.map((delivery) => delivery.deliveryId)).size;
}

function average(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / Math.max(1, numbers.length);
}

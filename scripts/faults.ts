/**
 * `npm run test:faults`: kills the server 50 times with SIGKILL, every fifth time PostgreSQL too, while clients bring in
 * 2,000 documents, then checks that nothing was lost, doubled or changed. Before that, processes that give out the
 * indexes of the audit log are killed 200 times amid their work. `--short` does a tenth of it.
 * `--seed <text>` repeats the plan of a run that failed; what a kill hits still differs from run to run.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { chanceOf } from "../test/faults/plan.ts";
import { runFaults } from "../test/faults/run.ts";
import { auditWorld } from "../test/support/audit-world.ts";
import { withCluster } from "../test/support/database.ts";
import { killSequencers, objectionsAfterKills } from "../test/support/sequencer-kills.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    short: { type: "boolean", default: false },
    uploads: { type: "string" },
    kills: { type: "string" },
    "postgres-every": { type: "string" },
    "sequencer-kills": { type: "string" },
  },
});
const TENANTS = ["ten_a", "ten_b", "ten_c", "ten_d", "ten_e"];
const SEQUENCERS = 3;
const MAX_LINES = 400;

const startedAt = performance.now();
const seed = values.seed ?? randomBytes(6).toString("hex");
const sequencing = await withCluster(() =>
  attackSequencers(Number(values["sequencer-kills"] ?? (values.short ? 20 : 200))),
);
const report = await runFaults({
  seed,
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
console.log(
  `audit log        ${seen.logs.audit.leaves.length} records; ${seen.logs.audit.checkpoints.length} checkpoints signed, ` +
    `${seen.logs.handedOut.audit.length} of them seen outside`,
);
console.log(`sequencers       ${sequencing.kills} killed amid ${sequencing.events} events`);
console.log(`deliveries       ${seen.deliveries.length} received, ${distinctDeliveries()} distinct`);
console.log(`answers          ${JSON.stringify(report.answers)}`);
console.log(
  `away after kill  ${Math.round(average(awayMs))} ms on average, ${Math.round(Math.max(0, ...awayMs))} ms at most`,
);
console.log(`took             ${Math.round((performance.now() - startedAt) / 1000)} s`);
const objections = [...sequencing.objections, ...report.objections];
for (const objection of objections) console.log(`BROKEN: ${objection}`);
console.log(objections.length === 0 ? "every promise was kept" : `run it again by: --seed ${report.seed}`);
process.exitCode = objections.length === 0 ? 0 : 1;

/** Several processes give out indexes at once, take the lease from one another, and are killed one after the other. */
async function attackSequencers(
  kills: number,
): Promise<{ kills: number; events: number; objections: readonly string[] }> {
  const world = await auditWorld();
  const chance = chanceOf(`sequencers/${seed}`);
  try {
    const told = await killSequencers({
      ...{ world, tenants: TENANTS, kills, processes: SEQUENCERS },
      linesUntil: () => 1 + chance.below(MAX_LINES),
      say: (line) => console.log(line),
    });
    return { kills, events: told.length, objections: await objectionsAfterKills({ world, tenants: TENANTS, told }) };
  } finally {
    await world.close();
  }
}

function distinctDeliveries(): number {
  return new Set(seen.deliveries.map((delivery) => delivery.deliveryId)).size;
}

function average(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / Math.max(1, numbers.length);
}

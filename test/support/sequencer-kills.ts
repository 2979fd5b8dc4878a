import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { readLog, readTopLog, type AuditWorld } from "./audit-world.ts";
import { objectionsToLog, objectionsToTopLog } from "./log-soundness.ts";

const PROGRAM = fileURLToPath(new URL("../../src/platform/audit/crashing-sequencer.ts", import.meta.url));

export type SequencerKills = {
  readonly world: AuditWorld;
  readonly tenants: readonly string[];
  readonly kills: number;
  /** How many give out indexes and write at once, each as if it were alone: they take the lease from one another. */
  readonly processes: number;
  /** How many lines the process that a kill ends prints before it. */
  linesUntil(kill: number): number;
  say?(line: string): void;
};

/**
 * Runs processes that write events and give out their indexes, and kills them with SIGKILL, one after the other; answers
 * what they said they had committed, as `<tenant> <event>`.
 */
export async function killSequencers(order: SequencerKills): Promise<string[]> {
  const told: string[] = [];
  let kills = 0;
  await Promise.all(
    Array.from({ length: order.processes }, async () => {
      while (kills < order.kills) {
        const kill = kills++;
        await runUntilKilled(order, order.linesUntil(kill), told);
        order.say?.(`sequencer ${kill + 1} of ${order.kills} killed, ${told.length} events committed`);
      }
    }),
  );
  return told;
}

async function runUntilKilled({ world, tenants }: SequencerKills, lines: number, told: string[]): Promise<void> {
  const given = JSON.stringify({ url: world.database.url, rootKey: world.rootKey, tenants: tenants.join(",") });
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, given], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("the process has no output");
  const ended = once(child, "exit");
  let left = lines;
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(line);
    if (--left === 0) child.kill("SIGKILL");
  }
  await ended;
  if (child.signalCode !== "SIGKILL") throw new Error(`the process ended by itself with ${child.exitCode}`);
}

/**
 * What does not hold once a sequencer that nobody kills has had its time: each tree fits every checkpoint ever signed of
 * it, each committed event has one place, and the log above holds each checkpoint once.
 */
export async function objectionsAfterKills(after: {
  readonly world: AuditWorld;
  readonly tenants: readonly string[];
  readonly told: readonly string[];
}): Promise<string[]> {
  const { world, tenants, told } = after;
  const sequencer = await world.sequencer();
  await world.settled();
  await sequencer.stop();
  const objections: string[] = [];
  const placed: string[] = [];
  for (const tenantId of tenants) {
    const log = await readLog(world, tenantId);
    objections.push(...objectionsToLog(log, await world.verifier(tenantId)).map((text) => `${tenantId}: ${text}`));
    placed.push(...log.leaves.map((leaf) => `${tenantId} ${leaf.event_id}`));
  }
  const missing = new Set(told).difference(new Set(placed));
  objections.push(...[...missing].map((event) => `the committed event ${event} has no place`));
  if (new Set(placed).size !== placed.length) objections.push("an event has two places");
  const top = await readTopLog(world);
  return [...objections, ...objectionsToTopLog(top, await world.verifier("server", "top"))];
}

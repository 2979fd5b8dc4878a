/**
 * How many signed deliveries a second one worker makes, and how long the first attempt takes. The receiver, the worker
 * and this program are three processes on one machine, with a real PostgreSQL as the fourth.
 *
 *   node bench/webhooks.ts [--short]
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createWebhook } from "../src/platform/webhooks/operations/endpoints.ts";
import { scope, World } from "../src/platform/webhooks/test-world.ts";
import { withCluster } from "../test/support/database.ts";

const GOAL_PER_SECOND = 500;
const GOAL_P99_MS = 1_000;
const TENANTS = 8;
const ENDPOINTS_A_TENANT = 4;
const EVENTS_A_BATCH = 100;

/** What the receiver tells: when each event came, in milliseconds since 1970. */
type Arrivals = readonly (readonly [eventId: string, atMs: number])[];

if (process.argv[2] === "receiver") await beReceiver();
else {
  await withCluster(() => measure(process.argv.includes("--short")));
  process.exit(0);
}

async function beReceiver(): Promise<void> {
  let arrivals: [string, number][] = [];
  const server = http.createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      arrivals.push([String(request.headers["webhook-id"]), nowMs()]);
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : null });
  setInterval(() => {
    if (arrivals.length > 0) process.send?.({ arrivals });
    arrivals = [];
  }, 20);
  process.on("disconnect", () => process.exit(0));
}

async function measure(isShort: boolean): Promise<void> {
  const world = await World.open();
  const receiver = fork(import.meta.filename, ["receiver"]);
  const arrivedAt = new Map<string, number>();
  const arrived = { count: 0 };
  const [ready] = await once(receiver, "message");
  receiver.on("message", (message: { arrivals: Arrivals }) => {
    for (const [eventId, atMs] of message.arrivals) {
      arrived.count += 1;
      if (!arrivedAt.has(eventId)) arrivedAt.set(eventId, atMs);
    }
  });
  const tenantIds = await register(world, `http://127.0.0.1:${portOf(ready)}`);
  try {
    print(
      `${cpus().length} cores, ${TENANTS} organisations with ${ENDPOINTS_A_TENANT} webhooks each, three signatures a delivery`,
    );
    const batches = isShort ? 2 : 8;
    for (const tenantId of tenantIds) {
      for (let batch = 0; batch < batches; batch++) await world.emitMany(tenantId, EVENTS_A_BATCH);
    }
    const expected = TENANTS * ENDPOINTS_A_TENANT * batches * EVENTS_A_BATCH;
    const worker = await startWorker(world);
    const startedAt = performance.now();
    while (arrived.count < expected) await delay(20);
    const perSecond = expected / ((performance.now() - startedAt) / 1000);
    print(
      `backlog, one worker: ${expected} deliveries, ${Math.round(perSecond)} a second (goal ${GOAL_PER_SECOND}) ${verdict(perSecond >= GOAL_PER_SECOND)}`,
    );
    const load = { tenantIds, seconds: isShort ? 3 : 15, arrivedAt };
    report("half load, worker in its own process", await latencies(world, load));
    // It has given its lanes back by then; a killed worker's lanes are free only when its lease ends.
    await delay(500);
    worker.kill("SIGKILL");
    world.start();
    report("half load, worker in the same process", await latencies(world, load));
  } finally {
    receiver.disconnect();
    await world.close();
  }
}

async function register(world: World, url: string): Promise<string[]> {
  const tenantIds: string[] = [];
  for (let n = 0; n < TENANTS; n++) {
    const tenantId = await world.tenant();
    for (let m = 0; m < ENDPOINTS_A_TENANT; m++) {
      await createWebhook(await world.call(tenantId), scope, { url, events: ["*"] });
    }
    tenantIds.push(tenantId);
  }
  return tenantIds;
}

async function startWorker(world: World): Promise<ChildProcess> {
  const program = join(import.meta.dirname, "../src/platform/webhooks/crashing-worker.ts");
  const worker = fork(program, [JSON.stringify({ url: world.database.url, rootKey: world.rootKeyText })], {
    silent: true,
  });
  if (worker.stdout === null) throw new Error("no output");
  await once(worker.stdout, "data");
  return worker;
}

/** Emits events evenly, at half of the goal counted in deliveries; answers how long each took to its first receiver. */
async function latencies(
  world: World,
  load: { tenantIds: readonly string[]; seconds: number; arrivedAt: ReadonlyMap<string, number> },
): Promise<number[]> {
  const eventsPerSecond = GOAL_PER_SECOND / 2 / ENDPOINTS_A_TENANT;
  const emitted: Promise<readonly [string, number]>[] = [];
  for (let n = 0; n < load.seconds * eventsPerSecond; n++) {
    const tenantId = load.tenantIds[n % load.tenantIds.length] ?? "";
    emitted.push(world.emit(tenantId, { n }).then((eventId) => [eventId, nowMs()] as const));
    await delay(1000 / eventsPerSecond);
  }
  const all = await Promise.all(emitted);
  while (all.some(([eventId]) => !load.arrivedAt.has(eventId))) await delay(20);
  return all.map(([eventId, atMs]) => Math.max(0, (load.arrivedAt.get(eventId) ?? 0) - atMs)).toSorted((a, b) => a - b);
}

function report(name: string, sorted: readonly number[]): void {
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  const [p50, p99] = [at(0.5), at(0.99)];
  print(
    `${name}: first attempt after ${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99, goal ${GOAL_P99_MS}) ${verdict(p99 <= GOAL_P99_MS)}`,
  );
}

function portOf(message: unknown): number {
  if (typeof message !== "object" || message === null || !("port" in message)) throw new Error("no port");
  return Number(message.port);
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function verdict(isMet: boolean): string {
  return isMet ? "met" : "MISSED";
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

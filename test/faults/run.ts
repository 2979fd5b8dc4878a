import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { objectionsTo, type Acknowledged, type FoundDocument, type Observations } from "./checker.ts";
import { createClients, inParallel, type Clients } from "./clients.ts";
import { startMonitor, type Monitor } from "./monitor.ts";
import { planOf, type Plan, type PlanOptions } from "./plan.ts";
import { startReceiver, startSource, type Receiver } from "./servers.ts";
import { startVictim, type Victim } from "./victim.ts";

export type FaultOptions = PlanOptions & {
  readonly clients: number;
  /** Told what happens while it happens. */
  say(line: string): void;
};

export type FaultReport = {
  readonly seed: string;
  /** Empty when every promise was kept. */
  readonly objections: readonly string[];
  readonly seen: Observations;
  readonly kills: number;
  readonly answers: Readonly<Record<string, number>>;
  /** How long the server was away after each kill. */
  readonly awayMs: readonly number[];
};

const SETTLE_LIMIT_MS = 180_000;
const PLACED_LIMIT_MS = 30_000;
const POLL_MS = 200;
const PAGE = 100;
const OWN_SECRET = "whsec_dGhpcnR5LXR3byBieXRlcyBvZiBhIHRlc3Qga2V5IQ==";

/** Kills the server again and again while clients bring documents in, then looks whether all promises were kept. */
export async function runFaults(options: FaultOptions): Promise<FaultReport> {
  const plan = planOf(options);
  const source = await startSource(plan.seed, plan.documents);
  const receiver = await startReceiver();
  const victim = await startVictim();
  try {
    return await attack({ plan, options, source: source.origin, receiver, victim });
  } catch (error) {
    const words = await victim.lastWords();
    throw new Error(`the run with the seed ${plan.seed} broke off; the server said:\n${words}`, { cause: error });
  } finally {
    await victim.remove();
    await Promise.all([source.close(), receiver.close()]);
  }
}

type World = {
  readonly plan: Plan;
  readonly options: FaultOptions;
  readonly source: string;
  readonly receiver: Receiver;
  readonly victim: Victim;
};

async function attack(world: World): Promise<FaultReport> {
  const { plan, options, receiver, victim } = world;
  const api = apiOf(victim);
  const endpointIds = [
    await register(api, receiver, { events: ["object.uploaded"] }),
    await register(api, receiver, { events: ["*"], secret: OWN_SECRET }),
  ];
  const { origin, apiKey } = victim;
  const clients = createClients({ plan, origin, apiKey, sourceOrigin: world.source, clients: options.clients });
  const over = new AbortController();
  const monitor = startMonitor(victim, over.signal);
  const [acknowledged, awayMs] = await Promise.all([clients.run(), killAll(world, clients, over.signal)]).finally(() =>
    over.abort(),
  );
  options.say(`${acknowledged.length} documents acknowledged; waiting until all is settled`);
  await untilSettled(world, api, { endpointIds, acknowledged });
  const told = { endpointIds, acknowledged: await clients.replay(acknowledged) };
  const seen = await observe(world, api, told, monitor);
  const exitCode = await victim.stop();
  return {
    seed: plan.seed,
    objections: [...objectionsTo(seen), ...(exitCode === 0 ? [] : [`the server ended with ${exitCode}`])],
    seen,
    kills: awayMs.length,
    answers: Object.fromEntries([...clients.answers].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    awayMs,
  };
}

async function killAll({ plan, options, victim }: World, clients: Clients, over: AbortSignal): Promise<number[]> {
  const awayMs: number[] = [];
  for (const kill of plan.kills) {
    while (clients.doneCount < kill.afterDocuments) await delay(1, undefined, { signal: over });
    await delay(kill.delayMs, undefined, { signal: over });
    const ms = await victim.kill(kill.target);
    awayMs.push(ms);
    options.say(`${kill.target} killed amid ${clients.doneCount} documents, away for ${Math.round(ms)} ms`);
  }
  return awayMs;
}

type Api = <T>(method: string, path: string, body?: unknown) => Promise<T>;

function apiOf({ origin, apiKey }: Victim): Api {
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${origin}/v1/secufile${path}`, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  };
}

async function register(api: Api, receiver: Receiver, wish: Record<string, unknown>): Promise<string> {
  const made = await api<{ webhook_id: string; secret: string }>("POST", "/webhooks", {
    url: `${receiver.origin}/hooks`,
    ...wish,
  });
  receiver.expect(made.webhook_id, made.secret);
  return made.webhook_id;
}

type Page<T> = { readonly data: readonly T[]; readonly next_cursor: string | null };

async function listAll<T>(api: Api, path: string): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const place: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page<T> = await api<Page<T>>("GET", `${path}${path.includes("?") ? "&" : "?"}limit=${PAGE}${place}`);
    all.push(...page.data);
    cursor = page.next_cursor;
  }
  return all;
}

type Told = { readonly endpointIds: readonly string[]; readonly acknowledged: readonly Acknowledged[] };

/** Until no document waits for content and no delivery waits to be sent; gives up in silence, the checker speaks. */
async function untilSettled({ receiver }: World, api: Api, { endpointIds, acknowledged }: Told): Promise<void> {
  const deadline = Date.now() + SETTLE_LIMIT_MS;
  while (Date.now() < deadline) {
    const waiting = await api<Page<unknown>>("GET", "/documents?status=pending&limit=1");
    const unsent = await Promise.all(
      endpointIds.map((id) => api<Page<unknown>>("GET", `/webhooks/${id}/deliveries?status=pending&limit=1`)),
    );
    const told = new Set(receiver.deliveries.map((delivery) => delivery.deliveryId)).size;
    const isTold = told >= acknowledged.length * endpointIds.length;
    if (isTold && waiting.data.length === 0 && unsent.every((page) => page.data.length === 0)) return;
    await delay(POLL_MS);
  }
}

type DocumentAnswer = { document_id: string; status: string; metadata: Record<string, string> };

async function observe(world: World, api: Api, told: Told, monitor: Monitor): Promise<Observations> {
  const { receiver, victim, options } = world;
  const rows = await listAll<DocumentAnswer>(api, "/documents");
  const documents = await inParallel(options.clients, rows, async (row): Promise<FoundDocument> => {
    const { document_id: documentId, status, metadata } = row;
    return { documentId, status, metadataKey: metadata["key"] ?? null, content: await readContent(victim, documentId) };
  });
  const outside = await monitor.found();
  const { logs, ...found } = await lookWhenPlaced(victim);
  return { ...told, documents, deliveries: [...receiver.deliveries], ...found, logs: { ...logs, ...outside } };
}

/** What is committed has its place within a second; gives up in silence, the checker speaks. */
async function lookWhenPlaced(victim: Victim): ReturnType<Victim["look"]> {
  const deadline = Date.now() + PLACED_LIMIT_MS;
  for (;;) {
    const found = await victim.look();
    if (found.waiting === 0 || Date.now() > deadline) return found;
    await delay(POLL_MS);
  }
}

async function readContent(victim: Victim, documentId: string): Promise<FoundDocument["content"]> {
  const answer = await fetch(`${victim.origin}/v1/secufile/documents/${documentId}/content`, {
    headers: { authorization: `Bearer ${victim.apiKey}` },
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) return null;
  return { sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log/log.ts";
import type { NoteSigner } from "../tlog/note.ts";
import { newOrigin, openLogKeys, signingAt, type LogKey, type LogKeyContext } from "./log-key.ts";
import { FencedOut, placeCheckpoints, placeEvents, type Placing } from "./place-events.ts";
import { updateLease, updateLeaseEnded } from "./store/lease.ts";
import { findWaiting, listQueued, listTopQueued, type QueuedRow } from "./store/queue.ts";

export type Sequencer = {
  /** Ends the round under way, gives the lease back. */
  stop(): Promise<void>;
  readonly state: { readonly isHolder: boolean; readonly fence: number };
};

export type SequencerOptions = LogKeyContext & {
  readonly log: Log;
  /** Host under which the names of new logs stand. */
  readonly originHost: string;
  /** The database belongs to this process alone: the lease of a dead one is taken at once. */
  readonly isAlone: boolean;
  /** Ends after the time between two rounds, or earlier when the signal says so. By the clock when not given. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** What is committed has its index and a signed checkpoint within a second: a round a quarter of it. */
const ROUND_MS = 250;
const LEASE_SECONDS = 6;
const RENEW_MS = 2_000;
/** Events of one round; a tenant with more waits for its turn after the others. */
const MAX_EVENTS = 4_000;
const MAX_CHECKPOINTS = 4_000;
/** Logs that are written at once: their commits share a flush. Half of the connections stay with the requests. */
const MAX_LANES = 8;
/** After as many tenants the lease and the keys are looked at again. */
const TENANTS_BETWEEN_LOOKS = 64;
const MAX_SIGNERS = 10_000;
/** A new key signs within this time of its making. */
const KEYS_FRESH_MS = 1_000;
const PAUSE_AFTER_FAILURE_MS = 1_000;

/**
 * Gives the committed events of all tenants their indexes, in one process at a time. Which process is a matter of speed
 * alone: that no index is given twice is held by the rows themselves.
 */
export async function startSequencer(options: SequencerOptions): Promise<Sequencer> {
  const run = new Rounds(options);
  run.start();
  return {
    stop: () => run.stop(),
    get state() {
      return run.state;
    },
  };
}

/** Owns the lease, the memory of signers, and the loop. */
class Rounds {
  readonly #options: SequencerOptions;
  readonly #holder = randomUUID();
  readonly #stopping = new AbortController();
  /** By key and log. */
  readonly #signers = new Map<string, NoteSigner>();
  #loop: Promise<void> = Promise.resolve();
  /** Null while another process holds the lease. */
  #fence: number | null = null;
  #keys: readonly LogKey[] = [];
  #keysReadAtMs = -Infinity;
  #renewAtMs = 0;
  #isFirst = true;
  /** The tenant that the last round ended with: the next goes on behind it. */
  #after = "";

  constructor(options: SequencerOptions) {
    this.#options = options;
  }

  get state(): { isHolder: boolean; fence: number } {
    return { isHolder: this.#fence !== null, fence: this.#fence ?? 0 };
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    const { db, log } = this.#options;
    await db
      .directory((tx) => updateLeaseEnded(tx, this.#holder))
      .catch((error: unknown) => log.warn({ error }, "the lease of the audit log could not be given back"));
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const pauseMs = await this.#round().catch((error: unknown) => {
        this.#failed(error);
        return PAUSE_AFTER_FAILURE_MS;
      });
      const { pause = byClock } = this.#options;
      if (pauseMs > 0) await pause(pauseMs, this.#stopping.signal);
    }
  }

  #failed(error: unknown): void {
    const { log } = this.#options;
    this.#fence = null;
    this.#renewAtMs = 0;
    if (error instanceof FencedOut)
      log.warn({ reason: error.message }, "another process gives out the indexes of the audit log");
    else log.error({ error }, "events of the audit log could not be given their indexes; trying again");
  }

  /** Milliseconds until the next one. */
  async #round(): Promise<number> {
    await this.#holdLease();
    const fence = this.#fence;
    if (fence === null) return ROUND_MS * 2;
    const { db } = this.#options;
    if (this.#after === "" && (await db.lookup(findWaiting()))?.is_waiting !== true) return ROUND_MS;
    const placed = await this.#placeSome(fence);
    const checkpoints = await db.directory((tx) => listTopQueued(tx, MAX_CHECKPOINTS));
    if (checkpoints.length > 0) await placeCheckpoints(await this.#placing(fence), checkpoints);
    // A full batch, or the end of the tenants: the rest is waiting already.
    return placed === MAX_EVENTS || (placed > 0 && this.#after !== "") ? 0 : ROUND_MS;
  }

  async #placing(fence: number): Promise<Placing> {
    const { db, clock, originHost } = this.#options;
    const [newest, ...older] = await this.#signingKeys(clock.now());
    if (newest === undefined) throw new Error("no key signs the audit log");
    return {
      db,
      clock,
      fence,
      newOrigin: (tenantId, log) => newOrigin(originHost, tenantId, log),
      signers: (origin) => [this.#signer(newest, origin), ...older.map((key) => this.#signer(key, origin))],
    };
  }

  async #placeSome(fence: number): Promise<number> {
    const wasAfter = this.#after;
    const rows = await this.#options.db.directory((tx) => listQueued(tx, wasAfter, MAX_EVENTS));
    this.#after = rows.length === MAX_EVENTS ? (rows.at(-1)?.tenant_id ?? "") : "";
    const byTenant = [...Map.groupBy(rows, (row) => row.tenant_id)];
    while (byTenant.length > 0) {
      await this.#placeTenants(await this.#placing(fence), byTenant.splice(0, TENANTS_BETWEEN_LOOKS));
      await this.#holdLease();
      if (this.#fence !== fence) throw new FencedOut("the lease was lost within a round");
    }
    // Nothing behind the last tenant: look from the first again before pausing.
    return rows.length === 0 && wasAfter !== "" ? MAX_EVENTS : rows.length;
  }

  /** As many at once as there are lanes; each takes the next tenant when it is done with one, until one is fenced off. */
  async #placeTenants(placing: Placing, tenants: (readonly [string, readonly QueuedRow[]])[]): Promise<void> {
    const lanes = Math.max(1, Math.min(MAX_LANES, Math.floor(placing.db.pool.options.max / 2)));
    const run = async (): Promise<void> => {
      for (let next = tenants.shift(); next !== undefined; next = tenants.shift()) {
        await this.#placeTenant(placing, ...next).catch((error: unknown) => {
          tenants.length = 0;
          throw error;
        });
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: lanes }, run));
    // None is left under way when the round ends.
    for (const lane of ended) if (lane.status === "rejected") throw lane.reason;
  }

  /** One tenant's trouble must not hold up the others; it is tried again with the next round. */
  async #placeTenant(placing: Placing, tenantId: string, rows: readonly QueuedRow[]): Promise<void> {
    try {
      await placeEvents(placing, tenantId, rows);
    } catch (error) {
      if (error instanceof FencedOut) throw error;
      this.#options.log.error({ error, tenantId }, "events of an organisation could not be given their indexes");
    }
  }

  async #holdLease(): Promise<void> {
    if (performance.now() < this.#renewAtMs) return;
    const { db, isAlone, log } = this.#options;
    const lease = { holder: this.#holder, seconds: LEASE_SECONDS, isForced: isAlone && this.#isFirst };
    const askedAtMs = performance.now();
    const row = await db.directory((tx) => updateLease(tx, lease));
    const before = this.#fence;
    this.#fence = row === null ? null : Number(row.fence);
    this.#isFirst &&= row === null;
    this.#renewAtMs = row === null ? 0 : askedAtMs + RENEW_MS;
    if (this.#fence !== null && this.#fence !== before)
      log.info({ fence: this.#fence }, "this process gives out the indexes of the audit log");
  }

  async #signingKeys(now: Date): Promise<readonly LogKey[]> {
    const askedAtMs = performance.now();
    if (askedAtMs - this.#keysReadAtMs >= KEYS_FRESH_MS) {
      this.#keys = await openLogKeys(this.#options);
      this.#keysReadAtMs = askedAtMs;
    }
    return signingAt(this.#keys, now);
  }

  #signer(key: LogKey, origin: string): NoteSigner {
    const name = `${key.id} ${origin}`;
    const known = this.#signers.get(name);
    if (known !== undefined) return known;
    const made = key.signer(origin);
    if (this.#signers.size >= MAX_SIGNERS) this.#signers.clear();
    this.#signers.set(name, made);
    return made;
  }
}

async function byClock(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

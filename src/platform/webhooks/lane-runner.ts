import type { Database } from "../db/tx.ts";
import type { Log } from "../log/log.ts";
import type { Outbound } from "../outbound/outbound.ts";
import { Bell } from "./bell.ts";
import { afterFailure, afterSuccess, isBeyondHope, isBreakerOpen } from "./health.ts";
import { FAULT_PAUSE_MS, LEASE_MS, type LaneLoader } from "./lane-loader.ts";
import { LaneTurns, type Lane } from "./lanes.ts";
import { recordBatch, type OnDisabled } from "./recorder.ts";
import { nextAttemptAt } from "./schedule.ts";
import { sendAttempt, type AttemptResult } from "./sender.ts";
import { signedHeaders } from "./signing.ts";
import type { AttemptRecord, ParcelRow } from "./store/deliveries.ts";

/** Deliveries under way at once in one process. */
const SLOTS = 256;
const MAX_LANES = 256;
/** Results wait that long for others to be written down together. */
const RECORD_DELAY_MS = 5;
const RECORD_RETRY_MS = 500;
/** Tenants whose results are written at the same time; each takes a connection. */
const TENANTS_AT_ONCE = 3;

export type LaneRunnerOptions = {
  readonly db: Database;
  readonly log: Log;
  readonly outbound: Outbound;
  readonly loader: LaneLoader;
  readonly owner: string;
  readonly now: () => Date;
  readonly onDisabled?: OnDisabled | undefined;
};

type Result = { readonly lane: Lane; readonly record: AttemptRecord; readonly endedAtMs: number };

/** Holds lanes, sends what is in them, writes down what came of it, and gives them back. */
export class LaneRunner {
  readonly #options: LaneRunnerOptions;
  readonly #turns = new LaneTurns();
  readonly #abort = new AbortController();
  readonly #recorded = new Bell();
  #results: Result[] = [];
  #inFlight = 0;
  #recording: Promise<void> | null = null;
  #isStopping = false;
  /** Called when lanes were given back: there may be more to claim. */
  readonly #onRoom: () => void;

  constructor(options: LaneRunnerOptions, onRoom: () => void) {
    this.#options = options;
    this.#onRoom = onRoom;
  }

  /** Takes ready lanes and begins to send. Answers how many lanes it took. */
  async claim(): Promise<number> {
    this.#recordSoon();
    const room = MAX_LANES - this.#turns.laneCount;
    if (room <= 0 || this.#isStopping) return 0;
    const taken = await this.#options.loader.claim({
      lanes: room,
      fullTenantIds: this.#turns.fullTenantIds(),
      take: (lane) => {
        this.#turns.add(lane);
        this.#pump();
      },
    });
    this.#recordSoon();
    return taken;
  }

  /** Begins nothing more, waits for what is under way, cuts the rest short after `drainMs`, and gives all lanes back. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    const cut = setTimeout(() => this.#abort.abort(), drainMs);
    this.#recordSoon();
    while (this.#inFlight > 0 || this.#turns.laneCount > 0) {
      this.#recordSoon();
      await this.#recorded.wait(100);
    }
    clearTimeout(cut);
  }

  #pump(): void {
    while (this.#inFlight < SLOTS && !this.#isStopping) {
      const next = this.#turns.next(performance.now());
      if (next === null) return;
      this.#inFlight += 1;
      void this.#send(next.lane, next.parcel);
    }
  }

  async #send(lane: Lane, parcel: ParcelRow): Promise<void> {
    const { outbound, now } = this.#options;
    const attemptAt = now();
    const body = Buffer.from(parcel.body, "utf8");
    try {
      const content = { eventId: parcel.event_id, eventType: parcel.type, deliveryId: parcel.id, attemptAt, body };
      const headers = signedHeaders(lane.family, lane.keys, content);
      const { signal } = this.#abort;
      const result = await sendAttempt(outbound, { url: lane.url, headers, body, now: attemptAt, signal });
      if (result !== null) this.#take(lane, parcel, { attemptAt, result });
    } catch (error) {
      this.#fault(lane, error);
    } finally {
      this.#inFlight -= 1;
      this.#turns.ended(lane);
      this.#recordSoon();
      this.#pump();
    }
  }

  /** A fault of our own: nothing is held against the endpoint, its deliveries stay in the queue. */
  #fault(lane: Lane, error: unknown): void {
    const { log, now } = this.#options;
    log.error({ error, tenantId: lane.tenantId, webhook: lane.endpointId }, "a delivery could not be sent");
    lane.waiting.length = 0;
    lane.pausedUntil = new Date(now().getTime() + FAULT_PAUSE_MS);
  }

  #take(lane: Lane, parcel: ParcelRow, outcome: { attemptAt: Date; result: AttemptResult }): void {
    const { result, attemptAt } = outcome;
    const now = this.#options.now();
    lane.unrecorded += 1;
    this.#results.push({ lane, record: recordOf(parcel, { attemptAt, result, now }), endedAtMs: performance.now() });
    if (result.kind === "delivered") {
      lane.health = afterSuccess(lane.health);
      return;
    }
    lane.health = afterFailure(lane.health, attemptAt);
    if (result.kind === "gone") lane.disable = "gone";
    else if (isBeyondHope(lane.health, now)) lane.disable ??= "failing";
    if (result.retryAfterMs !== null) lane.pausedUntil = new Date(now.getTime() + result.retryAfterMs);
    if (lane.disable !== null || lane.pausedUntil !== null || isBreakerOpen(lane.health)) lane.waiting.length = 0;
  }

  #recordSoon(): void {
    if (this.#recording !== null || !this.#hasToRecord()) return;
    this.#recording = this.#record().finally(() => {
      this.#recording = null;
      this.#recorded.ring();
      this.#recordSoon();
    });
  }

  #hasToRecord(): boolean {
    return this.#results.length > 0 || this.#returnable().length > 0;
  }

  #returnable(): Lane[] {
    return this.#turns.idle(this.#isStopping ? Infinity : performance.now());
  }

  async #record(): Promise<void> {
    await pauseMs(RECORD_DELAY_MS);
    const results = this.#results;
    this.#results = [];
    const lanes = this.#returnable();
    const byTenant = new Map<string, { results: Result[]; lanes: Lane[] }>();
    const entryOf = (tenantId: string) => {
      const entry = byTenant.get(tenantId) ?? { results: [], lanes: [] };
      byTenant.set(tenantId, entry);
      return entry;
    };
    for (const result of results) entryOf(result.lane.tenantId).results.push(result);
    const ended = Map.groupBy(results, (result) => result.lane);
    for (const lane of lanes) {
      // A result of it may have come since, or wait to be tried again.
      if (lane.unrecorded === (ended.get(lane)?.length ?? 0)) entryOf(lane.tenantId).lanes.push(lane);
    }
    // Removed before the write, so that nothing of them begins during it.
    for (const { lanes: returned } of byTenant.values()) for (const lane of returned) this.#turns.remove(lane);
    const tenants = [...byTenant];
    const work = async () => {
      for (let next = tenants.shift(); next !== undefined; next = tenants.shift()) {
        await this.#recordTenant(next[0], next[1]);
      }
    };
    await Promise.all(Array.from({ length: TENANTS_AT_ONCE }, work));
    if (lanes.length > 0) this.#onRoom();
  }

  async #recordTenant(tenantId: string, batch: { results: readonly Result[]; lanes: readonly Lane[] }): Promise<void> {
    const { db, log, owner, now, onDisabled } = this.#options;
    const records = batch.results.map((result) => result.record);
    try {
      await recordBatch({ db, log, owner, now: now(), onDisabled }, tenantId, { records, lanes: batch.lanes });
      for (const { lane } of batch.results) lane.unrecorded -= 1;
    } catch (error) {
      log.error({ error, tenantId, attempts: records.length }, "attempts could not be written down");
      await this.#recordLater(batch);
    }
  }

  /** Tried again until the lease is surely over; then others send again, and a second record would be wrong. */
  async #recordLater(batch: { results: readonly Result[]; lanes: readonly Lane[] }): Promise<void> {
    await pauseMs(RECORD_RETRY_MS);
    const tooOldMs = performance.now() - LEASE_MS;
    for (const result of batch.results) {
      if (result.endedAtMs > tooOldMs && !this.#isStopping) this.#results.push(result);
      else result.lane.unrecorded -= 1;
    }
    for (const lane of batch.lanes) {
      if (lane.startsUntilMs > tooOldMs && !this.#isStopping) this.#turns.add(lane);
    }
  }
}

function recordOf(parcel: ParcelRow, outcome: { attemptAt: Date; result: AttemptResult; now: Date }): AttemptRecord {
  const { result, attemptAt, now } = outcome;
  const attempt = {
    deliveryId: parcel.id,
    at: attemptAt,
    statusCode: result.statusCode,
    durationMs: result.durationMs,
    error: result.error,
    answer: result.answer,
  };
  if (result.kind === "delivered") {
    return { ...attempt, state: "delivered", retriesLeft: parcel.retries_left, nextAttemptAt: null };
  }
  const { retries_left: retriesLeft } = parcel;
  const { retryAfterMs } = result;
  const next = result.kind === "gone" ? null : nextAttemptAt({ now, retriesLeft, retryAfterMs, random: Math.random() });
  if (next === null) return { ...attempt, state: "failed", retriesLeft: 0, nextAttemptAt: null };
  return { ...attempt, state: "pending", retriesLeft: retriesLeft - 1, nextAttemptAt: next };
}

async function pauseMs(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}

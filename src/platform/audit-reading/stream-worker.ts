import { setTimeout as pause } from "node:timers/promises";
import { ulid } from "../ids/ids.ts";
import type { Services, WebhookFamily } from "../product.ts";
import { openSigningKeys } from "../webhooks/secrets.ts";
import type { Sender } from "./formats.ts";
import { filterOf } from "./filters.ts";
import { readPageNow } from "./log-pages.ts";
import { recordOf } from "./record.ts";
import { postBatch, sendSyslog, type Batch, type Sent } from "./stream-sender.ts";
import { openTarget } from "./stream-target.ts";
import { lockDueStreams, updateAllStreamsFree, updateLaneFree, type LaneRow } from "./store/lanes.ts";
import { findStreamById, updateStreamFailed, updateStreamSent, type StreamRow } from "./store/streams.ts";

const BATCH_RECORDS = 250;
/** Streams at work at once in one process. */
const SLOTS = 16;
/** Covers the turn, one attempt of at most 20 s that begins at its end, and its record. */
const LEASE_MS = 30_000;
const TURN_MS = 5_000;
const LOOK_EVERY_MS = 500;
/** A stream that has sent all is looked at again after that. */
const IDLE_MS = 1_000;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 5 * 60_000;
const FAULT_PAUSE_MS = 60_000;
/** A resumed stream is due at once; this is for one that is resumed in the very moment in which it is given back. */
const PAUSED_MS = 60_000;

export type StreamWorkerOptions = {
  readonly services: Pick<Services, "db" | "log" | "clock" | "keyring" | "outbound" | "publicUrl">;
  /** How each product's batches are named. */
  readonly families: Readonly<
    Record<string, { readonly family: WebhookFamily; readonly title: string; readonly version: string }>
  >;
  /** No other process works on this database: streams that a dead process held are free at once. */
  readonly isAlone?: boolean;
};

/**
 * Sends audit logs where they are wanted until stopped. Any number of processes may do so at once: each stream is leased by
 * one of them. A cursor moves only after its batch was taken, so whatever dies, the next one sends again from there.
 */
export function startAuditStreams(options: StreamWorkerOptions): { stop(): Promise<void> } {
  const { db, log } = options.services;
  const owner = ulid();
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = new Set<Promise<void>>();

  async function look(): Promise<void> {
    const room = SLOTS - running.size;
    if (room <= 0) return;
    const claim = { owner, leaseMs: LEASE_MS, limit: room };
    const lanes = await db.directory((tx) => lockDueStreams(tx, claim), { durability: "buffered" });
    for (const lane of lanes) {
      const work = serve(options, lane, { owner, signal }).finally(() => running.delete(work));
      running.add(work);
    }
  }

  const looking = (async () => {
    if (options.isAlone === true) await db.directory(updateAllStreamsFree);
    while (!signal.aborted) {
      await look().catch((error: unknown) => log.error({ error }, "audit streams could not be looked after"));
      await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  })();

  return {
    async stop() {
      stopping.abort();
      await looking;
      await Promise.all(running);
    },
  };
}

type Turn = { readonly owner: string; readonly signal: AbortSignal };

/** Sends batch after batch until there is nothing more, something fails, or the turn is over; never throws. */
async function serve(options: StreamWorkerOptions, lane: LaneRow, turn: Turn): Promise<void> {
  const { db, log } = options.services;
  const endMs = performance.now() + TURN_MS;
  let afterMs = 0;
  try {
    while (afterMs === 0 && performance.now() < endMs && !turn.signal.aborted) {
      afterMs = await sendOne(options, lane, turn.signal);
    }
  } catch (error) {
    log.error({ error, tenantId: lane.tenant_id, stream: lane.stream_id }, "an audit stream could not be served");
    afterMs = FAULT_PAUSE_MS;
  }
  await db
    .directory((tx) => updateLaneFree(tx, lane, { owner: turn.owner, afterMs }))
    // Its lease ends by itself.
    .catch((error: unknown) => log.warn({ error, stream: lane.stream_id }, "an audit stream could not be given back"));
}

/** One batch. Answers after how many milliseconds to look again. */
async function sendOne(options: StreamWorkerOptions, lane: LaneRow, signal: AbortSignal): Promise<number> {
  const { db, clock } = options.services;
  const { tenant_id: tenantId, stream_id: id } = lane;
  const stream = await db.tenant(tenantId, (tx) => findStreamById(tx, tenantId, id));
  if (stream === null || stream.is_paused) return PAUSED_MS;
  const from = Number(stream.next_index);
  const page = await readPageNow(db, tenantId, { from, until: null, filter: filterOf({}), limit: BATCH_RECORDS });
  const last = page.rows.at(-1);
  if (last === undefined) return IDLE_MS;
  const now = clock.now();
  const batch: Batch = { streamId: id, format: stream.format, records: page.rows.map(recordOf), now };
  const sent = await send(options, { tenantId, stream, batch, signal });
  if (sent === null) return 0; // cut short by the stop; nothing is known of it
  const at = clock.now();
  if (sent.kind === "taken") {
    const next = Number(last.index) + 1;
    await db.tenant(tenantId, (tx) => updateStreamSent(tx, tenantId, { id, from, next, at }));
    return 0;
  }
  const isGone = sent.kind === "gone";
  await db.tenant(tenantId, (tx) => updateStreamFailed(tx, tenantId, { id, error: sent.error, at, isGone }));
  return isGone ? PAUSED_MS : Math.max(backoffMs(stream.failures, Math.random()), sent.retryAfterMs ?? 0);
}

async function send(
  options: StreamWorkerOptions,
  work: { tenantId: string; stream: StreamRow; batch: Batch; signal: AbortSignal },
): Promise<Sent | null> {
  const { outbound, keyring, publicUrl } = options.services;
  const { tenantId, stream, batch, signal } = work;
  const product = options.families[stream.product];
  if (product === undefined) throw new Error(`the product ${stream.product} has no webhook family`);
  const keys = await keyring.of(tenantId);
  const target = openTarget(keys, stream);
  const { title, version, family } = product;
  const sender: Sender = { title, version, host: new URL(publicUrl()).hostname };
  if (target.type === "syslog_tls") return sendSyslog(outbound, batch, { ...target, sender, signal });
  const none = { pending_secret: null, pending_flips_at: null, previous_secret: null, previous_ends_at: null };
  const { id, secret, signing_key } = stream;
  const signing = openSigningKeys(keys, { id, secret, signing_key, ...none }, batch.now);
  return postBatch(outbound, batch, { url: target.url, family, keys: signing, sender, signal });
}

/** Doubles from one second to five minutes and goes on for ever; `random` from 0 to 1 spreads it by half. */
export function backoffMs(failures: number, random: number): number {
  const wholeMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 20));
  return wholeMs * (0.5 + random / 2);
}

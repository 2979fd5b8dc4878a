import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock/clock.ts";
import type { Database, Tx } from "../db/tx.ts";
import { ulid } from "../ids/ids.ts";
import { type Keyring, SERVER_TENANT } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import { signCheckpoint } from "../tlog/checkpoint.ts";
import { hashLeaf, hashRange } from "../tlog/merkle.ts";
import { loadSigningKey, type SigningKey } from "../tlog/signing-key.ts";
import {
  insertCheckpoint,
  insertHead,
  listTiles,
  updateHeadFence,
  updateHeadSize,
  updateLease,
  updateLeaseEnd,
  updateTiles,
  type LogName,
} from "../tlog/store.ts";
import { appendLeaves, edgeTiles, TileSet } from "../tlog/tiles.ts";
import {
  countTopQueue,
  deleteQueuedAudit,
  deleteTopQueue,
  insertAuditLeaves,
  insertTopLeaves,
  insertTopQueue,
  listTenantsWithQueuedAudit,
} from "./store.ts";

export const SEQUENCER_LEASE = "sequencer";
const LEASE_SECONDS = 5;
const RENEW_MS = 1_500;
const IDLE_MS = 300;
const TENANTS_PER_PAGE = 100;
const EVENTS_PER_STEP = 2_000;
const CHECKPOINTS_PER_STEP = 1_000;

/** Another process gives out indexes now; nothing was written. */
export class SupersededError extends Error {
  override readonly name = "SupersededError";
}

export type SequencerOptions = {
  readonly db: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  /** Host before `/audit/<tenant>` and `/top` in the origins of logs that begin now. */
  readonly originHost: string;
  /** No other process works on this database: the lease of a dead one is free at once. */
  readonly isAlone: boolean;
};

export type Sequencer = {
  /** Ends the loop after the step under way, and gives the lease back. */
  stop(): Promise<void>;
};

/** Gives queued events their indexes until stopped, in the one process that holds the lease. */
export function startSequencer(options: SequencerOptions): Sequencer {
  const holder = ulid();
  const stopping = new AbortController();
  const running = run(options, holder, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
      await options.db
        .directory((tx) => updateLeaseEnd(tx, { name: SEQUENCER_LEASE, holder }))
        .catch((error: unknown) => options.log.warn({ error }, "the sequencer's lease ends by itself"));
    },
  };
}

async function run(options: SequencerOptions, holder: string, signal: AbortSignal): Promise<void> {
  const { db, log } = options;
  let key: SigningKey | null = null;
  let lease: { readonly fence: number; readonly renewAtMs: number } | null = null;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    let didWork = false;
    try {
      key ??= await loadSigningKey({ db, keyring: options.keyring, now: options.clock.now() });
      if (lease === null || performance.now() > lease.renewAtMs) {
        const renewAtMs = performance.now() + RENEW_MS;
        const isForced = isFirst && options.isAlone;
        const fence = await db.directory((tx) =>
          updateLease(tx, { name: SEQUENCER_LEASE, holder, seconds: LEASE_SECONDS, isForced }),
        );
        lease = fence === null ? null : { fence, renewAtMs };
      }
      if (lease !== null) didWork = await sequenceRound({ ...options, key, fence: lease.fence });
    } catch (error) {
      lease = null;
      log.error({ error }, "the sequencer of the audit logs failed; trying again");
    }
    // A pause also after work: events of many requests share one checkpoint.
    await delay(didWork ? IDLE_MS / 3 : IDLE_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** What a holder of the lease works with. */
export type SequencerHolder = Pick<SequencerOptions, "db" | "clock" | "log" | "originHost"> & {
  readonly key: SigningKey;
  readonly fence: number;
};

/** One look at all tenants, then the top log. Answers whether there was something to do. */
export async function sequenceRound(holder: SequencerHolder): Promise<boolean> {
  const { db, log } = holder;
  let count = 0;
  for (let afterTenantId = ""; ;) {
    const position = { afterTenantId, limit: TENANTS_PER_PAGE };
    const tenantIds = await db.directory((tx) => listTenantsWithQueuedAudit(tx, position));
    for (const tenantId of tenantIds) {
      count += await sequenceTenant(holder, tenantId).catch((error: unknown) => {
        if (error instanceof SupersededError) throw error;
        // One tenant's trouble must not hold up the others.
        log.error({ error, tenantId }, "events of a tenant could not be given their indexes");
        return 0;
      });
    }
    if (tenantIds.length < TENANTS_PER_PAGE) break;
    afterTenantId = tenantIds.at(-1) ?? "";
  }
  count += await sequenceTop(holder);
  return count > 0;
}

/** One transaction: a tenant's queued events get their indexes and a signed checkpoint. Answers how many. */
export async function sequenceTenant(holder: SequencerHolder, tenantId: string): Promise<number> {
  const origin = `${holder.originHost}/audit/${tenantId}`;
  return holder.db.tenant(tenantId, async (tx) => {
    const head = await lockLog(tx, holder, { tenantId, log: "audit", origin });
    const queued = await deleteQueuedAudit(tx, tenantId, EVENTS_PER_STEP);
    if (queued.length === 0) return 0;
    const entries = queued.map((row) => row.entry);
    const leaves = insertAuditLeaves(tx, tenantId, {
      start: head.size,
      eventIds: queued.map((row) => row.event_id),
      entries,
    });
    const note = await extendLog(tx, holder, { ...head, entries });
    await Promise.all([
      leaves,
      insertTopQueue(tx, tenantId, { size: head.size + entries.length, entry: sha256(note) }),
    ]);
    return queued.length;
  });
}

/**
 * One transaction under the server's wall: checkpoints that wait get their indexes in the top log. They were queued in
 * the transaction that signed them, so a crash between the two only makes them wait.
 */
export async function sequenceTop(holder: SequencerHolder): Promise<number> {
  if ((await holder.db.directory(countTopQueue)) === 0) return 0;
  return holder.db.tenant(SERVER_TENANT, async (tx) => {
    const wanted = { tenantId: SERVER_TENANT, log: "top", origin: `${holder.originHost}/top` } as const;
    const head = await lockLog(tx, holder, wanted);
    const queued = await deleteTopQueue(tx, CHECKPOINTS_PER_STEP);
    if (queued.length === 0) return 0;
    const entries = queued.map((row) => row.entry);
    const leaves = insertTopLeaves(tx, SERVER_TENANT, {
      start: head.size,
      tenantIds: queued.map((row) => row.tenant_id),
      sizes: queued.map((row) => row.size),
      entries,
    });
    await Promise.all([leaves, extendLog(tx, holder, { ...head, entries })]);
    return queued.length;
  });
}

type LockedLog = { readonly tenantId: string; readonly log: LogName; readonly origin: string; readonly size: number };

/** Locks a log's head under the holder's fence. Throws `SupersededError` when a later holder was here. */
async function lockLog(tx: Tx, holder: SequencerHolder, wanted: Omit<LockedLog, "size">): Promise<LockedLog> {
  const { tenantId, log, origin } = wanted;
  const fenced = { log, fence: holder.fence };
  let row = await updateHeadFence(tx, tenantId, fenced);
  if (row === null && (await insertHead(tx, tenantId, { ...fenced, origin })) === 1) {
    row = await updateHeadFence(tx, tenantId, fenced);
  }
  if (row === null) throw new SupersededError(`a later sequencer works on ${log} of ${tenantId}`);
  return { tenantId, log, origin: row.origin, size: Number(row.size) };
}

/** Adds entries to a locked log and signs its checkpoint; answers the note. */
async function extendLog(
  tx: Tx,
  holder: SequencerHolder,
  target: LockedLog & { readonly entries: readonly Buffer[] },
): Promise<string> {
  const { tenantId, log, origin, size: from, entries } = target;
  const to = from + entries.length;
  const tiles = new TileSet(await listTiles(tx, tenantId, log, edgeTiles(from)));
  const changed = appendLeaves(tiles, from, entries.map(hashLeaf));
  const root = hashRange({ start: 0, end: to }, tiles.read);
  const { key } = holder;
  const note = signCheckpoint({ origin, size: to, root }, { name: origin, ...key });
  const checkpoint = { log, size: to, root, note, keyId: key.id, at: holder.clock.now() };
  const [, , moved] = await Promise.all([
    updateTiles(tx, tenantId, log, changed),
    insertCheckpoint(tx, tenantId, checkpoint),
    updateHeadSize(tx, tenantId, { log, fence: holder.fence, from, to }),
  ]);
  if (moved !== 1) throw new SupersededError(`a later sequencer works on ${log} of ${tenantId}`);
  return note;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

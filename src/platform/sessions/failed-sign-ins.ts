import { recordAudit, type AuditEntry } from "../audit/audit.ts";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { SERVER_TENANT, TenantShreddedError, type Keyring } from "../keys/keyring.ts";
import { networkOf } from "../limits/network.ts";
import type { Log } from "../log/log.ts";

/** Somebody who showed a wrong password or code, or an address that nobody has. */
export type FailedSignIn = {
  readonly action: string;
  /** What was tried, existing or not: told apart by this alone, so that both leave the same. */
  readonly account: string;
  /** Whose log it belongs to; the server's where the account does not exist. */
  readonly tenantId: string;
  readonly memberId: string | null;
  readonly remoteAddress: string;
  readonly requestId: string;
  readonly at: Date;
};

/**
 * Puts failed sign-ins on record so that a flood writes little: of each minute the first of an account from a network
 * leaves a row before it is answered, and all others together one row, with their number, once the minute is over. Owns the
 * counts of the running minute; a crash loses them, and no first row.
 */
export type FailedSignIns = {
  note(failed: FailedSignIn): Promise<void>;
  /** Writes what was counted in minutes that are over; what cannot be written is kept for the next time. */
  flush(): Promise<void>;
  /** Writes what was counted in any minute. */
  stop(): Promise<void>;
};

const FLUSH_MS = 5_000;
const MINUTE_MS = 60_000;
/** Accounts of one minute with a row of their own: from one network, and from all. */
export const FIRSTS_A_NETWORK = 10;
export const FIRSTS_A_MINUTE = 200;
/** Members and networks told apart in the counts of one minute; beyond them each organisation has one count. */
export const MAX_COUNTS_A_MINUTE = 200;
/** Minutes that are kept while no row can be written. */
const MAX_MINUTES = 60;
const OTHERS = "others";

type Counted = Omit<FailedSignIn, "account" | "remoteAddress" | "requestId" | "at"> & {
  readonly network: string;
  readonly tries: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
};

type Minute = { readonly firsts: Set<string>; readonly firstsOf: Map<string, number>; counts: Map<string, Counted> };
type Tools = { readonly db: Database; readonly keyring: Keyring; readonly clock: Clock; readonly log: Log };

export function createFailedSignIns(tools: Tools): FailedSignIns {
  const minutes = new Map<number, Minute>();
  let flushing: Promise<void> = Promise.resolve();
  const flushBefore = (end: number): Promise<void> => {
    flushing = flushing.then(() => flushMinutes(tools, minutes, end));
    return flushing;
  };
  const startOf = (at: Date): number => Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS;
  const flush = (): Promise<void> => flushBefore(startOf(tools.clock.now()));
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();
  return {
    async note(failed) {
      const minute = minuteAt(minutes, startOf(failed.at));
      const network = networkOf(failed.remoteAddress);
      const first = `${failed.action} ${network} ${failed.account}`;
      if (!takeFirst(minute, network, first)) {
        add(minute, countedOf(failed, network));
        return;
      }
      await recordFirst(tools.db, failed).catch((error: unknown) => {
        minute.firsts.delete(first);
        throw error;
      });
    },
    flush,
    stop() {
      clearInterval(timer);
      return flushBefore(Number.POSITIVE_INFINITY);
    },
  };
}

function minuteAt(minutes: Map<number, Minute>, start: number): Minute {
  const found = minutes.get(start);
  if (found !== undefined) return found;
  const oldest = minutes.keys().next().value;
  if (minutes.size >= MAX_MINUTES && oldest !== undefined) minutes.delete(oldest);
  const made: Minute = { firsts: new Set(), firstsOf: new Map(), counts: new Map() };
  minutes.set(start, made);
  return made;
}

/** Decided without waiting, and by the same rule whether the account exists: the time of an answer tells nothing of that. */
function takeFirst({ firsts, firstsOf }: Minute, network: string, first: string): boolean {
  const ofNetwork = firstsOf.get(network) ?? 0;
  if (firsts.has(first) || firsts.size >= FIRSTS_A_MINUTE || ofNetwork >= FIRSTS_A_NETWORK) return false;
  firsts.add(first);
  firstsOf.set(network, ofNetwork + 1);
  return true;
}

function countedOf({ action, tenantId, memberId, at }: FailedSignIn, network: string): Counted {
  return { action, tenantId, memberId, network, tries: 1, firstAt: at, lastAt: at };
}

function add({ counts }: Minute, counted: Counted): void {
  const { action, tenantId, memberId, network } = counted;
  const own = `${action} ${tenantId} ${memberId} ${network}`;
  const isToldApart = counts.has(own) || counts.size < MAX_COUNTS_A_MINUTE;
  const key = isToldApart ? own : `${action} ${tenantId} ${OTHERS}`;
  const earlier = counts.get(key);
  const entry = isToldApart ? counted : { ...counted, memberId: null, network: OTHERS };
  counts.set(key, earlier === undefined ? entry : sumOf(earlier, entry));
}

function sumOf(one: Counted, other: Counted): Counted {
  const [firstAt, lastAt] = [one.firstAt, one.lastAt];
  return {
    ...one,
    tries: one.tries + other.tries,
    firstAt: other.firstAt < firstAt ? other.firstAt : firstAt,
    lastAt: other.lastAt > lastAt ? other.lastAt : lastAt,
  };
}

async function recordFirst(db: Database, failed: FailedSignIn): Promise<void> {
  const { tenantId, remoteAddress: ip, requestId } = failed;
  const entry = entryOf(failed, { at: failed.at, ip, details: { request_id: requestId } });
  await db.tenant(tenantId, (tx) => recordAudit(tx, tenantId, entry));
}

async function flushMinutes(tools: Tools, minutes: Map<number, Minute>, end: number): Promise<void> {
  for (const [start, minute] of minutes) {
    if (start >= end) continue;
    const counts = [...minute.counts.values()];
    minute.counts = new Map();
    for (const counted of counts) {
      await recordCount(tools, counted).catch((error: unknown) => {
        tools.log.warn({ error }, "a count of failed sign-ins could not be written");
        add(minute, counted);
      });
    }
    if (minute.counts.size === 0) minutes.delete(start);
  }
}

async function recordCount({ db, keyring }: Tools, counted: Counted): Promise<void> {
  const { network, tries, firstAt, lastAt } = counted;
  const details = { tries, network, from: firstAt.toISOString(), to: lastAt.toISOString() };
  const entry = entryOf(counted, { at: lastAt, details });
  const tenantId = await logOf(keyring, counted.tenantId);
  await db.tenant(tenantId, (tx) => recordAudit(tx, tenantId, entry));
}

/** Whoever was of an organisation that was shredded meanwhile is nobody. */
async function logOf(keyring: Keyring, tenantId: string): Promise<string> {
  try {
    await keyring.of(tenantId);
    return tenantId;
  } catch (error) {
    if (error instanceof TenantShreddedError) return SERVER_TENANT;
    throw error;
  }
}

function entryOf(
  of: Pick<FailedSignIn, "action" | "memberId">,
  what: { at: Date; ip?: string; details: Readonly<Record<string, unknown>> },
): AuditEntry {
  const { at, ip, details } = what;
  return {
    action: of.action,
    at,
    actor: { type: "visitor", id: "sign-in", ...(ip === undefined ? {} : { ip }) },
    ...(of.memberId === null ? {} : { resource: { type: "member", id: of.memberId } }),
    outcome: "denied",
    details,
  };
}

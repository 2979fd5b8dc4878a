import { recordAudit, type AuditEntry } from "../audit/audit.ts";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { SERVER_TENANT, TenantShreddedError, type Keyring } from "../keys/keyring.ts";
import { networkOf } from "../limits/network.ts";
import type { Log } from "../log/log.ts";
import { listPlaces } from "../members/store/members.ts";

/** Somebody who showed a wrong password or code, or an address that nobody has. */
export type FailedSignIn = {
  readonly action: string;
  /** Code of the refusal. */
  readonly reason: string;
  /** What was tried, existing or not: told apart by this alone, so that both leave the same. */
  readonly account: string;
  /** Whose log it belongs to; the server's where the account does not exist. */
  readonly tenantId: string;
  readonly memberId: string | null;
  readonly remoteAddress: string;
  readonly requestId: string;
  readonly at: Date;
};

/** Somebody whom a limit refused before anything was looked at: after the password the member is known, before it an address. */
export type HeldBack = Pick<FailedSignIn, "action" | "remoteAddress" | "at"> & {
  readonly account:
    | { readonly tenantId: string; readonly memberId: string }
    /** `tenantId`: the organisation that was named, where one was. */
    | { readonly addressHash: Buffer; readonly tenantId: string | null };
};

/**
 * Puts failed sign-ins on record so that a flood writes little: of each minute the first of an account from a network
 * leaves a row before it is answered, and all others together one row, with their number, once the minute is over. Owns the
 * counts of the running minute; a crash loses them, and no first row.
 */
export type FailedSignIns = {
  note(failed: FailedSignIn): Promise<void>;
  /** Only counts; the account is looked for once the minute is over. */
  noteHeldBack(heldBack: HeldBack): void;
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
/**
 * Members and networks told apart in the counts of one minute; beyond them each organisation has one count. Of addresses that are
 * held back as many more; beyond them the server's log has one count.
 */
export const MAX_COUNTS_A_MINUTE = 200;
/** Minutes that are kept while no row can be written. */
const MAX_MINUTES = 60;
const OTHERS = "others";
const HELD_BACK = "rate_limited";

type Sum = { readonly network: string; readonly tries: number; readonly firstAt: Date; readonly lastAt: Date };
type Counted = Sum & Pick<FailedSignIn, "action" | "reason" | "tenantId" | "memberId">;
type CountedHeldBack = Sum & {
  readonly action: string;
  readonly addressHash: Buffer;
  readonly tenantId: string | null;
};

type Minute = {
  readonly firsts: Set<string>;
  readonly firstsOf: Map<string, number>;
  counts: Map<string, Counted>;
  heldBack: Map<string, CountedHeldBack>;
};
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
    noteHeldBack({ action, account, remoteAddress, at }) {
      const minute = minuteAt(minutes, startOf(at));
      const one = { action, ...oneOf(networkOf(remoteAddress), at) };
      if ("memberId" in account) add(minute, { ...one, ...account, reason: HELD_BACK });
      else addHeldBack(minute, { ...one, ...account });
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
  const made: Minute = { firsts: new Set(), firstsOf: new Map(), counts: new Map(), heldBack: new Map() };
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

function countedOf({ action, reason, tenantId, memberId, at }: FailedSignIn, network: string): Counted {
  return { action, reason, tenantId, memberId, ...oneOf(network, at) };
}

function oneOf(network: string, at: Date): Sum {
  return { network, tries: 1, firstAt: at, lastAt: at };
}

function add({ counts }: Minute, counted: Counted): void {
  const { action, reason, tenantId, memberId, network } = counted;
  const own = `${action} ${reason} ${tenantId} ${memberId} ${network}`;
  if (counts.has(own) || counts.size < MAX_COUNTS_A_MINUTE) addTo(counts, own, counted);
  else addTo(counts, `${action} ${reason} ${tenantId} ${OTHERS}`, { ...counted, memberId: null, network: OTHERS });
}

function addHeldBack({ heldBack }: Minute, counted: CountedHeldBack): void {
  const { action, addressHash, tenantId, network } = counted;
  const own = `${action} ${addressHash.toString("hex")} ${tenantId} ${network}`;
  if (heldBack.has(own) || heldBack.size < MAX_COUNTS_A_MINUTE) addTo(heldBack, own, counted);
  else addTo(heldBack, `${action} ${OTHERS}`, { ...counted, addressHash: NOBODY, tenantId: null, network: OTHERS });
}

/** No account has this hash. */
const NOBODY = Buffer.alloc(0);

function addTo<T extends Sum>(counts: Map<string, T>, key: string, counted: T): void {
  const earlier = counts.get(key);
  if (earlier === undefined) {
    counts.set(key, counted);
    return;
  }
  const tries = earlier.tries + counted.tries;
  const firstAt = earlier.firstAt < counted.firstAt ? earlier.firstAt : counted.firstAt;
  const lastAt = earlier.lastAt > counted.lastAt ? earlier.lastAt : counted.lastAt;
  counts.set(key, { ...earlier, tries, firstAt, lastAt });
}

async function recordFirst(db: Database, failed: FailedSignIn): Promise<void> {
  const { tenantId, remoteAddress: ip, requestId } = failed;
  const entry = entryOf(failed, { at: failed.at, ip, details: { reason: failed.reason, request_id: requestId } });
  await db.tenant(tenantId, (tx) => recordAudit(tx, tenantId, entry));
}

async function flushMinutes(tools: Tools, minutes: Map<number, Minute>, end: number): Promise<void> {
  for (const [start, minute] of minutes) {
    if (start >= end) continue;
    const { counts, heldBack } = minute;
    minute.counts = new Map();
    minute.heldBack = new Map();
    const keep = (again: () => void) => (error: unknown) => {
      tools.log.warn({ error }, "a count of failed sign-ins could not be written");
      again();
    };
    for (const counted of counts.values()) {
      await recordCount(tools, counted).catch(keep(() => add(minute, counted)));
    }
    for (const counted of heldBack.values()) {
      await recordHeldBack(tools, counted).catch(keep(() => addHeldBack(minute, counted)));
    }
    if (minute.counts.size === 0 && minute.heldBack.size === 0) minutes.delete(start);
  }
}

/** In the log of the one organisation where the account is, else in the server's, as the sign-in itself would find it. */
async function recordHeldBack(tools: Tools, counted: CountedHeldBack): Promise<void> {
  const { addressHash, tenantId, ...rest } = counted;
  const places = await tools.db.directory((tx) => listPlaces(tx, addressHash, tenantId));
  const place = places.length === 1 ? places[0] : undefined;
  const whose = { tenantId: place?.tenant_id ?? SERVER_TENANT, memberId: place?.member_id ?? null };
  await recordCount(tools, { ...rest, ...whose, reason: HELD_BACK });
}

async function recordCount({ db, keyring }: Tools, counted: Counted): Promise<void> {
  const { reason, network, tries, firstAt, lastAt } = counted;
  const details = { reason, tries, network, from: firstAt.toISOString(), to: lastAt.toISOString() };
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

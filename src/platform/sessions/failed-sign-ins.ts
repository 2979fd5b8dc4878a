import { recordAudit, type AuditEntry } from "../audit/audit.ts";
import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { TenantShreddedError, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { minuteOf, Minutes } from "../limits/minutes.ts";
import { networkOf } from "../limits/network.ts";
import type { Log } from "../log/log.ts";
import { listSolePlaces } from "../members/store/members.ts";
import { createSignInCounts, MAX_UNRESOLVED, placed, type Counted, type SignInCounts } from "./sign-in-counts.ts";

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
 * leaves a row before it is answered, and all others are counted, one row for each member and network, and one for each
 * network of those at accounts that do not exist, once the minute is over. Owns the counts of the running minute; a crash
 * loses them, and no first row.
 */
export type FailedSignIns = {
  /** Rejects when the row cannot be written, or when one that is being written at this moment cannot. */
  note(failed: FailedSignIn): Promise<void>;
  /** Only counts; the account is looked for in the background. */
  noteHeldBack(heldBack: HeldBack): void;
  /** Looks for accounts, and writes what was counted in minutes that are over; what cannot be done is kept for the next time. */
  flush(): Promise<void>;
  /** Writes what was counted in any minute. */
  stop(): Promise<void>;
};

const FLUSH_MS = 5_000;
/** Accounts of one minute with a row of their own: from one network, and from all. */
export const FIRSTS_A_NETWORK = 10;
export const FIRSTS_A_MINUTE = 200;
const HELD_BACK = "rate_limited";

type Minute = {
  readonly firsts: Set<string>;
  readonly firstsOf: Map<string, number>;
  /** First rows that are on their way. */
  readonly writing: Set<Promise<void>>;
  readonly counts: SignInCounts;
};
type Tools = { readonly db: Database; readonly keyring: Keyring; readonly clock: Clock; readonly log: Log };

export function createFailedSignIns(tools: Tools): FailedSignIns {
  const minutes = new Minutes<Minute>({
    log: tools.log,
    what: "failed sign-ins",
    make: () => ({ firsts: new Set(), firstsOf: new Map(), writing: new Set(), counts: createSignInCounts() }),
    countOf: ({ counts }) => counts.tries(),
  });
  let resolving: Promise<void> = Promise.resolve();
  let writing: Promise<void> = Promise.resolve();
  let isAsked = false;
  const resolve = (): Promise<void> => {
    isAsked = true;
    resolving = resolving.then(() => {
      isAsked = false;
      return resolveMinutes(tools, minutes);
    });
    return resolving;
  };
  const flushBefore = (end: number): Promise<void> => {
    const resolved = resolve();
    writing = writing.then(() => resolved).then(() => writeMinutes(tools, minutes, end));
    return writing;
  };
  const flush = (): Promise<void> => flushBefore(minuteOf(tools.clock.now()));
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();
  return {
    async note(failed) {
      const minute = minutes.at(minuteOf(failed.at));
      const network = networkOf(failed.remoteAddress);
      const first = { network, key: `${failed.action} ${network} ${failed.account}` };
      if (takeFirst(minute, first)) {
        await writeFirst(minute, first, recordFirst(tools.db, failed));
        return;
      }
      await Promise.all(minute.writing);
      const { action, reason, tenantId, memberId, at } = failed;
      minutes.at(minuteOf(at)).counts.add({ action, reason, tenantId, memberId, ...oneOf(network, at) });
    },
    noteHeldBack({ action, account, remoteAddress, at }) {
      const { counts } = minutes.at(minuteOf(at));
      const one = { action, reason: HELD_BACK, ...oneOf(networkOf(remoteAddress), at) };
      if ("memberId" in account) counts.add({ ...one, tenantId: account.tenantId, memberId: account.memberId });
      else if (counts.addUnresolved({ ...one, ...account }) >= MAX_UNRESOLVED / 2 && !isAsked) void resolve();
    },
    flush,
    stop() {
      clearInterval(timer);
      return flushBefore(Number.POSITIVE_INFINITY);
    },
  };
}

type First = { readonly network: string; readonly key: string };

/** By the same rule whether the account exists: the time of an answer tells nothing of that. */
function takeFirst({ firsts, firstsOf }: Minute, { network, key }: First): boolean {
  const ofNetwork = firstsOf.get(network) ?? 0;
  if (firsts.has(key) || firsts.size >= FIRSTS_A_MINUTE || ofNetwork >= FIRSTS_A_NETWORK) return false;
  firsts.add(key);
  firstsOf.set(network, ofNetwork + 1);
  return true;
}

/** One that cannot be written uses up nothing. */
async function writeFirst({ firsts, firstsOf, writing }: Minute, first: First, work: Promise<void>): Promise<void> {
  writing.add(work);
  try {
    await work;
  } catch (error) {
    firsts.delete(first.key);
    firstsOf.set(first.network, (firstsOf.get(first.network) ?? 1) - 1);
    throw error;
  } finally {
    writing.delete(work);
  }
}

function oneOf(network: string, at: Date): Pick<Counted, "network" | "tries" | "firstAt" | "lastAt"> {
  return { network, tries: 1, firstAt: at, lastAt: at };
}

async function recordFirst(db: Database, failed: FailedSignIn): Promise<void> {
  const { tenantId, remoteAddress: ip, requestId } = failed;
  const entry = entryOf(failed, { at: failed.at, ip, details: { reason: failed.reason, request_id: requestId } });
  await db.tenant(tenantId, (tx) => recordAudit(tx, tenantId, entry));
}

/** Turns tries at addresses into those of members, and of nobody, as the sign-in itself would find them. */
async function resolveMinutes({ db, log }: Tools, minutes: Minutes<Minute>): Promise<void> {
  for (const [start, { counts }] of minutes.entries()) {
    const unresolved = counts.takeUnresolved();
    if (unresolved.length === 0) continue;
    try {
      const places = await db.directory((tx) => listSolePlaces(tx, unresolved));
      const byPlace = new Map(places.map((row) => [row.place, { tenantId: row.tenant_id, memberId: row.member_id }]));
      // The minute may have been written meanwhile.
      for (const [index, one] of unresolved.entries())
        minutes.at(start).counts.add(placed(one, byPlace.get(index) ?? null));
    } catch (error) {
      log.warn({ error }, "accounts of failed sign-ins could not be looked for");
      for (const one of unresolved) minutes.at(start).counts.addUnresolved(one);
    }
  }
}

async function writeMinutes(tools: Tools, minutes: Minutes<Minute>, end: number): Promise<void> {
  for (const [start, { counts }] of minutes.entries()) {
    if (start >= end) continue;
    for (const counted of counts.takeCounted()) {
      await recordCount(tools, counted).catch((error: unknown) => {
        tools.log.warn({ error }, "a count of failed sign-ins could not be written");
        minutes.at(start).counts.add(counted);
      });
    }
    if (counts.tries() === 0) minutes.forget(start);
  }
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

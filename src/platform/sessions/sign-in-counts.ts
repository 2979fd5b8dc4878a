import { SERVER_TENANT } from "../keys/keyring.ts";

type Sum = {
  readonly action: string;
  /** Code of the refusal. */
  readonly reason: string;
  readonly network: string;
  readonly tries: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
};

/** Tries that become one row: of a member, or with null of accounts that do not exist. */
export type Counted = Sum & { readonly tenantId: string; readonly memberId: string | null };

/** Tries at an account that is not looked for yet. `tenantId`: the organisation that was named, where one was. */
export type Unresolved = Sum & { readonly addressHash: Buffer; readonly tenantId: string | null };

/** What was counted in one minute and is not written yet. Owns its counts. */
export type SignInCounts = {
  /** Of a member, or of nobody where `memberId` is null. The bounds of the two are apart: neither takes room of the other. */
  add(counted: Counted): void;
  /** Answers how many wait to be looked for. Beyond the bound it is nobody's. */
  addUnresolved(unresolved: Unresolved): number;
  takeUnresolved(): Unresolved[];
  takeCounted(): Counted[];
  /** Tries that are in no row yet. */
  tries(): number;
};

/** Of one minute: members and networks told apart; beyond them each member has one count, whatever the networks. */
export const MAX_PAIRS = 200;
/** Members with such a count; beyond them each organisation has one. */
export const MAX_MEMBERS = 1_000;
/** Networks told apart of tries at accounts that do not exist; beyond them all have one count. */
export const MAX_NETWORKS = 200;
/** Accounts and networks that wait to be looked for. */
export const MAX_UNRESOLVED = 10_000;
export const OTHERS = "others";

export function createSignInCounts(): SignInCounts {
  const pairs = new Map<string, Counted>();
  const members = new Map<string, Counted>();
  const strangers = new Map<string, Counted>();
  /** Beyond the bounds: of each organisation, and of accounts that do not exist. */
  const rest = new Map<string, Counted>();
  const unresolved = new Map<string, Unresolved>();

  function add(counted: Counted): void {
    const anywhere = { ...counted, network: OTHERS };
    if (counted.memberId === null) {
      if (counted.network !== OTHERS && hasRoom(strangers, counted, MAX_NETWORKS)) put(strangers, counted);
      else put(rest, anywhere);
    } else if (counted.network !== OTHERS && hasRoom(pairs, counted, MAX_PAIRS)) put(pairs, counted);
    else if (hasRoom(members, anywhere, MAX_MEMBERS)) put(members, anywhere);
    else put(rest, { ...anywhere, memberId: null });
  }

  return {
    add,
    addUnresolved(one) {
      if (hasRoom(unresolved, one, MAX_UNRESOLVED)) put(unresolved, one);
      else add(placed(one, null));
      return unresolved.size;
    },
    takeUnresolved() {
      const taken = [...unresolved.values()];
      unresolved.clear();
      return taken;
    },
    takeCounted() {
      const taken = [pairs, members, strangers, rest].flatMap((map) => [...map.values()]);
      for (const map of [pairs, members, strangers, rest]) map.clear();
      return taken;
    },
    tries() {
      const all: ReadonlyMap<string, Sum>[] = [pairs, members, strangers, rest, unresolved];
      return all.flatMap((map) => [...map.values()]).reduce((sum, { tries }) => sum + tries, 0);
    },
  };
}

/** Whose tries they are, once that is known: in the log of the organisation where the account is, else in the server's. */
export function placed(
  { addressHash: _found, ...sum }: Unresolved,
  place: { readonly tenantId: string; readonly memberId: string } | null,
): Counted {
  return { ...sum, ...(place ?? { tenantId: SERVER_TENANT, memberId: null }) };
}

function hasRoom<T extends Counted | Unresolved>(counts: ReadonlyMap<string, T>, one: T, limit: number): boolean {
  return counts.size < limit || counts.has(keyOf(one));
}

function put<T extends Counted | Unresolved>(counts: Map<string, T>, one: T): void {
  const key = keyOf(one);
  const earlier = counts.get(key);
  if (earlier === undefined) {
    counts.set(key, one);
    return;
  }
  const tries = earlier.tries + one.tries;
  const firstAt = earlier.firstAt < one.firstAt ? earlier.firstAt : one.firstAt;
  const lastAt = earlier.lastAt > one.lastAt ? earlier.lastAt : one.lastAt;
  counts.set(key, { ...earlier, tries, firstAt, lastAt });
}

function keyOf(one: Counted | Unresolved): string {
  const whose = "addressHash" in one ? one.addressHash.toString("base64url") : one.memberId;
  return `${one.action} ${one.reason} ${one.tenantId} ${whose} ${one.network}`;
}

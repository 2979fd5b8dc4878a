import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import type { Database } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { createLog } from "../log/log.ts";
import { addressHash } from "../members/member.ts";
import type { RoleScopes } from "../members/roles.ts";
import { MAX_MINUTES } from "../limits/minutes.ts";
import { World } from "../members/test-world.ts";
import { createThrottle, SIGN_IN_LIMITS } from "../members/throttle.ts";
import { createAccessTokens } from "./access-token.ts";
import { createFailedSignIns, FIRSTS_A_NETWORK, type FailedSignIn, type FailedSignIns } from "./failed-sign-ins.ts";
import { MAX_UNRESOLVED } from "./sign-in-counts.ts";
import { logIn, type SignInTools } from "./sign-in.ts";
import { createSigningKeys } from "./signing-keys.ts";

const MINUTE_MS = 60_000;
const reason = "login_failed";
const MEMBER = "mem_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";

type Row = {
  readonly resource_id: string | null;
  readonly reason: string;
  readonly tries: number | null;
  readonly network: string | null;
};

describe("failed sign-ins on record", () => {
  let world: World;
  let tenantId: string;
  let failures: FailedSignIns;
  before(async () => {
    world = await World.open();
  });
  beforeEach(async () => {
    tenantId = await world.tenant();
    failures = createFailedSignIns(partsOf(world.dbs[0]));
    world.clock.advance(MINUTE_MS);
  });
  afterEach(() => failures.stop());
  after(() => world.close());

  function partsOf(db: Database) {
    const { keyring, clock } = world;
    return { db, keyring, clock, log: testLog };
  }
  function failed(more: Partial<FailedSignIn> = {}): FailedSignIn {
    const whose = { account: "one", tenantId, memberId: MEMBER, remoteAddress: "198.51.100.7" };
    return {
      action: "platform.logIn",
      reason: "login_failed",
      ...whose,
      requestId: "req_1",
      at: world.clock.now(),
      ...more,
    };
  }
  async function rows(of = tenantId): Promise<Row[]> {
    return look(
      world.database.superUrl,
      `select resource_id, event::json -> 'details' ->> 'reason' as reason, (event::json -> 'details' ->> 'tries')::int as tries, event::json -> 'details' ->> 'network' as network
         from platform.audit_events where tenant_id = $1 and actor_id = 'sign-in' order by id`,
      [of],
    );
  }
  const triesIn = (found: readonly Row[]): number => found.reduce((sum, { tries }) => sum + (tries ?? 1), 0);

  test("200 wrong tries at one account leave its first one at once and one count, which add up", async () => {
    for (let index = 0; index < 200; index++) await failures.note(failed());
    assert.deepEqual(await rows(), [{ resource_id: MEMBER, reason, tries: null, network: null }]);
    await failures.flush();
    assert.equal((await rows()).length, 1, "the minute is not over");
    world.clock.advance(MINUTE_MS);
    await failures.flush();
    await failures.flush();
    const all = await rows();
    assert.deepEqual(all[1], { resource_id: MEMBER, reason, tries: 199, network: "198.51.100.0/24" });
    assert.deepEqual([all.length, triesIn(all)], [2, 200]);
  });

  test("200 wrong passwords by the sign-in itself, from ten networks, are counted to the last one", async () => {
    const { keyring, clock, hasher, dbs } = world;
    const [db] = dbs;
    const keys = createSigningKeys({ db, keyring, clock });
    const none: RoleScopes = { owner: [], admin: [], operator: [], auditor: [], reader: [] };
    const tools: SignInTools = {
      hasher,
      throttle: createThrottle(partsOf(db)),
      tokens: createAccessTokens({ db, clock, keys, issuer: () => "https://tabellion.test" }),
      failures,
      roleScopes: none,
    };
    const { memberId, email } = await world.member(tenantId);
    const { limit } = SIGN_IN_LIMITS.accountAtAddress;
    const heldBack = 5;
    for (let network = 0; network < 200 / limit; network++) {
      // The account is let tried by so many strangers only when time has passed.
      await look(world.database.superUrl, "delete from platform.rate_windows");
      const call = world.openCall(`203.0.${network}.9`);
      const tries = Array.from({ length: limit + heldBack }, () =>
        logIn(call, tools, { email, password: "a wrong one" }),
      );
      for (const { status } of await Promise.allSettled(tries)) assert.equal(status, "rejected");
    }
    await failures.stop();
    const all = await rows();
    assert.deepEqual(new Set(all.map((row) => row.resource_id)), new Set([memberId]));
    const why = (wanted: string): Row[] => all.filter((row) => row.reason === wanted);
    assert.deepEqual([why("login_failed").length, triesIn(why("login_failed"))], [20, 200]);
    assert.deepEqual([why("rate_limited").length, triesIn(why("rate_limited"))], [10, 10 * heldBack]);
  });

  test("who is held back before anything is looked at is counted where the account is, in the server's log where there is none", async () => {
    const { memberId, email } = await world.member(tenantId);
    const common = { action: "platform.logIn", remoteAddress: "198.51.100.7", at: world.clock.now() };
    const named = (address: string, of: string | null) => ({
      addressHash: addressHash(world.keyring, address),
      tenantId: of,
    });
    const elsewhere = await world.tenant();
    const twice = (await world.member(elsewhere, "owner")).email;
    const twiceHere = (await world.member(tenantId, "reader", twice)).memberId;
    for (let time = 0; time < 100; time++) {
      failures.noteHeldBack({ ...common, account: named(email, null) });
      failures.noteHeldBack({ ...common, account: named(email, elsewhere) });
      failures.noteHeldBack({ ...common, account: named("nobody@example.org", null) });
      // Of several organisations none is meant, unless one is named.
      failures.noteHeldBack({ ...common, account: named(twice, null) });
      failures.noteHeldBack({ ...common, account: named(twice, tenantId) });
      failures.noteHeldBack({ ...common, action: "platform.logInByCode", account: { tenantId, memberId } });
    }
    const earlier = (await rows(SERVER_TENANT)).length;
    await failures.stop();
    const counted = { reason: "rate_limited", tries: 100, network: "198.51.100.0/24" };
    const ofMember = { ...counted, resource_id: memberId };
    const here = await rows();
    assert.equal(here.length, 3);
    for (const [id, count] of [
      [memberId, 2],
      [twiceHere, 1],
    ] as const) {
      const wanted = Array.from({ length: count }, () => ({ ...ofMember, resource_id: id }));
      assert.deepEqual(
        here.filter(({ resource_id }) => resource_id === id),
        wanted,
      );
    }
    assert.deepEqual(await rows(elsewhere), []);
    const ofNobody = { ...counted, resource_id: null };
    assert.deepEqual((await rows(SERVER_TENANT)).slice(earlier), [{ ...ofNobody, tries: 300 }]);
  });

  test("made-up addresses of one network are one row a minute, however many, and hide no try at a member's account", async () => {
    const { memberId, email } = await world.member(tenantId);
    const at = world.clock.now();
    const heldBack = (account: Buffer): void =>
      failures.noteHeldBack({
        ...{ action: "platform.logIn", remoteAddress: "198.51.100.7", at },
        account: { addressHash: account, tenantId: null },
      });
    const earlier = (await rows(SERVER_TENANT)).length;
    const tick = Math.floor(MAX_UNRESOLVED * 0.9);
    for (let time = 0; time < 2; time++) {
      for (let index = 0; index < tick; index++) heldBack(Buffer.from(`${time} ${index}`));
      await failures.flush();
    }
    assert.deepEqual([(await rows()).length, (await rows(SERVER_TENANT)).length - earlier], [0, 0], "it is not over");
    for (let index = 0; index < 5; index++) heldBack(addressHash(world.keyring, email));
    world.clock.advance(MINUTE_MS);
    await failures.flush();
    const counted = { reason: "rate_limited", network: "198.51.100.0/24" };
    assert.deepEqual(await rows(), [{ ...counted, resource_id: memberId, tries: 5 }]);
    assert.deepEqual((await rows(SERVER_TENANT)).slice(earlier), [{ ...counted, resource_id: null, tries: 2 * tick }]);
  });

  test("more that wait than there is room for are looked for before the next tick, and what is beyond is counted", async () => {
    const { memberId, email } = await world.member(tenantId);
    const common = { action: "platform.logIn", remoteAddress: "198.51.100.7", at: world.clock.now() };
    const heldBack = (account: Buffer): void =>
      failures.noteHeldBack({ ...common, account: { addressHash: account, tenantId: null } });
    const earlier = (await rows(SERVER_TENANT)).length;
    heldBack(addressHash(world.keyring, email));
    for (let index = 0; index < MAX_UNRESOLVED + 5; index++) heldBack(Buffer.from(String(index)));
    await failures.stop();
    assert.deepEqual(
      (await rows()).map((row) => [row.resource_id, row.tries]),
      [[memberId, 1]],
    );
    const all = (await rows(SERVER_TENANT)).slice(earlier);
    assert.deepEqual([all.length, triesIn(all)], [1, MAX_UNRESOLVED + 5]);
  });

  test("whether an account exists decides nothing: not how many rows are written before the answer, nor which", async () => {
    const written: number[][] = [];
    for (const whose of [
      { tenantId, memberId: MEMBER },
      { tenantId: SERVER_TENANT, memberId: null },
    ]) {
      const log = createFailedSignIns(partsOf(world.dbs[0]));
      const counts: number[] = [];
      for (let index = 0; index < FIRSTS_A_NETWORK + 5; index++) {
        const earlier = (await rows(whose.tenantId)).length;
        for (let time = 0; time < 2; time++) await log.note(failed({ ...whose, account: `account ${index}` }));
        counts.push((await rows(whose.tenantId)).length - earlier);
      }
      written.push(counts);
      await log.stop();
    }
    const expected = Array.from({ length: FIRSTS_A_NETWORK + 5 }, (_none, index) => (index < FIRSTS_A_NETWORK ? 1 : 0));
    assert.deepEqual(written, [expected, expected]);
  });

  test("the next minute, another network, account or step begins anew; two processes add up", async () => {
    const second = createFailedSignIns(partsOf(world.dbs[1]));
    for (const log of [failures, second]) {
      await log.note(failed());
      await log.note(failed({ remoteAddress: "198.51.100.200" }));
      await log.note(failed({ remoteAddress: "203.0.113.1" }));
      await log.note(failed({ action: "platform.logInByCode" }));
      await log.note(failed({ at: new Date(world.clock.now().getTime() + MINUTE_MS) }));
    }
    await Promise.all([failures.stop(), second.stop()]);
    const all = await rows();
    assert.deepEqual([all.length, triesIn(all)], [2 * 5, 10]);
    assert.equal(all.filter(({ tries }) => tries === 1).length, 2);
  });

  /** A log that cannot be written while `isAway()`. */
  function flaky(isAway: () => boolean): Database {
    return {
      ...world.dbs[0],
      tenant: async (id, work, options) => {
        if (isAway()) throw new Error("away");
        return world.dbs[0].tenant(id, work, options);
      },
    };
  }

  test("a first one that cannot be written is no answer, and the next one is the first; a count is kept until it can", async () => {
    let isAway = true;
    const log = createFailedSignIns(partsOf(flaky(() => isAway)));
    await assert.rejects(log.note(failed()), /away/);
    isAway = false;
    for (let index = 0; index < 3; index++) await log.note(failed());
    world.clock.advance(MINUTE_MS);
    isAway = true;
    await log.flush();
    assert.equal((await rows()).length, 1);
    isAway = false;
    await log.stop();
    assert.deepEqual(
      (await rows()).map(({ tries }) => tries),
      [null, 2],
    );
  });

  test("while no first row can be written nobody is answered, however many try, one after the other or at once", async () => {
    let isAway = true;
    const log = createFailedSignIns(partsOf(flaky(() => isAway)));
    for (let index = 0; index < 2 * FIRSTS_A_NETWORK; index++) await assert.rejects(log.note(failed()), /away/);
    for (const accountOf of [() => "one", (index: number) => `account ${index}`]) {
      const tries = Array.from({ length: 2 * FIRSTS_A_NETWORK }, (_none, index) => {
        return log.note(failed({ account: accountOf(index) }));
      });
      for (const { status } of await Promise.allSettled(tries)) assert.equal(status, "rejected");
    }
    isAway = false;
    for (let index = 0; index < FIRSTS_A_NETWORK; index++) await log.note(failed({ account: `account ${index}` }));
    assert.equal((await rows()).length, FIRSTS_A_NETWORK, "the network has all its first rows");
    await log.stop();
    assert.equal(triesIn(await rows()), FIRSTS_A_NETWORK, "who was not answered is not counted");
  });

  test("what no log took for an hour of minutes is given up, and the server's own log says how much it was", async () => {
    const lines: string[] = [];
    const told = createLog("warn", { write: (line) => void lines.push(line) });
    const log = createFailedSignIns({ ...partsOf(flaky(() => true)), log: told });
    const start = world.clock.now();
    for (let minute = 0; minute <= MAX_MINUTES; minute++) {
      const at = new Date(start.getTime() + minute * MINUTE_MS);
      for (let time = 0; time < 3; time++) {
        log.noteHeldBack({
          action: "platform.logInByCode",
          account: { tenantId, memberId: MEMBER },
          remoteAddress: "::1",
          at,
        });
      }
    }
    const given = lines.filter((line) => line.includes("are in no row"));
    assert.equal(given.length, 1);
    assert.match(given[0] ?? "", /"count":3/);
    await log.stop();
  });

  test("what was counted for an organisation that is shredded meanwhile is in the server's log", async () => {
    for (let index = 0; index < 3; index++) await failures.note(failed());
    await world.shred(tenantId);
    const earlier = (await rows(SERVER_TENANT)).length;
    await failures.stop();
    assert.equal((await rows()).length, 1);
    assert.deepEqual((await rows(SERVER_TENANT)).slice(earlier), [
      { resource_id: MEMBER, reason, tries: 2, network: "198.51.100.0/24" },
    ]);
  });
});

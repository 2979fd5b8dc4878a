import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import type { Database } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { addressHash } from "../members/member.ts";
import type { RoleScopes } from "../members/roles.ts";
import { World } from "../members/test-world.ts";
import { createThrottle, SIGN_IN_LIMITS } from "../members/throttle.ts";
import { createAccessTokens } from "./access-token.ts";
import {
  createFailedSignIns,
  FIRSTS_A_MINUTE,
  FIRSTS_A_NETWORK,
  MAX_COUNTS_A_MINUTE,
  type FailedSignIn,
  type FailedSignIns,
} from "./failed-sign-ins.ts";
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
    for (let time = 0; time < 100; time++) {
      failures.noteHeldBack({ ...common, account: named(email, null) });
      failures.noteHeldBack({ ...common, account: named(email, elsewhere) });
      failures.noteHeldBack({ ...common, account: named("nobody@example.org", null) });
      failures.noteHeldBack({ ...common, action: "platform.logInByCode", account: { tenantId, memberId } });
    }
    const earlier = (await rows(SERVER_TENANT)).length;
    await failures.stop();
    const counted = { reason: "rate_limited", tries: 100, network: "198.51.100.0/24" };
    const ofMember = { ...counted, resource_id: memberId };
    assert.deepEqual(await rows(), [ofMember, ofMember]);
    const ofNobody = { ...counted, resource_id: null };
    assert.deepEqual((await rows(SERVER_TENANT)).slice(earlier), [ofNobody, ofNobody]);
  });

  test("those held back are counted in bounded few rows, too", async () => {
    for (let index = 0; index < 1_000; index++) {
      const account = { addressHash: Buffer.from(String(index)), tenantId: null };
      failures.noteHeldBack({
        action: "platform.logIn",
        account,
        remoteAddress: "198.51.100.7",
        at: world.clock.now(),
      });
    }
    const earlier = (await rows(SERVER_TENANT)).length;
    await failures.stop();
    const all = (await rows(SERVER_TENANT)).slice(earlier);
    assert.deepEqual([all.length, triesIn(all)], [MAX_COUNTS_A_MINUTE + 1, 1_000]);
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

  test("a flood over 2,000 members from as many networks leaves bounded few rows a minute, and each try is counted", async () => {
    for (let index = 0; index < 2_000; index++) {
      const remoteAddress = `10.${index >> 8}.${index & 255}.1`;
      await failures.note(failed({ account: `account ${index}`, memberId: `mem_${index}`, remoteAddress }));
    }
    assert.equal((await rows()).length, FIRSTS_A_MINUTE);
    world.clock.advance(MINUTE_MS);
    await failures.flush();
    const all = await rows();
    assert.equal(all.length, FIRSTS_A_MINUTE + MAX_COUNTS_A_MINUTE + 1);
    assert.equal(triesIn(all), 2_000);
    const others = all.filter(({ network }) => network === "others");
    assert.deepEqual(others, [
      { resource_id: null, reason, tries: 2_000 - FIRSTS_A_MINUTE - MAX_COUNTS_A_MINUTE, network: "others" },
    ]);
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

  test("a first one that cannot be written is no answer, and the next one is the first; a count is kept until it can", async () => {
    let isAway = true;
    const flaky: Database = {
      ...world.dbs[0],
      tenant: async (id, work, options) => {
        if (isAway) throw new Error("away");
        return world.dbs[0].tenant(id, work, options);
      },
    };
    const log = createFailedSignIns(partsOf(flaky));
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

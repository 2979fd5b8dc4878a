import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import { isAppError } from "../errors/errors.ts";
import type { RawAnswer } from "../http/route.ts";
import { limitKey } from "../limits/limit-keys.ts";
import type { LimitPolicy } from "../limits/outcome.ts";
import { hashWindowKey, takeFromWindow } from "../limits/sliding-window.ts";
import { linkRoutes } from "./link-routes.ts";
import { inviteMember } from "./operations/invitations.ts";
import { World } from "./test-world.ts";
import { createThrottle, SIGN_IN_LIMITS, type Throttle } from "./throttle.ts";

const { proof, proofADay, secondStepADay } = SIGN_IN_LIMITS;
const limited = (error: unknown): boolean => isAppError(error, "platform", "rate_limited");

describe("guesses at codes", () => {
  let world: World;
  let throttle: Throttle;
  before(async () => {
    world = await World.open();
    const { clock, keyring, dbs } = world;
    throttle = createThrottle({ db: dbs[0], clock, log: testLog, keyring });
  });
  after(() => world.close());

  /** Takes `count` times, as over a day: whenever the quarter of an hour is used up it is over. */
  async function takeSlowly(memberId: string, count: number, take: () => Promise<void>): Promise<void> {
    const quarter = hashWindowKey({ key: `member:proof:${memberId}`, windowSeconds: proof.windowSeconds });
    const pass = () =>
      look(world.database.superUrl, "delete from platform.rate_windows where key_hash = $1", [quarter]);
    for (let taken = 0; taken < count; taken++) {
      if (taken % proof.limit === 0) await pass();
      await take();
    }
    await pass();
  }

  test("past the password are bounded by the day, until the account changes, and leave its member's proofs alone", async () => {
    const step = { memberId: "mem_1", version: 3 };
    await takeSlowly("mem_1", secondStepADay.limit, () => throttle.secondStep(step));
    await assert.rejects(throttle.secondStep(step), limited);
    await throttle.secondStep({ ...step, version: 4 });
    await throttle.proof("mem_1");
    await throttle.secondStep({ memberId: "mem_2", version: 3 });
  });

  test("by somebody signed in are bounded by the day, too", async () => {
    await takeSlowly("mem_3", proofADay.limit, () => throttle.proof("mem_3"));
    await assert.rejects(throttle.proof("mem_3"), limited);
    await throttle.secondStep({ memberId: "mem_3", version: 1 });
  });

  test("past the password and signed in share a quarter of an hour", async () => {
    for (let taken = 0; taken < proof.limit; taken += 2) {
      await throttle.proof("mem_4");
      await throttle.secondStep({ memberId: "mem_4", version: 1 });
    }
    await assert.rejects(throttle.secondStep({ memberId: "mem_4", version: 1 }), limited);
    await assert.rejects(throttle.proof("mem_4"), limited);
  });
});

describe("looks at the pages of mailed links", () => {
  let world: World;
  let throttle: Throttle;
  before(async () => {
    world = await World.open();
    const { clock, keyring, dbs } = world;
    throttle = createThrottle({ db: dbs[0], clock, log: testLog, keyring });
  });
  after(() => world.close());

  /** As if an address had looked, or shown a token that renews nothing, as often as it may. */
  const fill = (address: string, what: string, { limit, windowSeconds }: LimitPolicy) =>
    takeFromWindow(world.dbs[0], {
      key: limitKey({ kind: "address", address }, what),
      ...{ limit, windowSeconds, cost: limit - 1 },
    });

  for (const [operation, action] of [
    ["getInvitePage", "platform.getInvitePage"],
    ["getResetPage", "platform.getResetPage"],
  ] as const) {
    test(`${operation}: beyond the limit of an address it is a page with 429 that leaves no row, for that address alone`, async () => {
      const tenantId = await world.tenant();
      const purpose = operation === "getInvitePage" ? "invitation" : "reset";
      const token = await linkFor(tenantId, purpose);
      const tools = { hasher: world.hasher, rules: world.rules, throttle, endSessions: async () => undefined };
      const route = linkRoutes(tools).find((one) => one.operation === operation);
      assert.ok(route !== undefined);
      const looked = async (address: string): Promise<RawAnswer> => {
        const input = { params: { token }, query: { lang: ["fr"] }, headers: {}, body: null, stream: null };
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the pipeline calls it
        return (await route.handle(world.openCall(address), input as never)) as RawAnswer;
      };
      const crowd = purpose === "invitation" ? "198.51.100.1" : "198.51.100.2";
      await fill(crowd, "member-look", SIGN_IN_LIMITS.look);
      const earlier = await world.audits(action);
      assert.equal((await looked(crowd)).status, 200);
      const limited_ = await looked(crowd);
      assert.equal(limited_.status, 429);
      assert.ok(Number(limited_.headers["retry-after"]) > 0);
      assert.ok(typeof limited_.body === "string");
      assert.match(limited_.body, /Trop de tentatives/);
      assert.equal(await world.audits(action), earlier + 1);
      assert.equal((await looked("203.0.113.1")).status, 200);
    });
  }

  test("refresh tokens that renew nothing are limited by address", async () => {
    await fill("198.51.100.3", "stray-token", SIGN_IN_LIMITS.strayToken);
    await throttle.strayToken("198.51.100.3");
    await assert.rejects(throttle.strayToken("198.51.100.3"), limited);
    await throttle.strayToken("203.0.113.1");
  });

  async function linkFor(tenantId: string, purpose: "invitation" | "reset"): Promise<string> {
    const order = { email: `${purpose}@example.org`, role: "reader", locale: "en" } as const;
    const owner = { memberId: "mem_1", role: "owner" } as const;
    const { invitation_id: id } = await inviteMember(await world.call(tenantId, owner), order);
    const token = await world.linkTo(id);
    const change = "update platform.member_links set purpose = $1 where subject_id = $2";
    await look(world.database.superUrl, change, [purpose, id]);
    return token;
  }
});

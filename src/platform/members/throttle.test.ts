import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import { isAppError } from "../errors/errors.ts";
import { hashWindowKey } from "../limits/sliding-window.ts";
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

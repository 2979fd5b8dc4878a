import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { SERVER_TENANT } from "../keys/keyring.ts";
import {
  createSignInCounts,
  MAX_MEMBERS,
  MAX_NETWORKS,
  MAX_PAIRS,
  OTHERS,
  type Counted,
  type SignInCounts,
} from "./sign-in-counts.ts";

const AT = new Date("2026-11-25T09:00:00Z");

describe("counts of failed sign-ins", () => {
  let counts: SignInCounts;
  beforeEach(() => {
    counts = createSignInCounts();
  });

  function tried(memberId: string | null, network: string): void {
    const tenantId = memberId === null ? SERVER_TENANT : "ten_1";
    const when = { firstAt: AT, lastAt: AT };
    counts.add({ action: "platform.logIn", reason: "login_failed", tenantId, memberId, network, tries: 1, ...when });
  }
  function times(count: number, work: (index: number) => void): void {
    for (let index = 0; index < count; index++) work(index);
  }
  const shown = ({ memberId, network, tries }: Counted) => [memberId, network, tries];

  test("tries at accounts that do not exist take no room of a member's, however many networks they come from", () => {
    times(5_000, (index) => tried(null, `made up ${index}`));
    times(5, () => tried("mem_1", "198.51.100.0/24"));
    assert.equal(counts.tries(), 5_005);
    const all = counts.takeCounted();
    assert.deepEqual(
      all.filter(({ memberId }) => memberId !== null).map((one) => shown(one)),
      [["mem_1", "198.51.100.0/24", 5]],
    );
    assert.equal(all.length, 1 + MAX_NETWORKS + 1);
    assert.deepEqual(all.filter(({ network }) => network === OTHERS).map(shown), [
      [null, OTHERS, 5_000 - MAX_NETWORKS],
    ]);
    assert.deepEqual([counts.tries(), counts.takeCounted()], [0, []]);
  });

  test("beyond a bound a member's count loses the networks, and only beyond another one the member", () => {
    times(MAX_PAIRS, (index) => tried(`mem_${index}`, "10.0.0.0/24"));
    // From networks that are not told apart any more, at members whom nobody tried before.
    times(100, (index) => tried("mem_late", `10.1.${index}.0/24`));
    times(MAX_MEMBERS + 20, (index) => tried(`mem_later_${index}`, "10.2.0.0/24"));
    times(7, () => tried("mem_0", "10.0.0.0/24"));
    const all = counts.takeCounted();
    assert.equal(all.length, MAX_PAIRS + MAX_MEMBERS + 1);
    assert.deepEqual(all.filter(({ memberId }) => memberId === "mem_late").map(shown), [["mem_late", OTHERS, 100]]);
    assert.deepEqual(all.filter(({ memberId }) => memberId === "mem_0").map(shown), [["mem_0", "10.0.0.0/24", 8]]);
    assert.deepEqual(all.filter(({ memberId }) => memberId === null).map(shown), [[null, OTHERS, 21]]);
    // What could not be written comes back, and is the same again.
    for (const one of all) counts.add(one);
    assert.equal(counts.takeCounted().length, all.length);
  });
});

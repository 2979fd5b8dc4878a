import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isAppError } from "../errors/errors.ts";
import { createPasswordHasher, PASSWORD_COST } from "./password.ts";

const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 };

describe("passwords", () => {
  test("are kept as Argon2id with their cost, a salt of their own, and found again", async () => {
    const hasher = createPasswordHasher();
    const [one, other] = [await hasher.hash("correct horse battery"), await hasher.hash("correct horse battery")];
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.notEqual(one, other);
    assert.deepEqual(await hasher.verify("correct horse battery", one), { isRight: true, isOutdated: false });
    assert.equal((await hasher.verify("correct horse batterz", one)).isRight, false);
  });

  test("that were hashed at a lower cost are right, and said to be outdated", async () => {
    const old = await createPasswordHasher({ cost: CHEAP }).hash("correct horse battery");
    const now = createPasswordHasher({ cost: PASSWORD_COST });
    assert.deepEqual(await now.verify("correct horse battery", old), { isRight: true, isOutdated: true });
  });

  test("of nobody are worked on all the same, and never right", async () => {
    const hasher = createPasswordHasher({ cost: CHEAP });
    assert.deepEqual(await hasher.verify("", null), { isRight: false, isOutdated: false });
  });

  test("written in another Unicode form are the same", async () => {
    const hasher = createPasswordHasher({ cost: CHEAP });
    const kept = await hasher.hash("château-de-Écouen");
    assert.equal((await hasher.verify("château-de-Écouen".normalize("NFD"), kept)).isRight, true);
  });

  test("in a flood: as many as may run and wait are hashed, the rest is refused with Retry-After", async () => {
    const hasher = createPasswordHasher({ cost: CHEAP, atOnce: 2, maxWaiting: 3 });
    const ends = await Promise.allSettled(Array.from({ length: 50 }, () => hasher.hash("correct horse battery")));
    const refused = ends.filter((end) => end.status === "rejected").map((end): unknown => end.reason);
    assert.equal(refused.length, 45);
    for (const error of refused) {
      assert.ok(isAppError(error, "platform", "unavailable"));
      assert.equal(error.retryAfterSeconds, 5);
    }
    assert.match(await hasher.hash("correct horse battery"), /^\$argon2id/);
  });

  test("whose stored text is no hash of ours are a defect, not a wrong password", async () => {
    const hasher = createPasswordHasher({ cost: CHEAP });
    await assert.rejects(hasher.verify("correct horse battery", "plain"), /not of a form/);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { array, assert as assertProperty, constant, constantFrom, integer, oneof, property, record } from "fast-check";
import { heldClock } from "../clock/clock.ts";
import { createSmoother } from "./smoothing.ts";

const start = new Date("2026-01-01T00:00:00Z");

describe("smoothing", () => {
  test("in any stretch of time at most the burst and the steady rate are let through", () => {
    const run = record({
      perSecond: constantFrom(0.2, 1, 3, 7, 100, 1_000),
      burst: integer({ min: 1, max: 30 }),
      pauses: array(oneof(constant(0), integer({ min: 0, max: 3_000 })), { minLength: 20, maxLength: 200 }),
    });
    assertProperty(
      property(run, ({ perSecond, burst, pauses }) => {
        const clock = heldClock(start);
        const smoother = createSmoother({ clock });
        const accepted: number[] = [];
        for (const pauseMs of pauses) {
          clock.advance(pauseMs);
          if (smoother.take("key", { perSecond, burst }).isAllowed) accepted.push(clock.now().getTime());
        }
        for (const [first, fromMs] of accepted.entries()) {
          for (const [offset, toMs] of accepted.slice(first).entries()) {
            const most = burst + (perSecond * (toMs - fromMs)) / 1_000;
            assert.ok(offset + 1 <= most + 1e-6, `${offset + 1} in ${toMs - fromMs} ms`);
          }
        }
      }),
      { numRuns: 150, seed: 20261121 },
    );
  });

  test("a client that keeps to the steady rate is never refused", () => {
    for (const perSecond of [1, 2, 4, 5, 8, 10, 100, 500, 1_000]) {
      const clock = heldClock(start);
      const smoother = createSmoother({ clock });
      for (let index = 0; index < 5_000; index++) {
        assert.equal(smoother.take("key", { perSecond, burst: 1 }).isAllowed, true);
        clock.advance(1_000 / perSecond);
      }
    }
  });

  test("after the named seconds the refused request fits, and remaining counts down to zero", () => {
    const clock = heldClock(start);
    const smoother = createSmoother({ clock });
    const rate = { perSecond: 0.25, burst: 3 };
    const remaining = [1, 2, 3].map(() => smoother.take("key", rate).remaining);
    assert.deepEqual(remaining, [2, 1, 0]);
    const refused = smoother.take("key", rate);
    assert.deepEqual(refused, { isAllowed: false, remaining: 0, resetSeconds: 4, retryAfterSeconds: 4 });
    clock.advance(3_999);
    assert.equal(smoother.take("key", rate).isAllowed, false);
    clock.advance(1);
    assert.equal(smoother.take("key", rate).isAllowed, true);
  });

  test("keys do not touch each other, and a refusal costs a key nothing", () => {
    const smoother = createSmoother({ clock: heldClock(start) });
    const rate = { perSecond: 1, burst: 1 };
    assert.equal(smoother.take("a", rate).isAllowed, true);
    for (let index = 0; index < 10; index++) assert.equal(smoother.take("a", rate).retryAfterSeconds, 1);
    assert.equal(smoother.take("b", rate).isAllowed, true);
  });

  test("memory stays bounded under a flood of keys, and a busy key keeps its state", () => {
    const smoother = createSmoother({ clock: heldClock(start), maxKeys: 100 });
    const rate = { perSecond: 1, burst: 1 };
    smoother.take("busy", rate);
    for (let index = 0; index < 10_000; index++) {
      smoother.take(`flood-${index}`, rate);
      assert.equal(smoother.take("busy", rate).isAllowed, false);
    }
    assert.equal(smoother.size(), 100);
  });

  test("a clock that was set back holds nobody up for longer than a full burst", () => {
    const clock = heldClock(start);
    const smoother = createSmoother({ clock });
    const rate = { perSecond: 1, burst: 2 };
    smoother.take("key", rate);
    clock.advance(-3_600_000);
    const refused = smoother.take("key", rate);
    assert.equal(refused.isAllowed, false);
    assert.equal(refused.retryAfterSeconds, 1);
    clock.advance(1_000);
    assert.equal(smoother.take("key", rate).isAllowed, true);
  });

  test("a rate that lets nothing through and a cost that never fits are defects of the caller", () => {
    const smoother = createSmoother({ clock: heldClock(start) });
    assert.throws(() => smoother.take("key", { perSecond: 0, burst: 1 }), RangeError);
    assert.throws(() => smoother.take("key", { perSecond: 1, burst: 0 }), RangeError);
    assert.throws(() => smoother.take("key", { perSecond: 1, burst: 2 }, 3), RangeError);
  });
});

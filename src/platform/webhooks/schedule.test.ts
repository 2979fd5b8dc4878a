import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  afterFailure,
  afterSuccess,
  BREAKER_FAILURES,
  FULL_HEALTH,
  isBeyondHope,
  isBreakerOpen,
  openBreaker,
  takeOf,
} from "./health.ts";
import { MAX_ATTEMPTS, nextAttemptAt, RETRY_GAPS_MS, retryAfterMs } from "./schedule.ts";

const now = new Date("2026-11-22T12:00:00Z");

describe("when a delivery is tried again", () => {
  test("ten attempts spread over 75 hours 35 minutes", () => {
    assert.equal(MAX_ATTEMPTS, 10);
    const sumMs = RETRY_GAPS_MS.reduce((sum, gap) => sum + gap, 0);
    assert.equal(Math.floor(sumMs / 60_000), 75 * 60 + 35);
  });

  test("each gap is spread by a fifth each way, and after the tenth attempt there is none", () => {
    RETRY_GAPS_MS.forEach((gapMs, at) => {
      const retriesLeft = RETRY_GAPS_MS.length - at;
      for (const [random, factor] of [
        [0, 0.8],
        [0.5, 1],
        [1, 1.2],
      ] as const) {
        const next = nextAttemptAt({ now, retriesLeft, retryAfterMs: null, random });
        assert.ok(Math.abs((next?.getTime() ?? 0) - now.getTime() - gapMs * factor) <= 1);
      }
    });
    assert.equal(nextAttemptAt({ now, retriesLeft: 0, retryAfterMs: 5_000, random: 0 }), null);
  });

  test("Retry-After puts an attempt off, never forward, and at most 24 hours", () => {
    const at = (retryAfter: number | null) =>
      (nextAttemptAt({ now, retriesLeft: 9, retryAfterMs: retryAfter, random: 0.5 })?.getTime() ?? 0) - now.getTime();
    assert.equal(at(3_600_000), 3_600_000);
    assert.equal(at(1_000), 5_000);
    assert.equal(retryAfterMs(429, "999999", now), 86_400_000);
  });

  test("Retry-After is read as seconds or as a date, on throttling answers only", () => {
    assert.equal(retryAfterMs(503, " 120 ", now), 120_000);
    assert.equal(retryAfterMs(429, "Sun, 22 Nov 2026 12:01:00 GMT", now), 60_000);
    assert.equal(retryAfterMs(429, "Sun, 22 Nov 2026 11:00:00 GMT", now), null);
    assert.equal(retryAfterMs(500, "120", now), null);
    for (const text of ["soon", "-5", "1e3", ""]) assert.equal(retryAfterMs(429, text, now), null);
  });
});

describe("how an endpoint is doing", () => {
  const failed = (times: number, at = now) => {
    let health = FULL_HEALTH;
    for (let failure = 0; failure < times; failure++) health = afterFailure(health, at);
    return health;
  };

  test("the breaker opens after straight failures, and then one delivery at a time is the probe", () => {
    assert.equal(isBreakerOpen(failed(BREAKER_FAILURES - 1)), false);
    const open = failed(BREAKER_FAILURES);
    assert.equal(isBreakerOpen(open), true);
    assert.equal(open.inFlightCap, 1);
    assert.equal(takeOf(open), 1);
  });

  test("the pause doubles from half a minute up to ten minutes", () => {
    let health = failed(BREAKER_FAILURES);
    const pauses = Array.from({ length: 7 }, () => {
      const opened = openBreaker(health);
      health = opened.health;
      return opened.pauseMs / 1000;
    });
    assert.deepEqual(pauses, [30, 60, 120, 240, 480, 600, 600]);
  });

  test("after an outage one, two, then four deliveries are under way", () => {
    let health = failed(20);
    const caps = [health.inFlightCap];
    for (let success = 0; success < 3; success++) {
      health = afterSuccess(health);
      caps.push(health.inFlightCap);
    }
    assert.deepEqual(caps, [1, 2, 4, 4]);
    assert.deepEqual(health, FULL_HEALTH);
  });

  test("five days of failures only are beyond hope; one success in between is not", () => {
    const later = new Date(now.getTime() + 5 * 86_400_000);
    assert.equal(isBeyondHope(failed(10), later), true);
    assert.equal(isBeyondHope(failed(10), new Date(later.getTime() - 1)), false);
    assert.equal(isBeyondHope(afterFailure(afterSuccess(failed(10)), now), later), false);
    assert.equal(isBeyondHope(failed(2), later), false);
  });
});

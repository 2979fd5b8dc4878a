import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rateLimitHeaders, rateLimitHeadersOf } from "./ratelimit-headers.ts";

const hourly = { limit: 1_000, windowSeconds: 3_600 };

const refused = (seconds: number) => ({
  isAllowed: false,
  remaining: 0,
  resetSeconds: seconds,
  retryAfterSeconds: seconds,
});

describe("RateLimit fields", () => {
  test("an allowed request learns its policy and what is left, and no moment to retry", () => {
    const outcome = { isAllowed: true, remaining: 999, resetSeconds: 3_600, retryAfterSeconds: 0 };
    assert.deepEqual(rateLimitHeaders("default", hourly, outcome), {
      "ratelimit-policy": '"default";q=1000;w=3600',
      ratelimit: '"default";r=999;t=3600',
    });
  });

  test("a refused request learns one moment: Retry-After agrees with t", () => {
    const outcome = { isAllowed: false, remaining: 0, resetSeconds: 17, retryAfterSeconds: 17 };
    assert.deepEqual(rateLimitHeaders("default", hourly, outcome), {
      "ratelimit-policy": '"default";q=1000;w=3600',
      ratelimit: '"default";r=0;t=17',
      "retry-after": "17",
    });
  });

  test("under several limits Retry-After is when all of them allow the request", () => {
    const headers = rateLimitHeadersOf([
      { name: "second", policy: { limit: 10, windowSeconds: 1 }, outcome: refused(1) },
      { name: "hour", policy: hourly, outcome: refused(40) },
    ]);
    assert.deepEqual(headers, {
      "ratelimit-policy": '"second";q=10;w=1, "hour";q=1000;w=3600',
      ratelimit: '"second";r=0;t=1, "hour";r=0;t=40',
      "retry-after": "40",
    });
  });

  test("no more is announced than the published policy allows", () => {
    const outcome = { isAllowed: true, remaining: 19, resetSeconds: 1, retryAfterSeconds: 0 };
    assert.equal(
      rateLimitHeaders("default", { limit: 10, windowSeconds: 1 }, outcome)["ratelimit"],
      '"default";r=10;t=1',
    );
  });

  test("a name that would break the field is refused", () => {
    const outcome = { isAllowed: true, remaining: 1, resetSeconds: 1, retryAfterSeconds: 0 };
    for (const name of ["", 'a"b', "a\\b", "a\r\nb", "ä"]) {
      assert.throws(() => rateLimitHeaders(name, hourly, outcome), RangeError);
    }
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { heldClock, shiftedClock, systemClock } from "./clock.ts";

test("a held clock moves only when it is told to, and hands out dates of its own", () => {
  const clock = heldClock(new Date("2026-01-01T00:00:00Z"));
  clock.now().setFullYear(1999);
  assert.equal(clock.now().toISOString(), "2026-01-01T00:00:00.000Z");
  clock.advance(1500);
  assert.equal(clock.now().toISOString(), "2026-01-01T00:00:01.500Z");
});

test("a shifted clock runs beside the system's by its offset", () => {
  const before = systemClock.now().getTime();
  const shifted = shiftedClock(-3_600_000).now().getTime() + 3_600_000;
  const after = systemClock.now().getTime();
  assert.ok(before <= shifted && shifted <= after);
});

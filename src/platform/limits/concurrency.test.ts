import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createConcurrencyGate } from "./concurrency.ts";

describe("the concurrency gate", () => {
  test("a key has at most its number of requests at once, and a place is free when one leaves", () => {
    const gate = createConcurrencyGate({ maxInFlight: 100 });
    const first = gate.enter("a", 2);
    assert.ok(first !== null && gate.enter("a", 2) !== null);
    assert.equal(gate.enter("a", 2), null);
    assert.ok(gate.enter("b", 2) !== null);
    first();
    assert.ok(gate.enter("a", 2) !== null);
  });

  test("leaving twice frees one place", () => {
    const gate = createConcurrencyGate({ maxInFlight: 100 });
    const first = gate.enter("a", 2);
    gate.enter("a", 2);
    first?.();
    first?.();
    assert.equal(gate.countOf("a"), 1);
    assert.equal(gate.total(), 1);
  });

  test("all keys together stay below the number of the process, and nothing is kept of keys that left", () => {
    const gate = createConcurrencyGate({ maxInFlight: 50 });
    const stays = Array.from({ length: 200 }, (_, index) => gate.enter(`key-${index}`, 1));
    assert.equal(stays.filter((leave) => leave !== null).length, 50);
    for (const leave of stays) leave?.();
    assert.equal(gate.total(), 0);
    assert.equal(gate.countOf("key-0"), 0);
  });
});

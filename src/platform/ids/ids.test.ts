import assert from "node:assert/strict";
import { test } from "node:test";
import { isId, isUuid, newId, ulid, uuid } from "./ids.ts";

test("an id of a later millisecond sorts after an earlier one", () => {
  const times = [0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 281_474_976_710_655];
  const made = times.map((ms) => ulid(new Date(Math.min(ms, 8.64e15))));
  assert.deepEqual(made.toSorted(), made);
});

test("the time stands in the first ten characters as the ULID specification encodes it", () => {
  assert.equal(ulid(new Date(1_469_918_176_385)).slice(0, 10), "01ARYZ6S41");
});

test("ids of one millisecond differ", () => {
  const now = new Date();
  assert.equal(new Set(Array.from({ length: 10_000 }, () => ulid(now))).size, 10_000);
});

test("ids of one millisecond sort in the order in which they were made, also between those of others", () => {
  const [one, other] = [new Date(1_700_000_000_123), new Date(1_700_000_000_124)];
  const made: string[] = [];
  for (let count = 0; count < 10_000; count++) {
    made.push(newId("evt", one));
    newId("aud", other);
  }
  assert.deepEqual(made.toSorted(), made);
  assert.equal(new Set(made).size, made.length);
});

test("nobody guesses the next id of a millisecond from the one before", () => {
  const now = new Date(1_700_000_000_125);
  const made = Array.from({ length: 100 }, () => ulid(now));
  const neighbours = made.filter((id, at) => id.slice(0, -1) === made[at - 1]?.slice(0, -1));
  assert.deepEqual(neighbours, []);
});

test("an id carries its prefix and is recognised by it alone", () => {
  const id = newId("doc", new Date());
  assert.match(id, /^doc_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.ok(isId("doc", id));
  assert.ok(!isId("tok", id));
});

test("what is no ULID is no id: letters left out by Crockford, lower case, other lengths, more than 48 bits of time", () => {
  const good = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
  assert.ok(isId("doc", `doc_${good}`));
  for (const wrong of [good.toLowerCase(), `${good}0`, good.slice(1), `8${good.slice(1)}`, `${good.slice(1)}I`, ""]) {
    assert.ok(!isId("doc", `doc_${wrong}`), wrong);
  }
  for (const wrong of [`doc_${good}\n`, ` doc_${good}`, `doc${good}`]) assert.ok(!isId("doc", wrong), wrong);
});

test("a UUID is of version 4 and recognised; other spellings are none", () => {
  const id = uuid();
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(isUuid(id));
  for (const wrong of [id.toUpperCase(), id.slice(1), `{${id}}`, "00000000-0000-0000-0000-000000000000"]) {
    assert.ok(!isUuid(wrong), wrong);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readFactor } from "./factor.ts";

test("spellings of one mail address are one factor, and mail is written to in the letters that were given", () => {
  for (const spelled of ["Ann@Example.org", " ann @example.org", "ＡＮＮ@example.org", "ann@example.org\n"]) {
    assert.equal(readFactor("EM", spelled)?.normal, "ann@example.org", spelled);
  }
  assert.equal(readFactor("EM", " Ann@Example.org ")?.address, "Ann@Example.org");
});

test("a telephone number has one form, and what is no factor is none", () => {
  assert.equal(readFactor("SMS", "+12065550100")?.normal, "+12065550100");
  for (const wrong of [
    "12065550100",
    "+1 206 555 0100",
    "+0123456789",
    "+123456",
    "+1234567890123456",
    "a@b.example",
  ]) {
    assert.equal(readFactor("SMS", wrong), null, wrong);
  }
  for (const wrong of ["", "@", "a@", "@b", "a b", "a@b@c"]) assert.equal(readFactor("EM", wrong), null, wrong);
});

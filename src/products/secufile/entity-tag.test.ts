import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isHeldAlready } from "./entity-tag.ts";

const TAG = '"9f86d0"';

describe("isHeldAlready", () => {
  for (const header of [TAG, `W/${TAG}`, `"a", ${TAG}`, `"a",W/"b" , W/${TAG}`, "*", " * "]) {
    test(`SF-48 ${header} names the content`, () => assert.equal(isHeldAlready(header, TAG), true));
  }
  for (const header of [undefined, "", '"9f86d"', "9f86d0", '"9f86d0', `"x${TAG.slice(1)}`, '"*"', "W/*"]) {
    test(`SF-48 ${header ?? "no header"} does not`, () => assert.equal(isHeldAlready(header, TAG), false));
  }
});

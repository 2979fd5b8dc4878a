import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { byteRangeOf } from "./byte-range.ts";

const whole = [undefined, "", "bytes", "bytes=", "bytes=-", "lines=0-1", "bytes=0-1,3-4", "bytes=5-2", "bytes=a-b"];

describe("byteRangeOf", () => {
  for (const header of [...whole, "bytes=1.5-2", "bytes=-1-2", "0-1", "bytes=0x0-0x1", `bytes=0-${"9".repeat(17)}`]) {
    test(`SF-48 ${header ?? "no header"} means the whole`, () => assert.equal(byteRangeOf(header, 100), null));
  }

  const ranges: [string, number, number][] = [
    ["bytes=0-0", 0, 0],
    ["bytes=0-99", 0, 99],
    ["bytes=0-100", 0, 99],
    ["bytes=99-", 99, 99],
    ["bytes=-1", 99, 99],
    ["bytes=-100", 0, 99],
    ["bytes=-101", 0, 99],
    ["BYTES=10-19", 10, 19],
    ["bytes= 10 - 19 ", 10, 19],
    ["bytes=007-008", 7, 8],
  ];
  for (const [header, start, end] of ranges) {
    test(`SF-48 ${header} of 100 bytes is ${start} to ${end}`, () =>
      assert.deepEqual(byteRangeOf(header, 100), { start, end }));
  }

  for (const header of ["bytes=100-", "bytes=100-200", "bytes=-0", `bytes=${"9".repeat(16)}-`]) {
    test(`SF-48 ${header} lies outside of 100 bytes`, () => assert.equal(byteRangeOf(header, 100), "unsatisfiable"));
  }

  test("SF-48 nothing of an empty content can be asked for", () => {
    for (const header of ["bytes=0-", "bytes=0-0", "bytes=-1"]) assert.equal(byteRangeOf(header, 0), "unsatisfiable");
  });

  test("SF-48 whatever is asked for, what is answered lies within the content", () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), fc.nat()).map(([first, last]) => `bytes=${first}-${last}`),
      fc.nat().map((count) => `bytes=-${count}`),
      fc.nat().map((first) => `bytes=${first}-`),
    );
    fc.assert(
      fc.property(text, fc.nat({ max: 1_000_000 }), (header, sizeBytes) => {
        const range = byteRangeOf(header, sizeBytes);
        if (range === null || range === "unsatisfiable") return;
        assert.ok(range.start >= 0 && range.start <= range.end && range.end < sizeBytes);
      }),
    );
  });
});

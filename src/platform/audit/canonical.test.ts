import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "./canonical.ts";

describe("canonical JSON (RFC 8785)", () => {
  test("the example of section 3.2.2 comes out as section 3.2.3 says", () => {
    const value = JSON.parse(`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`) as unknown;
    const wanted =
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}';
    assert.equal(canonicalJson(value), wanted);
  });

  test("members are sorted by UTF-16 code units, as in section 3.2.3", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    const order = Object.values(JSON.parse(canonicalJson(value)) as Record<string, string>);
    // "1" comes first in what JSON.parse makes, whatever its place in the text.
    assert.deepEqual(order.slice(1), [
      "Carriage Return",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
    assert.ok(canonicalJson(value).startsWith('{"\\r":"Carriage Return","1":"One"'));
  });

  /** Bits of a double and its form, from appendix B. */
  const numbers: Readonly<Record<string, string>> = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    ffefffffffffffff: "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    c340000000000000: "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    becbf647612f3696: "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
  };
  test("numbers are written as in appendix B", () => {
    for (const [bits, wanted] of Object.entries(numbers)) {
      assert.equal(canonicalJson(Buffer.from(bits, "hex").readDoubleBE(0)), wanted, bits);
    }
  });

  test("what JSON cannot say is refused, and so is what would lose its meaning", () => {
    const refused: readonly unknown[] = [
      ...[Number.NaN, Infinity, -Infinity, undefined, 1n, Symbol("x"), () => 1, [undefined]],
      ...["\ud800", { "\udfff": 1 }, { a: ["\udead"] }],
      ...[new Date(0), Buffer.from("x"), new Map(), new Set([1]), { at: new Date(0) }],
    ];
    for (const value of refused) assert.throws(() => canonicalJson(value), TypeError);
  });

  test("a member without a value is left out, an empty one stays", () => {
    assert.equal(canonicalJson({ b: undefined, a: null, c: "", d: [], e: {} }), '{"a":null,"c":"","d":[],"e":{}}');
  });

  test("whatever it writes reads back as it was, and the order of members changes nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (given) => {
        // The form has no negative zero.
        const value: unknown = JSON.parse(JSON.stringify(given));
        const text = canonicalJson(value);
        assert.deepEqual(JSON.parse(text), value);
        assert.equal(canonicalJson(reversed(value)), text);
      }),
    );
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, reversed(member)]),
  );
}

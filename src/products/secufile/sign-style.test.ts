import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SIGN_STYLE } from "./sign-style.ts";

/** Of WCAG 2.2: text 4.5 : 1 (1.4.3), edges of fields and the mark of the focus 3 : 1 (1.4.11). */
const TEXT = 4.5;
const EDGE = 3;
const PAIRS: readonly (readonly [ink: string, paper: string, least: number])[] = [
  ["ink", "paper", TEXT],
  ["ink", "card", TEXT],
  ["quiet", "paper", TEXT],
  ["quiet", "card", TEXT],
  ["act", "paper", TEXT],
  ["act", "card", TEXT],
  ["on-act", "act", TEXT],
  ["warn", "warn-paper", TEXT],
  ["good", "good-paper", TEXT],
  ["edge", "paper", EDGE],
  ["edge", "card", EDGE],
];

function colorsOf(rule: string): Map<string, string> {
  return new Map([...rule.matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map(([, name = "", color = ""]) => [name, color]));
}

/** Relative luminance as WCAG defines it. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe("the style of the pages for signers", () => {
  const [light = "", dark = ""] = SIGN_STYLE.split("\n").filter((line) => line.includes(":root"));

  for (const [scheme, rule] of [
    ["light", light],
    ["dark", dark],
  ] as const) {
    test(`SF-20 every pair of colours has the contrast of AA, ${scheme}`, () => {
      const colors = colorsOf(rule);
      for (const [ink, paper, least] of PAIRS) {
        const found = contrast(colors.get(ink) ?? "", colors.get(paper) ?? "");
        assert.ok(found >= least, `${ink} on ${paper}: ${found.toFixed(2)}`);
      }
    });
  }

  test("SF-20 the measure itself: black on white is 21, and #777 on white just fails", () => {
    assert.equal(contrast("#000000", "#ffffff"), 21);
    assert.ok(contrast("#777777", "#ffffff") < TEXT && contrast("#767676", "#ffffff") >= TEXT);
  });

  test("SF-20 colours stand in the two lists only, the focus is seen, and what is pressed is large enough", () => {
    const rest = SIGN_STYLE.split("\n").filter((line) => !line.includes(":root"));
    assert.doesNotMatch(rest.join("\n"), /#[0-9a-f]{3,8}\b|rgb|hsl|opacity/);
    assert.doesNotMatch(SIGN_STYLE, /outline: (?:0|none)|url\(|@import/);
    assert.match(SIGN_STYLE, /:focus-visible \{ outline: 3px solid var\(--act\)/);
    assert.match(SIGN_STYLE, /button \{[^}]*min-height: 2\.75rem/);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { base32, matchingStep, otpauthUri, totpAt, totpStep } from "./totp.ts";

const SECRET = Buffer.from("12345678901234567890");
const AT = new Date("2026-11-25T09:00:10Z");

describe("one-time codes by time", () => {
  test("are those of RFC 6238, appendix B, for SHA-1", () => {
    const vectors: readonly [number, string][] = [
      [59, "94287082"],
      [1111111109, "07081804"],
      [1111111111, "14050471"],
      [1234567890, "89005924"],
      [2000000000, "69279037"],
      [20000000000, "65353130"],
    ];
    for (const [seconds, code] of vectors) {
      assert.equal(totpAt(SECRET, totpStep(new Date(seconds * 1000)), 8), code);
    }
  });

  test("hold one step to each side and no further", () => {
    const now = totpStep(AT);
    const held = [-2, -1, 0, 1, 2].map((aside) => matchingStep(SECRET, totpAt(SECRET, now + aside), AT, null));
    assert.deepEqual(held, [null, now - 1, now, now + 1, null]);
  });

  test("of the last used step or an earlier one are taken no more", () => {
    const now = totpStep(AT);
    assert.equal(matchingStep(SECRET, totpAt(SECRET, now), AT, now), null);
    assert.equal(matchingStep(SECRET, totpAt(SECRET, now - 1), AT, now), null);
    assert.equal(matchingStep(SECRET, totpAt(SECRET, now + 1), AT, now), now + 1);
  });

  test("of another length or form are none", () => {
    const code = totpAt(SECRET, totpStep(AT));
    // The low byte of U+0130 to U+0139 is that of a digit.
    const disguised = code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x130 + Number(digit)));
    for (const text of [disguised, "", code.slice(0, 5), `${code}0`, `${code} `, "abcdef", "١٢٣٤٥٦"]) {
      assert.equal(matchingStep(SECRET, text, AT, null), null, text);
    }
  });

  test("are enrolled by an address with the secret in base 32", () => {
    const uri = otpauthUri(SECRET, "a b@example.com", "Étude");
    assert.ok(uri.startsWith("otpauth://totp/%C3%89tude:a%20b%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"));
    assert.ok(uri.endsWith("&algorithm=SHA1&digits=6&period=30"));
    // RFC 4648, section 10, without the padding.
    const vectors = { f: "MY", fo: "MZXQ", foo: "MZXW6", foob: "MZXW6YQ", fooba: "MZXW6YTB", foobar: "MZXW6YTBOI" };
    for (const [plain, coded] of Object.entries(vectors)) assert.equal(base32(Buffer.from(plain)), coded);
  });
});

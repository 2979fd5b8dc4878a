import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isCrossSite, parseForm } from "../../platform/http/form.ts";
import { isPlainText, withoutUnseen } from "../../platform/http/plain-text.ts";
import { isEmail, signFormOf, type SignForm } from "./sign-form.ts";

const parsed = (text: string): SignForm | null => {
  const given = parseForm(Buffer.from(text, "latin1"));
  return given === null ? null : signFormOf(given);
};

describe("what signers type", () => {
  test("SF-49 names of all scripts are names", () => {
    const names = [
      "Ada",
      "שרה כהן",
      "علی\u200cرضا",
      "क्\u200dषमा",
      "李小龍",
      "Zoë d’Arc-Müller",
      "O'Neil 3rd",
      "👩‍⚖️ Ada",
      "x".repeat(200),
    ];
    for (const name of names) assert.equal(isPlainText(name, 200), true, name);
  });

  test("SF-49 what shows nothing, or shows as something else, is no name", () => {
    const blank = ["", " ", "\u3164", "\u2800", "\u00ad", "\u200c\u200d", "\u3000", "\ufe0f", "\u115f"];
    const turning = ["Ada\u202eb", "\u2066Ada", "Ada\u200e", "Ada\u200f", "A\u200bda", "Ada\u{e0041}", "Ada\ufeff"];
    const broken = [
      "Ada\ud800",
      "Ada\n",
      "Ada\r\nBcc: x@y.example",
      "Ada\u0000",
      "Ada\u2028",
      "x".repeat(201),
      "x".repeat(10_000),
    ];
    for (const name of [...blank, ...turning, ...broken])
      assert.equal(isPlainText(name, 200), false, JSON.stringify(name));
    assert.equal(withoutUnseen("a\u202egpj.exe\r\nx\ud800"), "a gpj.exe  x\ufffd");
  });

  test("SF-20 bytes that are no text are no form, and neither is a field that is too long", () => {
    for (const text of ["name=%ff", "name=\xff", "name=%", "name=%zz", `name=${"x".repeat(1_001)}`]) {
      assert.equal(parsed(text), null, text.slice(0, 20));
    }
    assert.equal(parsed("act=sign&name=A%CC%8A+B&code=12+34+56&act=decline")?.name, "\u00c5 B");
    assert.equal(parsed("act=sign&act=decline")?.act, "sign", "the first of several counts");
    assert.equal(parsed("code=12+34+56")?.code, "123456");
    assert.equal(parsed("__proto__=x&constructor=y")?.name, "");
  });

  test("SF-20 addresses hold one mailbox and no header", () => {
    for (const good of ["a@b.example", "zoë@müller.example"]) assert.equal(isEmail(good), true, good);
    const wrong = [
      "a@b",
      "a b@c.example",
      "a@b.example,c@d.example",
      "a@b.example\r\nBcc: c@d.example",
      "<a@b.example>",
      "@b.example",
    ];
    for (const bad of wrong) assert.equal(isEmail(bad), false, JSON.stringify(bad));
  });

  test("SF-20 forms of other sites are known by what browsers say", () => {
    const own = "https://sign.example.org";
    for (const site of ["cross-site", "same-site", "Cross-Site", ""]) {
      assert.equal(isCrossSite({ "sec-fetch-site": site, origin: own }, own), true, site);
    }
    assert.equal(isCrossSite({ "sec-fetch-site": "same-origin", origin: "null" }, own), false);
    assert.equal(isCrossSite({ origin: `${own}.evil.example`, host: "sign.example.org" }, own), true);
    assert.equal(isCrossSite({ origin: "https://evil.example//sign.example.org", host: "" }, own), true);
    assert.equal(isCrossSite({ origin: own }, own), false);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { whyNotCiphertextUrl } from "./ciphertext-url.ts";

describe("whyNotCiphertextUrl", () => {
  const good = [
    "https://blob.example.com/abc123",
    "https://blob.example.com:8443/a?signature=x%2Fy#part",
    "https://[2001:db8::1]/a",
    "HTTPS://EXAMPLE.COM",
    "https://été.example/é",
  ];
  for (const url of good) test(`SF-14 takes ${url}`, () => assert.equal(whyNotCiphertextUrl(url, false), null));

  const bad: [string, RegExp][] = [
    ["", /must be a URL/],
    ["blob.example.com/abc", /must be a URL/],
    ["https://", /must be a URL/],
    ["ftp://example.com/a", /https/],
    ["file:///etc/passwd", /https/],
    ["data:text/plain,a", /https/],
    ["javascript:alert(1)", /https/],
    ["s3://bucket/key", /https/],
    ["https://user@example.com/", /user name/],
    ["https://user:secret@example.com/", /user name/],
    ["https://:secret@example.com/", /user name/],
    [`https://example.com/${"x".repeat(2048)}`, /2048/],
  ];
  for (const [url, reason] of bad) {
    test(`SF-14 refuses ${url.slice(0, 50) || "nothing"} and says why`, () =>
      assert.match(whyNotCiphertextUrl(url, true) ?? "", reason));
  }

  test("SF-14 plain http is possible only where the operator lists addresses for it", () => {
    assert.equal(whyNotCiphertextUrl("http://127.0.0.1:9000/a", true), null);
    assert.match(whyNotCiphertextUrl("http://127.0.0.1:9000/a", false) ?? "", /https/);
  });
});

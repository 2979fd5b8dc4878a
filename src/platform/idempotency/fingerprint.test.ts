import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { fingerprintOf, type FingerprintInput, type PartDigest } from "./fingerprint.ts";

const base: FingerprintInput = {
  method: "POST",
  operation: "capsulize.createCapsule",
  params: { id: "a" },
  query: { page: 1 },
  contentType: "application/json",
  body: { kind: "json", value: { a: 1, b: [1, 2], c: { d: null } } },
};

/** What a multipart reader makes of a body, whatever its boundary is. */
function partsOf(contentType: string, body: string): PartDigest[] {
  const boundary = /boundary=(\S+)/.exec(contentType)?.[1] ?? "";
  return body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [head = "", content = ""] = part.split("\r\n\r\n");
      return {
        name: /name="([^"]*)"/.exec(head)?.[1] ?? "",
        filename: /filename="([^"]*)"/.exec(head)?.[1] ?? null,
        contentType: /content-type: (\S+)/i.exec(head)?.[1] ?? null,
        sha256: createHash("sha256").update(content.slice(0, -2)).digest("hex"),
      };
    });
}

function multipart(boundary: string, content: string): FingerprintInput {
  const contentType = `multipart/form-data; boundary=${boundary}`;
  const head = 'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf';
  const body = `--${boundary}\r\n${head}\r\n\r\n${content}\r\n--${boundary}--\r\n`;
  return { ...base, contentType, body: { kind: "parts", parts: partsOf(contentType, body) } };
}

describe("the fingerprint of a request", () => {
  const same = (input: Partial<FingerprintInput>): void =>
    assert.deepEqual(fingerprintOf({ ...base, ...input }), fingerprintOf(base));
  const other = (input: Partial<FingerprintInput>): void =>
    assert.notDeepEqual(fingerprintOf({ ...base, ...input }), fingerprintOf(base));

  test("does not see the order of members, parameters of the media type, and its case", () => {
    same({ body: { kind: "json", value: { c: { d: null }, b: [1, 2], a: 1 } } });
    same({ contentType: "Application/JSON; charset=utf-8" });
  });

  test("sees method, operation, path, query, media type and every value of the body", () => {
    other({ method: "PUT" });
    other({ operation: "capsulize.sealCapsule" });
    other({ params: { id: "b" } });
    other({ query: { page: 2 } });
    other({ contentType: "application/merge-patch+json" });
    other({ body: { kind: "none" } });
    for (const value of [
      { a: 1, b: [2, 1], c: { d: null } },
      { a: 1, b: [1, 2], c: {} },
      { a: "1", b: [1, 2] },
    ]) {
      other({ body: { kind: "json", value } });
    }
  });

  test("idempotency case 11: a multipart body is the same under another boundary, and another with other content", () => {
    const first = fingerprintOf(multipart("----boundary-1", "%PDF-1.7 deed"));
    assert.deepEqual(fingerprintOf(multipart("another-2", "%PDF-1.7 deed")), first);
    assert.notDeepEqual(fingerprintOf(multipart("----boundary-1", "%PDF-1.7 dead")), first);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { maskEmail, renderContent, renderSignPage, type SignPageFacts } from "./pages.ts";

const FACTS: SignPageFacts = {
  sender: "Étude Ñandú & Fils",
  document: {
    filename: "promesse.pdf",
    status: "pending",
    size_bytes: null,
    sha256: null,
    created_at: new Date("2026-11-22T09:30:00Z"),
  },
  signers: [{ email: "client@example.com", role: "buyer", name: null }],
};

function pageOf(facts: SignPageFacts | null): string {
  const { body } = renderSignPage(facts);
  assert.ok(typeof body === "string");
  return body;
}

describe("the page of a signature request", () => {
  test("SF-16 it shows the sender, the document, the time, the signers and their roles", () => {
    const page = pageOf(FACTS);
    for (const part of ["Étude Ñandú &amp; Fils", "promesse.pdf", "2026-11-22 09:30 UTC", "as buyer"]) {
      assert.ok(page.includes(part), part);
    }
  });

  test("SF-16 size and hash are shown once they are known, and each state has words of its own", () => {
    assert.doesNotMatch(pageOf(FACTS), /SHA-256|bytes/);
    const document = {
      ...FACTS.document,
      status: "stored",
      size_bytes: "20971520",
      sha256: Buffer.alloc(32, 7),
    } as const;
    const stored = pageOf({ ...FACTS, document });
    assert.ok(stored.includes("20,971,520 bytes"));
    assert.ok(stored.includes("07".repeat(32)));
    const failed = pageOf({ ...FACTS, document: { ...FACTS.document, status: "failed" } });
    assert.match(failed, /could not be stored/);
  });

  test("SF-16 whatever a sender writes is text", () => {
    const hostile = `</title><script>alert(1)</script>" onload='x' & &lt;`;
    const page = pageOf({
      sender: hostile,
      document: { ...FACTS.document, filename: hostile },
      signers: [
        { email: "a@b.example", role: hostile, name: hostile },
        { email: `${hostile}@${hostile}.example`, role: "r", name: null },
      ],
    });
    assert.doesNotMatch(page, /<script/);
    assert.equal(page.split("</title>").length, 2);
    assert.ok(page.includes("&amp;lt;"));
  });

  test("SF-16 without a request the page says that there is none, to people, with 404", () => {
    const { status, headers } = renderSignPage(null);
    assert.equal(status, 404);
    assert.match(headers["content-type"] ?? "", /^text\/html/);
    assert.match(pageOf(null), /leads nowhere/);
  });

  test("SF-17 an address is shown so that its owner knows it and nobody else learns it", () => {
    assert.equal(maskEmail("client@example.com"), "c…@e….com");
    assert.equal(pageOf(FACTS).includes("client@example.com"), false);
  });
});

describe("the content as an answer", () => {
  const content = { contentType: "application/pdf", etag: '"x"', sizeBytes: 3, range: null, stream: null };
  const dispositionOf = (filename: string): string =>
    renderContent({ ...content, filename }).headers["content-disposition"] ?? "";

  test("SF-13 a plain name stands as it is, any other beside a plain form of itself", () => {
    assert.equal(dispositionOf("a b.pdf"), `attachment; filename="a b.pdf"; filename*=UTF-8''a%20b.pdf`);
    assert.equal(dispositionOf("é.pdf"), `attachment; filename="_.pdf"; filename*=UTF-8''%C3%A9.pdf`);
  });

  test("SF-13 no name can end the header's value or begin another", () => {
    for (const name of ['a"; x="', "a\\", "(')*", "a\r\nset-cookie: b", "%22"]) {
      const value = dispositionOf(name);
      assert.match(value, /^attachment; filename="[^"\\\r\n]*"; filename\*=UTF-8''[^'"\\\s()*]*$/);
      assert.equal(decodeURIComponent(value.split("UTF-8''")[1] ?? ""), name);
    }
  });
});

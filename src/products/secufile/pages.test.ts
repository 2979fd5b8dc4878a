import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderContent, renderSignPage } from "./pages.ts";
import { maskEmail } from "./signature.ts";
import type { SignerView, SignFacts, SignPage } from "./sign-view.ts";

const SIGNER: SignerView = {
  id: "sgn_1",
  email: "client@example.com",
  role: "buyer",
  name: null,
  phone: null,
  state: "viewed",
  ended_at: null,
};
const FACTS: SignFacts = {
  sender: "Étude Ñandú & Fils",
  signatureId: "sig_1",
  documentId: "doc_1",
  filename: "promesse.pdf",
  message: null,
  document: { status: "stored", size_bytes: "12345", sha256: Buffer.alloc(32, 0xab) },
  plaintextSha256: Buffer.alloc(32, 0xcd),
  createdAt: new Date("2026-11-22T09:30:00Z"),
  expiresAt: new Date("2026-12-22T09:30:00Z"),
  status: "viewed",
  code: "none",
  isDelegable: true,
  locale: "en",
  signers: [SIGNER],
};

function pageOf(page: SignPage, locale: "en" | "fr" = "en"): string {
  const { body } = renderSignPage(page, locale);
  assert.ok(typeof body === "string");
  return body;
}

const envelope = (facts: SignFacts): SignPage => ({ kind: "envelope", facts, notice: null });
const own = (facts: SignFacts, members: Partial<Extract<SignPage, { kind: "signer" }>> = {}): SignPage => ({
  kind: "signer",
  facts,
  signer: facts.signers[0] ?? SIGNER,
  isReplaced: false,
  isDue: true,
  evidenceId: null,
  notice: null,
  typed: null,
  ...members,
});

describe("the page of a signature request", () => {
  test("SF-16 it shows the sender, the document, both hashes, the time, the signers and their roles", () => {
    const page = pageOf(own(FACTS));
    const parts = ["Étude Ñandú &amp; Fils", "promesse.pdf", "2026-11-22 09:30 UTC", "buyer", "12,345 bytes"];
    for (const part of [...parts, "ab".repeat(32), "cd".repeat(32)]) assert.ok(page.includes(part), part);
  });

  test("SF-20 it speaks French and English, and one leads to the other", () => {
    assert.match(pageOf(envelope(FACTS), "fr"), /<html lang="fr">[\s\S]*Demande de signature/);
    assert.match(pageOf(envelope(FACTS), "fr"), /href="\?lang=en" lang="en"/);
    assert.match(pageOf(envelope(FACTS)), /href="\?lang=fr" lang="fr"/);
  });

  test("SF-16 whatever a sender or a signer writes is text", () => {
    const hostile = `</title><script>alert(1)</script></textarea>" onload='x' & &lt;`;
    const facts: SignFacts = {
      ...FACTS,
      sender: hostile,
      filename: hostile,
      message: hostile,
      signers: [
        { ...SIGNER, role: hostile, name: hostile },
        { ...SIGNER, id: "sgn_2", email: `${hostile}@${hostile}.example` },
      ],
    };
    const typed = { name: hostile, reason: hostile, email: hostile };
    for (const page of [pageOf(envelope(facts)), pageOf(own(facts, { typed, notice: "code_wrong" }))]) {
      assert.doesNotMatch(page, /<script|" onload/);
      assert.equal(page.split("</title>").length, 2);
      assert.ok(page.includes("&amp;lt;"));
    }
  });

  test("SF-20 every end has its status and says what happened", () => {
    const ended = (status: SignFacts["status"]): SignFacts => ({ ...FACTS, status });
    for (const status of ["declined", "expired", "cancelled"] as const) {
      assert.equal(renderSignPage(own(ended(status)), "en").status, 410, status);
      assert.equal(renderSignPage(envelope(ended(status)), "en").status, 410, status);
      assert.doesNotMatch(pageOf(own(ended(status))), /<form/);
    }
    assert.match(pageOf(own(FACTS, { isReplaced: true })), /newer link/);
    const signed: SignerView = { ...SIGNER, state: "signed", ended_at: new Date("2026-11-23T09:30:00Z") };
    const page = own(ended("completed"), { signer: signed, evidenceId: "aud_1" });
    assert.equal(renderSignPage(page, "en").status, 200);
    assert.match(pageOf(page), /You have signed[\s\S]*aud_1/);
  });

  test("SF-22 who comes before the turn reads in both languages that the link is good and works later", () => {
    const early = own(FACTS, { isDue: false });
    for (const [locale, said] of [
      ["en", /not your turn yet[\s\S]*link is good[\s\S]*later/],
      ["fr", /pas encore votre tour[\s\S]*lien est valable[\s\S]*plus tard/],
    ] as const) {
      assert.equal(renderSignPage(early, locale).status, 409);
      assert.match(pageOf(early, locale), said);
      assert.doesNotMatch(pageOf(early, locale), /<form/);
    }
    assert.equal(renderSignPage(own({ ...FACTS, status: "expired" }, { isDue: false }), "en").status, 410);
  });

  test("SF-16 without a request the page says that there is none, to people, with 404", () => {
    const { status, headers } = renderSignPage({ kind: "nothing" }, "en");
    assert.equal(status, 404);
    assert.match(headers["content-type"] ?? "", /^text\/html/);
    assert.match(pageOf({ kind: "nothing" }), /leads nowhere/);
  });

  test("SF-20 the keyboard reaches all of it: fields have labels, buttons are buttons, nothing leaves the order", () => {
    const page = pageOf(own({ ...FACTS, code: "mail" }));
    const fields = [...page.matchAll(/<(?:input|textarea)\b[^>]*>/g)].map(([tag]) => tag);
    assert.equal(fields.length, 8);
    for (const field of fields.filter((tag) => !tag.includes('type="checkbox"'))) {
      const id = /\bid="([^"]+)"/.exec(field)?.[1] ?? "";
      assert.equal(page.split(`for="${id}"`).length, 2, field);
    }
    assert.match(page, /<label class="tick"\s*><input type="checkbox"/);
    assert.deepEqual(
      [...page.matchAll(/name="act" value="([a-z]+)"/g)].map(([, act]) => act),
      ["code", "sign", "decline", "delegate"],
    );
    assert.doesNotMatch(page, /tabindex|autofocus|accesskey|role="button"|disabled|\son[a-z]+=/);
    assert.match(page, /<body>\s*<a class="skip" href="#main">[\s\S]*<main id="main">/);
  });

  test("SF-16 a name that would turn what stands around it is shown without its marks", () => {
    const turned = "contrat\u202efdp.exe";
    const page = pageOf(
      own({ ...FACTS, filename: turned, sender: turned, signers: [{ ...SIGNER, name: turned, role: turned }] }),
    );
    assert.doesNotMatch(page, /\u202e/);
    assert.ok(page.includes("contrat fdp.exe"));
  });

  test("SF-49 a delegate without a telephone reads that the code comes by mail", () => {
    const facts: SignFacts = { ...FACTS, code: "sms" };
    assert.match(pageOf(own(facts)), /sent to your e-mail address/);
    assert.match(pageOf(own(facts, { signer: { ...SIGNER, phone: "+33612345678" } })), /sent to your telephone/);
  });

  test("SF-17 an address is shown so that its owner knows it and nobody else learns it", () => {
    assert.equal(maskEmail("client@example.com"), "c…@e….com");
    assert.equal(pageOf(envelope(FACTS)).includes("client@example.com"), false);
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

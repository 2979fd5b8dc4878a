import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderPdf, type PdfContent } from "./pdf.ts";

const CONTENT: PdfContent = {
  title: "Certificate",
  subtitle: "promesse – Ève Ω Ж.pdf",
  lang: "en",
  madeAt: new Date("2026-11-25T09:00:00Z"),
  footer: "sig_1",
  sections: [{ title: "Section", fields: [{ label: "Label", value: "Value" }], text: ["Text"] }],
  attachment: { name: "evidence.json", type: "application/json", description: "x", bytes: Buffer.from("{}") },
};

describe("PDF", () => {
  test("the same content gives the same bytes", async () => {
    const [one, two] = await Promise.all([renderPdf(CONTENT), renderPdf(CONTENT)]);
    assert.equal(one.subarray(0, 5).toString(), "%PDF-");
    assert.ok(one.equals(two));
    assert.ok(one.includes("evidence.json"));
  });

  test("values of any length and kind are drawn, over as many pages as they need", async () => {
    const values = ["x".repeat(10_000), "\u202egnp\u0000", "\ud800", "", "a\nb".repeat(500), "李 עברית"];
    const fields = Array.from({ length: 60 }, (_, at) => ({ label: "l".repeat(50), value: values[at % 6] ?? "" }));
    const pdf = await renderPdf({ ...CONTENT, sections: [{ title: "y".repeat(500), fields }] });
    assert.match(pdf.subarray(-8).toString(), /%%EOF/);
  });
});

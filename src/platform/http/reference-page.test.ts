import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiDocument } from "./openapi.ts";
import { referencePage, referenceStyleSheet } from "./reference-page.ts";
import type { RawAnswer } from "./route.ts";
import { sampleIdempotencyErrors, sampleProduct } from "./sample-product.ts";

const links = { style: "/reference/style.css", json: "/reference/openapi.json", yaml: "/reference/openapi.yaml" };
const options = { publicUrl: "https://letters.example.org", idempotencyErrors: sampleIdempotencyErrors };
const document = openApiDocument(sampleProduct, options);
function textOf({ body }: RawAnswer): string {
  assert.ok(typeof body === "string");
  return body;
}

const answer = referencePage(document, links);
const page = textOf(answer);

test("the page runs nothing and loads only its own style sheet", () => {
  assert.doesNotMatch(page, /<script|<style|<iframe|<form|\son[a-z]+=|\sstyle=|javascript:/i);
  assert.deepEqual(page.match(/<link[^>]*>/g), ['<link rel="stylesheet" href="/reference/style.css" />']);
  assert.match(answer.headers["content-security-policy"] ?? "", /^default-src 'none'; style-src 'self';/);
  assert.doesNotMatch(textOf(referenceStyleSheet()), /url\(|@import|expression\(/);
});

test("every operation, event and problem code has a place of its own, and every inner link leads to one", () => {
  const ids = new Set([...page.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]));
  assert.equal(ids.size, [...page.matchAll(/\sid="/g)].length, "no id stands twice");
  for (const match of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.has(match[1] ?? ""), match[0]);
  for (const name of ["op-createLetter", "op-getKeys", "event-letter.sealed", "letter_sealed", "rate_limited"]) {
    assert.ok(ids.has(name), name);
  }
  assert.ok(!ids.has("op-showPage"));
});

test("nested fields are shown with their whole path and what they ask for", () => {
  const text = page.replaceAll(/<[^>]*>/g, "");
  for (const part of [
    "parties[].email",
    "delivery.phone",
    "1 to 50",
    "default 1",
    "letters:write",
    "X-Secufile-Signature",
  ]) {
    assert.ok(text.includes(part), part);
  }
});

test("text of the document never becomes markup", () => {
  const hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
  const about = {
    ...sampleProduct.about,
    title: hostile,
    version: hostile,
    description: `${hostile} \`${hostile}\` **${hostile}**`,
  };
  const routes = sampleProduct.routes.map((route) => ({
    ...route,
    summary: hostile,
    description: hostile,
    tag: hostile,
    examples: { answer: { id: hostile, [hostile]: hostile } },
  }));
  const attacked = textOf(referencePage(openApiDocument({ ...sampleProduct, about, routes }, options), links));
  assert.doesNotMatch(attacked, /<script|<img/);
  const shape = (text: string) => new Set([...text.matchAll(/<([a-z0-9]+)/g)].map((match) => match[1]));
  assert.deepEqual([...shape(attacked).difference(shape(page))], []);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { platformError } from "../errors/platform-errors.ts";
import { html } from "./html.ts";
import { PAGE_HEADERS, renderPage } from "./page.ts";
import { problemDialect } from "./problem.ts";

const TITLE = "<b>Title</b>";

test("a page is in one language and leads to the other; its title is text", () => {
  for (const [language, skip] of [
    ["en", "Skip to the content"],
    ["fr", "Aller au contenu"],
  ] as const) {
    const page = renderPage({ status: 200, language, title: TITLE, main: html`<p>text</p>`, style: "/a.css" });
    const text = page.body;
    assert.ok(typeof text === "string");
    assert.ok(text.includes(`<html lang="${language}">`) && text.includes(skip));
    assert.match(text, /<title>&lt;b&gt;Title&lt;\/b&gt;<\/title>[\s\S]*<main id="main"><p>text<\/p><\/main>/);
    assert.equal(text.split('aria-current="true"').length, 2);
    assert.ok(text.includes(`<a href="?lang=${language}" lang="${language}" hreflang="${language}" aria-current`));
    assert.equal(page.headers["content-language"], language);
    for (const [name, value] of Object.entries(PAGE_HEADERS)) assert.equal(page.headers[name], value);
  }
});

test("what a page adds to its headers stands beside the others", () => {
  const headers = { "retry-after": "7" };
  const page = renderPage({ status: 429, language: "en", title: "t", main: html`<p></p>`, style: "/a.css", headers });
  assert.deepEqual([page.status, page.headers["retry-after"], page.headers["cache-control"]], [429, "7", "no-store"]);
});

test("a failure at the address of a page has the page's headers, also where the address is written otherwise", () => {
  const dialect = problemDialect("/reference", ["/sign", "/invite"]);
  const headersAt = (path: string): Readonly<Record<string, string>> =>
    dialect.failure(platformError("not_found", "Nothing."), { requestId: "req_1", path }).headers;
  for (const path of ["/sign", "/sign/", "/sign/a/b", "/invite/x", "/%73ign/x", "/s%69gn%2Fx", "/sign/%zz"]) {
    const headers = headersAt(path);
    for (const [name, value] of Object.entries(PAGE_HEADERS)) assert.equal(headers[name], value, path);
    assert.equal(headers["content-type"], "application/problem+json");
  }
  for (const path of ["/", "/signs", "/v1/sign", "/v1/documents"]) {
    assert.deepEqual(headersAt(path), { "content-type": "application/problem+json" }, path);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { html, Html, type HtmlValue } from "./html.ts";

/** Under another name, so that the formatter leaves these templates as they are. */
const markup = html;

const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  "</title><script>alert(1)</script>",
  "--><svg onload=alert(1)>",
  "&lt;script&gt;",
];

test("a value in text or in an attribute never becomes markup", () => {
  for (const text of HOSTILE) {
    const page = markup`<title>${text}</title>
      <p class="a ${text}">${text}</p>`.toString();
    assert.deepEqual(page.match(/<[^>]*>/g), ["<title>", "</title>", `<p class="a ${escapedByHand(text)}">`, "</p>"]);
    assert.ok(!page.includes(text));
  }
});

function escapedByHand(text: string): string {
  return text
    .split("")
    .map((one) => ENTITIES[one] ?? one)
    .join("");
}
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

test("markup made by the tag is kept, lists are joined, and nothing is nothing", () => {
  const items = ["a", "b & c"].map((one) => markup`<li>${one}</li>`);
  assert.equal(
    markup`<ul>${items}${null}${undefined}${false}${7}</ul>`.toString(),
    "<ul><li>a</li><li>b &amp; c</li>7</ul>",
  );
});

test("only the tag makes markup: an object that looks like it is refused", () => {
  assert.throws(() => Reflect.construct(Html, [Symbol("html"), "<script>"]), TypeError);
  assert.throws(() => markup`<p class="${markup`<b>`}"></p>`, /attribute/);
});

test("an address with a scheme that runs code becomes #", () => {
  for (const address of [
    "javascript:alert(1)",
    " java\tscript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>",
    "vbscript:x",
  ]) {
    assert.equal(markup`<a href="${address}">x</a>`.toString(), '<a href="#">x</a>', address);
  }
  for (const address of ["/a?b=c:d", "#x", "https://example.org/?a=b", "mailto:ada@example.org", "a/b:c", ""]) {
    assert.equal(markup`<a href="${address}">x</a>`.toString(), `<a href="${address}">x</a>`);
  }
});

test("a template with a value where escaping does not help throws", () => {
  const value: HtmlValue = "x";
  const templates = [
    () => markup`<p class=${value}>`,
    () => markup`<p class='${value}'>`,
    () => markup`<${value}>`,
    () => markup`<p ${value}>`,
    () => markup`<p onclick="${value}">`,
    () => markup`<p style="${value}">`,
    () => markup`<iframe srcdoc="${value}">`,
    () =>
      markup`<script>
        ${value};
      </script>`,
    () =>
      markup`<style>
        ${value}
      </style>`,
    () => markup`<!-- ${value} -->`,
  ];
  for (const template of templates) assert.throws(template, TypeError, String(template));
});

test("a > inside an attribute does not end its tag", () => {
  assert.equal(markup`<p title="a > b" class="${'"'}">`.toString(), '<p title="a > b" class="&quot;">');
});

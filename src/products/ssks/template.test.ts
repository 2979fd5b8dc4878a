import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mailOf, plainText, smsOf } from "./template.ts";

describe("templates of challenges", () => {
  test("a mail keeps its markup, every mark replaced, and has a text of the same words", () => {
    const { markup, text } = mailOf("<p>A&eacute; <b>$$CHALLENGE$$</b></p>\n<p>again $$CHALLENGE$$</p>", "abcd2345");
    assert.equal(markup, "<p>A&eacute; <b>abcd2345</b></p>\n<p>again abcd2345</p>");
    assert.equal(text, "Aé abcd2345\n\nagain abcd2345\n");
  });

  test("what a reader does not see is left out of the text: heads, styles, scripts, comments, also unclosed ones", () => {
    const html = "<head><title>T</title></head><style>p{}</style><!-- no --><p>yes</p><script>x()</script><!-- open";
    assert.equal(plainText(html), "yes");
  });

  test("blocks and breaks are lines, links keep their address, references are characters", () => {
    const html =
      '<div>one<br>two</div><ul><li>three</li></ul><a href="https://a.example/x">here</a> &lt;&#233;&#x1F511;&bogus;&#0;';
    assert.equal(plainText(html), "one\ntwo\n\nthree\n\nhere (https://a.example/x) <é🔑&bogus;");
  });

  test("a text message is the template as text; without the mark, or too long, it is a sentence of ours", () => {
    assert.equal(smsOf("<b>Code</b>: $$CHALLENGE$$", "abcd2345"), "Code: abcd2345");
    for (const html of [
      "<p>none</p>",
      "",
      `<p title="$$CHALLENGE$$">hidden</p>`,
      `$$CHALLENGE$$${"x".repeat(1_000)}`,
    ]) {
      assert.equal(smsOf(html, "abcd2345"), "Your verification code: abcd2345");
    }
  });

  test("markup that never ends ends the text, and is read once", () => {
    for (const part of ["<", '<a href="https:', "<!--", "<style>", "<p", "<a <a", '<a href="https:x">']) {
      // Of a hundred thousand characters, some of these took minutes when they were read again and again.
      const long = part.repeat(Math.floor(100_000 / part.length));
      assert.ok(plainText(`<p>seen</p>${long}`).startsWith("seen"), part);
    }
    assert.equal(plainText("&#".repeat(50_000)).length, 100_000);
    assert.equal(plainText(" ".repeat(100_000)), "");
  });
});

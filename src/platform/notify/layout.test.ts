import assert from "node:assert/strict";
import { test } from "node:test";
import { mailLayout } from "./layout.ts";

const NB = "\u00a0";

test("both forms of a mail say the same, with the address in full, and load nothing", () => {
  const url = "https://docs.example.org/sign/abc?x=1&y=2";
  const { text, html } = mailLayout("fr", {
    title: "Un document à signer",
    paragraphs: ["<b>Étude</b> vous invite : signez.", "Deux\nlignes"],
    action: { label: "Signer", url },
    footer: "Ne répondez pas.",
  });
  const markup = html.toString();
  assert.equal(
    text,
    `Un document à signer\n\n<b>Étude</b> vous invite${NB}: signez.\n\nDeux\nlignes\n\nSigner${NB}:\n${url}\n\n-- \nNe répondez pas.\n`,
  );
  assert.match(markup, /<html lang="fr">/);
  assert.match(markup, /name="color-scheme" content="light dark"/);
  assert.ok(markup.includes(`&lt;b&gt;Étude&lt;/b&gt; vous invite${NB}: signez.`));
  assert.ok(markup.includes("<p>Deux<br />lignes</p>"));
  assert.equal(markup.split("https://docs.example.org/sign/abc?x=1&amp;y=2").length, 3);
  assert.ok(!/<(?:img|link|script|iframe)|url\(|src=|color:#|background/i.test(markup.replace("color-scheme", "")));
});

import { html, type Html } from "./html.ts";

/** The little of Markdown that our descriptions use: paragraphs, `code` and **strong**. */
export function prose(text: string): Html[] {
  return text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== "")
    .map((paragraph) => html`<p>${spans(paragraph)}</p>`);
}

/** The same without paragraphs, for headings and cells. */
export function spans(text: string): (Html | string)[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`") && part.length > 2) return html`<code>${part.slice(1, -1)}</code>`;
    if (part.startsWith("**") && part.length > 4) return html`<strong>${part.slice(2, -2)}</strong>`;
    return part;
  });
}

const JSON_TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A JSON value, indented, its parts marked for colour. */
export function jsonBlock(value: unknown): Html {
  const text = JSON.stringify(value, null, 2);
  const parts: (Html | string)[] = [];
  let end = 0;
  for (const match of text.matchAll(JSON_TOKEN)) {
    const [token, quoted, colon, word] = match;
    parts.push(text.slice(end, match.index));
    end = match.index + token.length;
    const kind =
      quoted === undefined ? (word === undefined ? "number" : "word") : colon === undefined ? "string" : "key";
    parts.push(html`<span class="${kind}">${quoted ?? token}</span>`, colon ?? "");
  }
  parts.push(text.slice(end));
  return html`<pre tabindex="0"><code>${parts}</code></pre>`;
}

export function codeBlock(source: string): Html {
  return html`<pre tabindex="0"><code>${source}</code></pre>`;
}

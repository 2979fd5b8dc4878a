import { CHALLENGE_MARK } from "./challenge.ts";

const MAX_SMS_CHARACTERS = 1_000;

/** The mail as its template has it, and the same as plain text for readers that show no markup. */
export function mailOf(html: string, challenge: string): { readonly markup: string; readonly text: string } {
  const markup = html.replaceAll(CHALLENGE_MARK, () => challenge);
  return { markup, text: `${plainText(markup)}\n` };
}

/** The template as text. One without the mark, or too long for a message, gives way to a sentence of ours. */
export function smsOf(html: string, challenge: string): string {
  const text = plainText(html);
  const isFit = text.includes(CHALLENGE_MARK) && text.length <= MAX_SMS_CHARACTERS;
  return isFit ? text.replaceAll(CHALLENGE_MARK, () => challenge) : `Your verification code: ${challenge}`;
}

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  laquo: "«",
  raquo: "»",
  hellip: "…",
  mdash: "—",
  ndash: "–",
  rsquo: "’",
  eacute: "é",
  egrave: "è",
  agrave: "à",
  ccedil: "ç",
};

/** What is not shown, with all that is inside. */
const HIDDEN = new Set(["head", "style", "script", "title"]);
const BLOCKS = new Set(
  "p div h1 h2 h3 h4 h5 h6 tr table ul ol li section main header footer hr blockquote br".split(" "),
);

/**
 * Markup as a person would read it aloud: without what is not shown, a line for a block, an address behind its words. Each
 * character is looked at once or twice, whatever stands there; what is never closed ends the text.
 */
export function plainText(html: string): string {
  const lower = html.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const shown = new Shown();
  for (let at = 0; at < html.length;) {
    const start = html.indexOf("<", at);
    shown.words(html.slice(at, start === -1 ? undefined : start));
    if (start === -1) break;
    const isComment = html.startsWith("<!--", start);
    const end = isComment ? html.indexOf("-->", start + 4) : html.indexOf(">", start);
    if (end === -1) break;
    const name = isComment ? "" : (/^<\/?([a-z][a-z0-9]{0,15})/.exec(lower.slice(start, start + 20))?.[1] ?? "");
    at = end + (isComment ? 3 : 1);
    if (HIDDEN.has(name) && lower.charAt(start + 1) !== "/") {
      const close = lower.indexOf(`</${name}`, at);
      if (close === -1) break;
      at = close;
    } else shown.tag(name, html.slice(start, at));
  }
  return shown.text();
}

/** Collects what is shown; owns the link that is open. */
class Shown {
  readonly #parts: string[] = [];
  #link: { readonly url: string; readonly from: number } | null = null;

  words(text: string): void {
    this.#parts.push(text.replaceAll(/\s+/g, " "));
  }

  tag(name: string, markup: string): void {
    if (BLOCKS.has(name)) this.#parts.push("\n");
    if (name !== "a") return;
    if (this.#link !== null) {
      const { url, from } = this.#link;
      if (!this.#parts.slice(from).join("").includes(url)) this.#parts.push(` (${url})`);
    }
    const url = /\bhref="(https?:[^"]*)"/i.exec(markup)?.[1];
    this.#link = url === undefined ? null : { url, from: this.#parts.length };
  }

  text(): string {
    return decoded(this.#parts.join(""))
      .split("\n")
      .map((line) => line.replaceAll(/ +/g, " ").trim())
      .join("\n")
      .replaceAll(/\n{3,}/g, "\n\n")
      .trim();
  }
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{1,8}));/gi, (all, decimal, hex, name) => {
    if (typeof name === "string") return NAMED[name.toLowerCase()] ?? all;
    const code = typeof decimal === "string" ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0 && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff) ? String.fromCodePoint(code) : "";
  });
}

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

/** Markup as a person would read it aloud: without what is not shown, a line for a block, an address behind its words. */
export function plainText(html: string): string {
  const shown = html
    .replaceAll(/<!--[\s\S]*?(?:-->|$)/g, "")
    .replaceAll(/<(head|style|script|title)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/<a\b[^>]*?href="(https?:[^"]*)"[^>]*>(.*?)<\/a\s*>/gi, (_all, url: string, words: string) =>
      words.includes(url) ? words : `${words} (${url})`,
    )
    .replaceAll(/<br\b[^>]*>/gi, "\n")
    .replaceAll(/<\/?(?:p|div|h[1-6]|tr|table|ul|ol|li|section|main|header|footer|hr|blockquote)\b[^>]*>/gi, "\n")
    .replaceAll(/<[^>]*>/g, "");
  return decoded(shown)
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (all, decimal, hex, name) => {
    if (typeof name === "string") return NAMED[name.toLowerCase()] ?? all;
    const code = typeof decimal === "string" ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0 && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff) ? String.fromCodePoint(code) : "";
  });
}

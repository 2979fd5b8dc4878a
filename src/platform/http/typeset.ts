import type { Language } from "./language.ts";

const NO_BREAK_SPACE = "\u00a0";
const NARROW_NO_BREAK_SPACE = "\u202f";
/** What is left as it is: code, and addresses, where a colon or a question mark is no punctuation. */
const VERBATIM = /(`[^`\n]*`|\b[a-z][a-z0-9+.-]*:\/\/\S+|\bmailto:\S+|\S+@\S+)/i;

/**
 * French sets a space that does not break before : and inside « », and a narrow one before ; ! ?. A blank that stands
 * there already is replaced; code and addresses stay as they are. A second time changes nothing.
 */
export function typeset(language: Language, text: string): string {
  if (language !== "fr") return text;
  return text
    .split(VERBATIM)
    .map((part, index) => (index % 2 === 1 ? part : frenchSpaces(part)))
    .join("");
}

/** A table of French words with its spaces. */
export function typesetWords<T extends Words>(words: T): T {
  const set = (word: string | Words): string | Words =>
    typeof word === "string" ? typeset("fr", word) : typesetWords(word);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every member is kept, and a text stays a text
  return Object.fromEntries(Object.entries(words).map(([name, word]) => [name, set(word)])) as T;
}

type Words = { readonly [name: string]: string | Words };

/** Where a space can belong: behind a word, or in place of a blank. */
const PLACE = String.raw`(?:(?<=[\p{L}\p{N})\]»’"%])[ \u00a0\u202f]*|[ \u00a0\u202f]+)`;
const SIGNS = new RegExp(String.raw`${PLACE}([;!?]+)(?=$|[\s)»])`, "gu");
const COLON = new RegExp(String.raw`${PLACE}:(?=$|\s)`, "gu");

function frenchSpaces(text: string): string {
  return text
    .replaceAll(SIGNS, `${NARROW_NO_BREAK_SPACE}$1`)
    .replaceAll(COLON, `${NO_BREAK_SPACE}:`)
    .replaceAll(/«[ \u00a0\u202f]*/g, `«${NO_BREAK_SPACE}`)
    .replaceAll(/[ \u00a0\u202f]*»/g, `${NO_BREAK_SPACE}»`);
}

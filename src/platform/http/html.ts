const MAKER = Symbol("html");

/** Markup that is safe to send: made only by the `html` tag, which escapes every value that it is given. */
export class Html {
  readonly #markup: string;

  /** Only for this file; elsewhere `html` makes markup. */
  constructor(key: symbol, markup: string) {
    if (key !== MAKER) throw new TypeError("Html is made by the html tag");
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/** What may stand in a hole. Lists are joined; null, undefined and false are nothing. */
export type HtmlValue = string | number | Html | null | undefined | false | readonly HtmlValue[];

type Hole = "text" | "attribute" | "url";

/**
 * Markup with values in it. A hole may be text between tags, or a whole or part of an attribute in double quotes;
 * anywhere else (a tag's name, an attribute without quotes, a script, a style, a comment) the template itself
 * throws, because escaping would not make it safe there. Where an attribute holds an address, the address must be
 * http, https, mailto or relative; any other becomes `#`.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const holes = holesOf(strings);
  let markup = strings[0] ?? "";
  for (const [index, value] of values.entries()) {
    markup += rendered(value, holes[index] ?? "text") + (strings[index + 1] ?? "");
  }
  return new Html(MAKER, markup);
}

function rendered(value: HtmlValue, hole: Hole): string {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof Html) {
    if (hole !== "text") throw new TypeError("markup cannot stand in an attribute");
    return value.toString();
  }
  if (typeof value === "string") return escaped(hole === "url" ? safeAddress(value) : value);
  if (typeof value === "number") return String(value);
  return value.map((one) => rendered(one, hole)).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** Browsers drop tabs, line ends and leading controls of an address before they look at its scheme; so does this. */
function safeAddress(address: string): string {
  const seen = address.replaceAll(/[\u0000-\u0020\u007f-\u009f]/g, "");
  const scheme = /^([^/?#:]*):/.exec(seen)?.[1];
  return scheme === undefined || /^(?:https?|mailto)$/i.test(scheme) ? address : "#";
}

const ADDRESS_ATTRIBUTES: ReadonlySet<string> = new Set("href src action formaction cite poster data".split(" "));
/** One template is one array for the life of the program; its holes are looked at once. */
const knownHoles = new WeakMap<TemplateStringsArray, readonly Hole[]>();

function holesOf(strings: TemplateStringsArray): readonly Hole[] {
  const known = knownHoles.get(strings);
  if (known !== undefined) return known;
  const holes: Hole[] = [];
  let before = "";
  for (const part of strings.slice(0, -1)) {
    before += part;
    holes.push(holeAfter(before));
    before += "x";
  }
  knownHoles.set(strings, holes);
  return holes;
}

function holeAfter(before: string): Hole {
  if (before.lastIndexOf("<!--") > before.lastIndexOf("-->")) throw new TypeError("a value cannot stand in a comment");
  const raw = /<(script|style|textarea|title|template|iframe|noscript)\b[^>]*>(?![\s\S]*<\/\1)/i.exec(before)?.[1];
  if (raw !== undefined && !/^(?:title|textarea)$/i.test(raw)) throw new TypeError(`a value cannot stand in <${raw}>`);
  const tag = lastTag(before);
  if (tag === "") return "text";
  const attribute = /\s([a-z][a-z0-9-]*)="([^"]*)$/i.exec(tag);
  const [, name = "", start = ""] = attribute ?? [];
  if (attribute === null) throw new TypeError(`a value in a tag stands in double quotes: ${tag.slice(-40)}`);
  if (/^(?:on|style$|srcdoc$|srcset$)/i.test(name)) throw new TypeError(`a value cannot stand in ${name}`);
  return ADDRESS_ATTRIBUTES.has(name.toLowerCase()) && start === "" ? "url" : "attribute";
}

/** From the `<` of the tag that is still open, or nothing. */
function lastTag(before: string): string {
  let open = -1;
  let quote = "";
  for (let at = 0; at < before.length; at++) {
    const character = before.charAt(at);
    if (open < 0) {
      if (character === "<") open = at;
    } else if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === ">") open = -1;
  }
  return open < 0 ? "" : before.slice(open);
}

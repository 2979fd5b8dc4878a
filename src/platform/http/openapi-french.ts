import { httpFrench } from "./french.ts";
import type { OpenApiDocument } from "./openapi-document.ts";
import { typeset } from "./typeset.ts";

export type FrenchTable = Readonly<Record<string, string>>;

/** What is told to people; everything else of a document is for programs and stays as it is. */
const TEXT_MEMBERS: ReadonlySet<string> = new Set(["summary", "description", "title"]);
/** Values of the API and not words about it. */
const VALUE_MEMBERS: ReadonlySet<string> = new Set(["example", "value", "default", "enum", "const"]);
/** Below these stand names that others chose: a field may be called `description`. */
const NAMED_MEMBERS: ReadonlySet<string> = new Set(["properties", "schemas", "headers", "examples", "responses"]);

/** A document in French, which texts have no French yet (they stay English), and which entries of the table were used. */
export type InFrench = {
  readonly document: OpenApiDocument;
  readonly missing: readonly string[];
  readonly used: ReadonlySet<string>;
};

/** The published document with every text for people in French, by the area's own table and those of `table`. */
export function frenchDocument(document: OpenApiDocument, table: FrenchTable): InFrench {
  const phrases = new Phrases({ ...httpFrench, ...table });
  const walk = (value: unknown, isNamed: boolean): unknown => {
    if (Array.isArray(value)) return value.map((entry: unknown) => walk(entry, false));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]: [string, unknown]) => {
        if (isNamed) return [name, walk(member, false)];
        if (VALUE_MEMBERS.has(name)) return [name, member];
        if (TEXT_MEMBERS.has(name) && typeof member === "string") return [name, phrases.french(member)];
        // Examples of a schema are a list of values, those of a media type have names.
        if (name === "examples" && Array.isArray(member)) return [name, member];
        return [name, walk(member, NAMED_MEMBERS.has(name))];
      }),
    );
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the walk keeps every member and its type
  const translated = walk(document, false) as OpenApiDocument;
  const tags = translated.tags.map((tag) => ({ ...tag, "x-displayName": phrases.french(tag.name) }));
  return { document: { ...translated, tags }, missing: [...phrases.missing], used: phrases.used };
}

/** Finds the French of a text: as a whole, or of the parts that the document is put together from. */
class Phrases {
  readonly missing = new Set<string>();
  readonly used = new Set<string>();
  readonly #table: FrenchTable;

  constructor(table: FrenchTable) {
    this.#table = table;
  }

  french(text: string): string {
    const found =
      this.#known(text) ??
      text
        .split("\n\n")
        .map((one) => this.#paragraph(one))
        .join("\n\n");
    return typeset("fr", found);
  }

  #known(text: string): string | null {
    if (!Object.hasOwn(this.#table, text)) return null;
    this.used.add(text);
    return this.#table[text] ?? null;
  }

  #paragraph(text: string): string {
    const known = this.#known(text) ?? this.#joined(text) ?? this.#sentence(text);
    if (known !== null) return known;
    this.missing.add(text);
    return text;
  }

  /** Texts that the emitter makes of others. */
  #joined(text: string): string | null {
    const needs = /^The token needs (`[^`]+`(?: and `[^`]+`)*)\.$/.exec(text)?.[1];
    if (needs !== undefined) return `Le jeton doit porter ${needs.replaceAll(" and ", " et ")}.`;
    const [, event, told] = /^Sent to every endpoint that asked for (`[^`]+`)\. (.+)$/.exec(text) ?? [];
    if (event !== undefined && told !== undefined) {
      return `Envoyé à chaque point de réception qui a demandé ${event}. ${this.#paragraph(told)}`;
    }
    const [, before, scopes] = /^(.+) Scopes: ((?:`[^`]+`(?:, )?)+)\.$/.exec(text) ?? [];
    if (before !== undefined && scopes !== undefined) return `${this.#paragraph(before)} Portées : ${scopes}.`;
    return /^`[^`]+`: /.test(text) ? this.#problems(text) : null;
  }

  /** `code`: its title, one after the other. */
  #problems(text: string): string {
    return text
      .split(/(?<=\.) (?=`[^`]+`: )/)
      .map((one) => {
        const [, code = "", title = ""] = /^(`[^`]+`): (.+)\.$/.exec(one) ?? [];
        return `${code} : ${this.#paragraph(title)}.`;
      })
      .join(" ");
  }

  /** A summary that stands as a description. */
  #sentence(text: string): string | null {
    const known = text.endsWith(".") ? this.#known(text.slice(0, -1)) : null;
    return known === null ? null : `${known}.`;
  }
}

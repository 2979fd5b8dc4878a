import { ulidPattern } from "./body.ts";
import { html, type Html } from "./html.ts";
import { FREE_TEXT_PATTERN, ONE_LINE_PATTERN, isOfType, type JsonSchema } from "./openapi-schema.ts";
import { prose } from "./reference-prose.ts";
import { sayLimit, sayType, type Say } from "./reference-words.ts";

const MAX_NESTING = 6;
const MAX_PATTERN_SHOWN = 60;
/** Ids of ours are easier to recognise by their beginning than by their pattern. */
const ID_PATTERN_END = `${ulidPattern}$`;

/** One line of a table of fields. `path` is dotted, with `[]` for an entry of a list. */
type FieldLine = {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly need: "required" | "optional" | "in some forms";
};

/** Finds what a reference names, and knows the language of the page. */
export type Resolve = ((schema: JsonSchema) => JsonSchema) & { readonly say: Say };

/** The members of a body with all that is nested in them, or nothing for a body without members. */
export function fieldsTable(schema: JsonSchema, resolve: Resolve): Html | null {
  const lines = membersOf(schema, "", resolve, new Set());
  return lines.length === 0 ? null : linesTable(lines, resolve);
}

export function parametersTable(
  parameters: readonly {
    readonly name: string;
    readonly schema: JsonSchema;
    readonly required: boolean;
    readonly description: string;
  }[],
  resolve: Resolve,
): Html {
  const lines = parameters.map(({ name, schema, required, description }): FieldLine => ({
    path: name,
    schema: { ...schema, description },
    need: required ? "required" : "optional",
  }));
  return linesTable(lines, resolve);
}

function linesTable(lines: readonly FieldLine[], resolve: Resolve): Html {
  return html`<table class="fields">
    <tbody>
      ${lines.map((line) => fieldRow(line, resolve))}
    </tbody>
  </table>`;
}

function fieldRow(line: FieldLine, resolve: Resolve): Html {
  const known = { ...resolve(line.schema), ...descriptionOf(line.schema) };
  const parents = line.path.split(".");
  const own = parents.pop() ?? "";
  const parent = parents.length === 0 ? "" : `${parents.join(".")}.`;
  return html`<tr>
    <th scope="row">
      <code class="name"><span class="parent">${parent}</span>${own}</code
      ><span class="${line.need === "required" ? "required" : "optional"}">${resolve.say(line.need)}</span>
    </th>
    <td>
      <span class="type">${sayType(resolve.say, typeText(known, resolve))}</span
      >${limitsOf(known).map((limit) => html`<span class="limit">${sayLimit(resolve.say, limit)}</span>`)}${valuesOf(known)}${prose(known.description ?? "")}
    </td>
  </tr> `;
}

function descriptionOf(schema: JsonSchema): { description?: string } {
  return schema.description === undefined ? {} : { description: schema.description };
}

function membersOf(schema: JsonSchema, prefix: string, resolve: Resolve, above: ReadonlySet<JsonSchema>): FieldLine[] {
  const known = resolve(schema);
  if (above.has(known) || above.size >= MAX_NESTING) return [];
  const within = new Set([...above, known]);
  const own = Object.entries(known.properties ?? {}).flatMap(([name, child]): FieldLine[] => {
    if (typeof child === "boolean") return [];
    const path = prefix + name;
    const line: FieldLine = {
      path,
      schema: child,
      need: known.required?.includes(name) === true ? "required" : "optional",
    };
    return [line, ...inside(child, path, resolve, within)];
  });
  const forms = [...(known.oneOf ?? []), ...(known.anyOf ?? [])];
  return [...own, ...joinedForms(forms.map((form) => membersOf(form, prefix, resolve, within)))];
}

function inside(child: JsonSchema, path: string, resolve: Resolve, above: ReadonlySet<JsonSchema>): FieldLine[] {
  const known = resolve(child);
  const { items } = known;
  if (typeof items === "object" && !Array.isArray(items)) return membersOf(items, `${path}[].`, resolve, above);
  return membersOf(known, `${path}.`, resolve, above);
}

/** The forms of a union may share members; each is shown once, and says whether every form has it. */
function joinedForms(forms: readonly (readonly FieldLine[])[]): FieldLine[] {
  const told = forms.filter((form) => form.length > 0);
  const joined = new Map<string, FieldLine>();
  for (const line of told.flat()) {
    const before = joined.get(line.path);
    const isEverywhere = told.every((form) => form.some((other) => other.path === line.path));
    const schema = before === undefined ? line.schema : eitherOf(before.schema, line.schema);
    joined.set(line.path, { path: line.path, schema, need: isEverywhere ? line.need : "in some forms" });
  }
  return [...joined.values()];
}

function eitherOf(one: JsonSchema, other: JsonSchema): JsonSchema {
  const values = [one, other].flatMap((schema) => schema.enum ?? (schema.const === undefined ? [] : [schema.const]));
  if (values.length < 2) return one;
  const { const: _const, ...rest } = one;
  return { ...rest, enum: [...new Set(values)] };
}

/** `list of strings`, `integer or null`: what a reader calls it. */
function typeText(schema: JsonSchema, resolve: Resolve): string {
  const known = resolve(schema);
  const branches = known.anyOf ?? known.oneOf;
  if (branches !== undefined) return [...new Set(branches.map((branch) => typeText(branch, resolve)))].join(" or ");
  if (isOfType(known, "array") && typeof known.items === "object" && !Array.isArray(known.items)) {
    return `list of ${typeText(known.items, resolve)}${isOfType(known, "null") ? " or null" : ""}`;
  }
  const types = known.type === undefined ? [typeof (known.const ?? "any value")] : [known.type].flat();
  const format = known.format === undefined || /^(?:int|base64)/.test(known.format) ? "" : ` (${known.format})`;
  return types.join(" or ") + format;
}

function limitsOf(schema: JsonSchema): string[] {
  const pattern = schema.pattern;
  const id = pattern?.endsWith(ID_PATTERN_END) === true ? pattern.slice(1, -ID_PATTERN_END.length) : null;
  if (id !== null) return [`${id} and a ULID`];
  const isTold = pattern !== undefined && pattern !== FREE_TEXT_PATTERN && schema.format === undefined;
  return [
    // A format has its own length.
    schema.format === undefined ? span(schema.minLength, schema.maxLength, "character") : "",
    span(schema.minItems, schema.maxItems, "entry", "entries"),
    span(undefined, schema.maxProperties, "member"),
    span(schema.minimum, shownMaximum(schema.maximum)),
    schema.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`,
    isTold && pattern.length <= MAX_PATTERN_SHOWN ? patternText(pattern) : "",
  ].filter((limit) => limit !== "");
}

function patternText(pattern: string): string {
  return pattern === ONE_LINE_PATTERN ? "one line" : `pattern ${pattern}`;
}

/** The greatest integer that JSON readers agree on is no news. */
function shownMaximum(maximum: number | undefined): number | undefined {
  return maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
}

function span(least: number | undefined, most: number | undefined, one = "", many = `${one}s`): string {
  const unit = one === "" ? "" : ` ${(most ?? least) === 1 ? one : many}`;
  if (least === Number.MIN_SAFE_INTEGER) return span(undefined, most, one, many);
  if (most === undefined) return least === undefined ? "" : `at least ${least}${unit}`;
  if (least === most) return `exactly ${most}${unit}`;
  return least === undefined ? `at most ${most}${unit}` : `${least} to ${most}${unit}`;
}

function valuesOf(schema: JsonSchema): Html | null {
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  if (values.length === 0) return null;
  return html`<span class="values">${values.map((value) => html`<code>${JSON.stringify(value)}</code> `)}</span>`;
}

import { z } from "zod";

/** A JSON Schema of draft 2020-12, the dialect of OpenAPI 3.1. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;
/** `input` for what a caller sends, where members with a default may be absent; `output` for what we answer. */
export type Direction = "input" | "output";

const SAYABLE_TYPES: ReadonlySet<string> = new Set(
  "string number boolean null literal enum array object record union optional nullable default unknown lazy".split(" "),
);
const SAYABLE_CHECKS: ReadonlySet<string> = new Set(
  "string_format min_length max_length length_equals greater_than less_than number_format multiple_of".split(" "),
);
/** What zod calls a format but JSON Schema does not; the pattern beside it says all. */
const FORMATS_SAID_BY_PATTERN: ReadonlySet<string> = new Set(
  "starts_with ends_with includes lowercase uppercase regex".split(" "),
);
/** Formats of a greatest length by themselves. */
const FORMAT_LENGTHS: Readonly<Record<string, number>> = {
  uuid: 36,
  date: 10,
  "date-time": 40,
  email: 254,
  hostname: 253,
  ipv4: 15,
  ipv6: 45,
  cidrv4: 18,
  cidrv6: 49,
  e164: 16,
};
/** Free text: anything but U+0000, which PostgreSQL's `text` cannot hold. */
export const FREE_TEXT_PATTERN = String.raw`^[^\u0000]*$`;
/** As the contracts write it: text on one line. */
export const ONE_LINE_PATTERN = String.raw`^[^\u0000-\u001f\u007f]+$`;
/** What is sent must be a day of the calendar; what we answer is one anyway, and a short pattern reads better. */
const INSTANT_PATTERNS = {
  input: z.toJSONSchema(z.iso.datetime()).pattern ?? FREE_TEXT_PATTERN,
  output: String.raw`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$`,
};
/** Of a record that does not say `.meta({ maxProperties })`; published, like any other limit. */
const MAX_RECORD_MEMBERS = 100;
const INT32_MAX = 2_147_483_647;

/**
 * The JSON Schema of a route's schema: what is published and what is checked, both made by this one function.
 * Throws where JSON Schema cannot say what the zod schema does (refinements, transformations, coercion) and where
 * something has no limit. Named schemas (`.meta({ id })`) stand below `$defs`.
 */
export function jsonSchemaOf(schema: z.ZodType, direction: Direction, name: string): JsonSchema {
  const emitted = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    io: direction,
    // What zod cannot say is found below, where its place is known.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema, path }) => {
      const breach = unsayable(zodSchema._zod.def);
      if (breach !== null) throw new Error(`${placeOf(name, path)}: JSON Schema cannot say ${breach}`);
      if (zodSchema._zod.def.type === "union" && "discriminator" in zodSchema._zod.def) {
        jsonSchema["discriminator"] = { propertyName: zodSchema._zod.def["discriminator"] };
      }
    },
  });
  const { $schema: _dialect, ...plain } = emitted;
  return tidied(plain, direction, name);
}

function placeOf(name: string, path: readonly (string | number)[]): string {
  return [name, ...path].join(".");
}

function unsayable(def: z.core.$ZodTypes["_zod"]["def"]): string | null {
  if (!SAYABLE_TYPES.has(def.type)) return `a zod ${def.type}`;
  if ("coerce" in def && def.coerce) return "a coercion";
  for (const check of def.checks ?? []) {
    const { check: kind } = check._zod.def;
    if (!SAYABLE_CHECKS.has(kind)) return kind === "custom" ? "a refinement" : `the check ${kind}`;
    const pattern = "pattern" in check._zod.def ? check._zod.def.pattern : null;
    if (pattern instanceof RegExp && /[ims]/.test(pattern.flags)) return `the flags of ${String(pattern)}`;
  }
  return null;
}

/** Fills in what zod leaves open, child by child, and throws where a limit is missing. */
function tidied(given: JsonSchema, direction: Direction, place: string): JsonSchema {
  const schema = mapChildren(given, (child, step) => tidied(child, direction, `${place}.${step}`));
  delete schema["id"];
  delete schema.$id;
  const whole = withNullInside(schema);
  if (whole.enum !== undefined || whole.const !== undefined) return whole;
  if (isOfType(whole, "string")) return tidiedString(whole, direction, place);
  if (isOfType(whole, "integer")) return { ...whole, format: fitsInt32(whole) ? "int32" : "int64" };
  if (isOfType(whole, "array") && whole.maxItems === undefined) throw new Error(`${place}: an array needs a max()`);
  if (isOfType(whole, "object")) return tidiedObject(whole, place);
  return whole;
}

function tidiedString(schema: JsonSchema, direction: Direction, place: string): JsonSchema {
  const { format: given, ...rest } = schema;
  const format = given === undefined || FORMATS_SAID_BY_PATTERN.has(given) ? undefined : given;
  const pattern = rest.pattern ?? (format === "date-time" ? INSTANT_PATTERNS[direction] : undefined);
  if (format !== undefined && pattern === undefined && direction === "input") {
    throw new Error(`${place}: the format ${format} would be published but not checked; give it a regex()`);
  }
  const shown = pattern ?? (format === undefined ? FREE_TEXT_PATTERN : undefined);
  const maxLength = rest.maxLength ?? FORMAT_LENGTHS[format ?? ""];
  if (maxLength === undefined) throw new Error(`${place}: a string needs a max()`);
  return {
    ...rest,
    ...(format === undefined ? {} : { format }),
    maxLength,
    ...(shown === undefined ? {} : { pattern: shown }),
  };
}

function tidiedObject(schema: JsonSchema, place: string): JsonSchema {
  // Every object has those by inheritance, so none of them would ever be missing.
  const inherited = Object.keys(schema.properties ?? {}).find((name) => name in Object.prototype);
  if (inherited !== undefined) throw new Error(`${place}: no member may be called ${inherited}`);
  if (schema.properties !== undefined) return { ...schema, additionalProperties: schema.additionalProperties ?? false };
  if (schema.additionalProperties === undefined) return { ...schema, properties: {}, additionalProperties: false };
  return { ...schema, maxProperties: schema.maxProperties ?? MAX_RECORD_MEMBERS };
}

/** `anyOf: [A, null]` as A whose type may also be null: shorter to read and better to explain when it fails. */
function withNullInside(schema: JsonSchema): JsonSchema {
  const { anyOf, ...outer } = schema;
  const [inner, nothing] = anyOf ?? [];
  if (anyOf?.length !== 2 || inner === undefined || nothing?.type !== "null") return schema;
  if (typeof inner.type !== "string" || inner.const !== undefined) return schema;
  const values = inner.enum === undefined ? {} : { enum: [...inner.enum, null] };
  return { ...inner, ...values, ...outer, type: [inner.type, "null"] };
}

export function isOfType(schema: JsonSchema, type: string): boolean {
  return Array.isArray(schema.type) ? schema.type.some((one) => one === type) : schema.type === type;
}

function fitsInt32(schema: JsonSchema): boolean {
  return (schema.maximum ?? Infinity) <= INT32_MAX && (schema.minimum ?? -Infinity) >= -INT32_MAX - 1;
}

const LISTS = ["anyOf", "oneOf", "allOf"] as const;
const RECORDS = ["properties", "$defs"] as const;
const SINGLES = ["additionalProperties", "propertyNames"] as const;

/** A copy of `schema` in which every direct child is what `change` made of it. */
export function mapChildren(schema: JsonSchema, change: (child: JsonSchema, step: string) => JsonSchema): JsonSchema {
  const copy: JsonSchema = { ...schema };
  for (const key of RECORDS) {
    const children = schema[key];
    if (children === undefined) continue;
    copy[key] = Object.fromEntries(
      Object.entries(children).map(([name, child]) => [name, typeof child === "boolean" ? {} : change(child, name)]),
    );
  }
  for (const key of LISTS) {
    const children = schema[key];
    if (children !== undefined) copy[key] = children.map((child, index) => change(child, `${key}.${index}`));
  }
  for (const key of SINGLES) {
    const child = schema[key];
    if (typeof child === "object") copy[key] = change(child, key);
  }
  const { items } = schema;
  if (typeof items === "object" && !Array.isArray(items)) copy.items = change(items, "items");
  return copy;
}

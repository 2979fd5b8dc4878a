import { Ajv2020 } from "ajv/dist/2020.js";
import type { z } from "zod";
import type { FieldError } from "../errors/errors.ts";
import { isOfType, jsonSchemaOf, type JsonSchema } from "./openapi-schema.ts";
import { boundedCopy } from "./schema-bounds.ts";
import { fieldErrors } from "./schema-reasons.ts";

/** Where the input of a parser stands in the request. */
export type Place = "params" | "query" | "headers" | "body";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fields: readonly FieldError[] };

/** Checks input and fills in defaults. Works on a copy: what the caller handed over stays as it was. */
export type Parser<T = Record<string, unknown>> = (input: unknown) => Parsed<T>;

/** Above this many values only the first fault is told, because telling all would cost more than the check. */
const MAX_VALUES_FOR_ALL_FAULTS = 2_000;

const OPTIONS = {
  // The patterns that zod gives beside a format are the check; the format's name tells the reader.
  validateFormats: false,
  // A member counts only if the body itself holds it, not `toString` of every object.
  ownProperties: true,
  discriminator: true,
  strict: true,
  strictTypes: false,
  verbose: true,
  // They come from jsonSchemaOf, not from outside.
  validateSchema: false,
} as const;

/** Annotations of zod's `.meta()` that say nothing to a validator. */
const ANNOTATIONS = ["example", "x-enum-descriptions"];

function newAjv(options: { readonly useDefaults: boolean; readonly allErrors: boolean }): Ajv2020 {
  return new Ajv2020({ ...OPTIONS, ...options, keywords: ANNOTATIONS });
}

const quick = newAjv({ useDefaults: true, allErrors: false });
const thorough = newAjv({ useDefaults: true, allErrors: true });
const answers = newAjv({ useDefaults: false, allErrors: true });

/**
 * The parser of one part of a request, compiled at its first use from the very JSON Schema that is published. Strings
 * are read as numbers, booleans and lists only outside the body, where nothing else can be sent.
 */
export function compileParser<S extends z.ZodObject>(schema: S, place: Place): Parser<z.output<S>> {
  const publish = lazily(() => jsonSchemaOf(schema, "input", place));
  const quickly = lazily(() => quick.compile<z.output<S>>(publish()));
  const thoroughly = lazily(() => thorough.compile(publish()));
  return (input) => {
    const published = publish();
    const bounded = boundedCopy(place === "headers" ? declaredOnly(published, input) : input, place);
    if (!bounded.ok) return { ok: false, fields: [bounded.field] };
    const value = place === "body" ? bounded.value : withStringsRead(published, bounded.value);
    const check = quickly();
    if (check(value)) return { ok: true, value };
    const errors = check.errors ?? [];
    if (bounded.valueCount > MAX_VALUES_FOR_ALL_FAULTS) return { ok: false, fields: fieldErrors(errors, place) };
    const all = thoroughly();
    all(value);
    return { ok: false, fields: fieldErrors(all.errors ?? errors, place) };
  };
}

/** Holds answers to their schema: what does not fit, or null. Neither fills in nor changes anything. */
export function compileAnswerCheck(schema: z.ZodType): (answer: unknown) => string | null {
  const compiled = lazily(() => answers.compile(jsonSchemaOf(schema, "output", "answer")));
  return (answer) => {
    const check = compiled();
    if (check(answer)) return null;
    return fieldErrors(check.errors ?? [], "answer")
      .map((field) => `${field.parameter} ${field.reason}`)
      .join("; ");
  };
}

/** A start of the server does not wait for what its first requests may never ask for. */
function lazily<T extends object>(make: () => T): () => T {
  let made: T | null = null;
  return () => (made ??= make());
}

/** A request has many headers besides those that a route declares. */
function declaredOnly(published: JsonSchema, input: unknown): unknown {
  const names = published.properties ?? {};
  return typeof input === "object" && input !== null
    ? Object.fromEntries(
        Object.entries(input).filter(([name, value]) => Object.hasOwn(names, name) && value !== undefined),
      )
    : input;
}

function withStringsRead(published: JsonSchema, input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const read: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(input)) {
    const property = Object.hasOwn(published.properties ?? {}, name) ? published.properties?.[name] : undefined;
    if (given === undefined) continue;
    read[name] = typeof property === "object" ? readAs(property, given, published) : given;
  }
  return read;
}

/** Only the one spelling that JSON has for a value is read; anything else stays a string, for the schema to refuse. */
function readAs(property: JsonSchema, given: unknown, root: JsonSchema): unknown {
  const schema = resolved(property, root);
  if (isOfType(schema, "array")) {
    const { items } = schema;
    const list: unknown[] = Array.isArray(given) ? given : [given];
    return typeof items === "object" && !Array.isArray(items) ? list.map((entry) => readAs(items, entry, root)) : list;
  }
  if (typeof given !== "string" || isOfType(schema, "string")) return given;
  if (isOfType(schema, "integer") && /^-?(?:0|[1-9]\d{0,15})$/.test(given)) return Number(given);
  if (isOfType(schema, "number") && /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,17})?$/.test(given)) return Number(given);
  if (isOfType(schema, "boolean") && (given === "true" || given === "false")) return given === "true";
  return given;
}

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const name = schema.$ref?.replace("#/$defs/", "");
  return name === undefined ? schema : (root.$defs?.[name] ?? schema);
}

import { FREE_TEXT_PATTERN, isOfType, type JsonSchema } from "./openapi-schema.ts";

const MAX_EXAMPLE_DEPTH = 8;

const FORMAT_EXAMPLES: Readonly<Record<string, string>> = {
  uuid: "6f1c1c52-0f0e-4b7e-9f0a-2d6b7d9d5c11",
  email: "ada@example.org",
  date: "2026-11-22",
  "date-time": "2026-11-22T09:30:00.000Z",
  uri: "https://app.example.org/hooks",
  ipv4: "192.0.2.7",
  ipv6: "2001:db8::7",
  cidrv4: "192.0.2.0/24",
  cidrv6: "2001:db8::/32",
  hostname: "app.example.org",
  e164: "+4915112345678",
};

/** A value that shows what a schema means: its own example where it has one, otherwise the simplest that fits. */
export function exampleOf(schema: JsonSchema, resolve: (schema: JsonSchema) => JsonSchema, depth = 0): unknown {
  const given = schema.examples?.[0] ?? schema.default;
  if (given !== undefined) return given;
  const known = resolve(schema);
  if (known !== schema) return exampleOf(known, resolve, depth);
  if (known.const !== undefined) return known.const;
  if (known.enum !== undefined) return known.enum[0];
  const branch = known.anyOf?.[0] ?? known.oneOf?.[0];
  if (branch !== undefined) return exampleOf(branch, resolve, depth + 1);
  if (isOfType(known, "object")) return depth > MAX_EXAMPLE_DEPTH ? {} : exampleObject(known, resolve, depth);
  if (isOfType(known, "array")) return exampleList(known, resolve, depth);
  if (isOfType(known, "string")) return exampleString(known);
  if (isOfType(known, "integer") || isOfType(known, "number")) return Math.max(1, known.minimum ?? 1);
  return isOfType(known, "boolean") ? true : null;
}

function exampleObject(schema: JsonSchema, resolve: (schema: JsonSchema) => JsonSchema, depth: number): unknown {
  const shown = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name) === true);
  return Object.fromEntries(
    shown.map(([name, child]) => [name, typeof child === "boolean" ? null : exampleOf(child, resolve, depth + 1)]),
  );
}

function exampleList(schema: JsonSchema, resolve: (schema: JsonSchema) => JsonSchema, depth: number): unknown[] {
  const { items } = schema;
  if (typeof items !== "object" || Array.isArray(items) || depth > MAX_EXAMPLE_DEPTH) return [];
  return [exampleOf(items, resolve, depth + 1)];
}

const HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/** Tried in this order where a pattern decides. */
const CANDIDATES = [
  ...[
    "192.0.2.7",
    "192.0.2.0/24",
    "text",
    "Text",
    HEX,
    HEX.slice(0, 40),
    HEX.slice(0, 32),
    "https://app.example.org/hooks",
  ],
  ...["ada@example.org", "documents:read", "application/pdf", "2026-11-22T09:30:00.000Z", "2026-11-22T09:30:00Z"],
  ...[
    "2026-11-22",
    "+4915112345678",
    "6f1c1c52-0f0e-4b7e-9f0a-2d6b7d9d5c11",
    "dGV4dA==",
    "name.txt",
    "document.sealed",
  ],
  ...["v1", "0.1", "a", "A", "12", "1", "*", "/"],
];

function exampleString(schema: JsonSchema): string {
  const least = schema.minLength ?? 0;
  const most = schema.maxLength ?? Infinity;
  const ofFormat = FORMAT_EXAMPLES[schema.format ?? ""];
  if (ofFormat !== undefined) return ofFormat;
  if (schema.pattern === undefined || schema.pattern === FREE_TEXT_PATTERN)
    return "text".padEnd(least, "x").slice(0, schema.maxLength);
  const pattern = new RegExp(schema.pattern, "u");
  const prefix = /^\^([A-Za-z0-9_]+)/.exec(schema.pattern)?.[1] ?? "";
  const tried = [`${prefix}01KB2Q6V9XJ4M8T3RZ5C7D1E0F`, ...CANDIDATES].flatMap((text) => [text, prefix + text]);
  const padded = [
    ...tried.slice(2),
    ...tried.slice(0, 2),
    ...["x", "A", "0"].map((one) => one.repeat(Math.max(1, least))),
  ];
  // A pattern that none of these fits needs an example of its own; the document's linter says so.
  return padded.find((text) => text.length >= least && text.length <= most && pattern.test(text)) ?? "text";
}

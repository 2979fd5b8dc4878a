import type { ErrorObject } from "ajv/dist/2020.js";
import type { FieldError } from "../errors/errors.ts";
import { FREE_TEXT_PATTERN, ONE_LINE_PATTERN } from "./openapi-schema.ts";

/** More wrong fields than this are not told in one answer. */
export const MAX_FIELDS_REPORTED = 20;
const MAX_VALUES_NAMED = 24;
const MAX_NAME_CHARACTERS = 128;

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  uuid: "a UUID",
  email: "an email address",
  date: "a date such as 2026-11-22",
  "date-time": "a moment in UTC such as 2026-11-22T09:30:00Z",
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
  cidrv4: "a range of IPv4 addresses such as 192.0.2.0/24",
  cidrv6: "a range of IPv6 addresses such as 2001:db8::/32",
  uri: "a URL",
  hostname: "a host name",
  base64: "base64",
  base64url: "base64url without padding",
  e164: "a telephone number such as +4915112345678",
};

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  integer: "an integer",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  null: "null",
};

/** One reason for each wrong field, the first that was found; `root` names the whole where no member is to blame. */
export function fieldErrors(errors: readonly ErrorObject[], root: string): FieldError[] {
  const reasons = new Map<string, string>();
  for (const error of withoutBranches(errors)) {
    const parameter = parameterOf(error) || root;
    if (!reasons.has(parameter)) reasons.set(parameter, reasonOf(error));
    if (reasons.size === MAX_FIELDS_REPORTED) break;
  }
  return [...reasons].map(([parameter, reason]) => ({ parameter, reason }));
}

/**
 * Ajv tells of a failed union each failure of each branch, then the union. Only the union is told, unless it is
 * a nullable object: then what is wrong inside the object is told.
 */
function withoutBranches(errors: readonly ErrorObject[]): ErrorObject[] {
  const kept: ErrorObject[] = [];
  for (const error of errors) {
    if (error.keyword === "propertyNames" || error.keyword === "if") continue;
    if (error.keyword !== "anyOf" && error.keyword !== "oneOf") {
      kept.push(error);
      continue;
    }
    const inner = kept.filter((other) => isWithin(other.instancePath, error.instancePath));
    const outer = kept.filter((other) => !inner.includes(other));
    const members = inner.filter((other) => other.keyword !== "type" || other.instancePath !== error.instancePath);
    const told = isNullable(error) && members.length > 0 ? members : [error];
    kept.splice(0, kept.length, ...outer, ...told);
  }
  return kept;
}

function isNullable(error: ErrorObject): boolean {
  const branches: unknown = error.schema;
  return Array.isArray(branches) && branches.length === 2 && JSON.stringify(branches[1]) === '{"type":"null"}';
}

function isWithin(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}

function parameterOf(error: ErrorObject): string {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const params: Readonly<Record<string, unknown>> = error.params;
  const member = params["missingProperty"] ?? params["additionalProperty"] ?? error.propertyName;
  if (error.keyword === "discriminator") return [...path, String(params["tag"])].join(".");
  return typeof member === "string" ? [...path, shortened(member)].join(".") : path.join(".");
}

/** The sender chose this name; it is told back, but not at any length and not with what no text may hold. */
function shortened(given: string): string {
  const name = given.replaceAll("\u0000", "\uFFFD");
  return name.length > MAX_NAME_CHARACTERS ? `${name.slice(0, MAX_NAME_CHARACTERS)}…` : name;
}

function reasonOf(error: ErrorObject): string {
  const params: Readonly<Record<string, unknown>> = error.params;
  const schema: Readonly<Record<string, unknown>> = error.parentSchema ?? {};
  if (error.propertyName !== undefined) return "is not a permitted member name";
  const wording = WORDINGS[error.keyword];
  return wording === undefined ? "is not valid" : wording(params, schema, error.data);
}

type Wording = (
  params: Readonly<Record<string, unknown>>,
  schema: Readonly<Record<string, unknown>>,
  data: unknown,
) => string;

const WORDINGS: Readonly<Record<string, Wording>> = {
  required: () => "is required",
  dependentRequired: () => "is required",
  additionalProperties: () => "is not a known member",
  type: (params, _schema, data) => typeReason(params["type"], data),
  minLength: (params) => `must be at least ${counted(params["limit"], "character")} long`,
  maxLength: (params) => `must be at most ${counted(params["limit"], "character")} long`,
  minItems: (params) => `must have at least ${counted(params["limit"], "entry", "entries")}`,
  maxItems: (params) => `must have at most ${counted(params["limit"], "entry", "entries")}`,
  minProperties: (params) => `must have at least ${counted(params["limit"], "member")}`,
  maxProperties: (params) => `must have at most ${counted(params["limit"], "member")}`,
  minimum: (params) => `must be ${String(params["limit"])} or more`,
  maximum: (params) => `must be ${String(params["limit"])} or less`,
  exclusiveMinimum: (params) => `must be more than ${String(params["limit"])}`,
  exclusiveMaximum: (params) => `must be less than ${String(params["limit"])}`,
  multipleOf: (params) => `must be a multiple of ${String(params["multipleOf"])}`,
  uniqueItems: () => "must not hold an entry twice",
  const: (params) => `must be ${JSON.stringify(params["allowedValue"])}`,
  enum: (params) => enumReason(params["allowedValues"]),
  pattern: (_params, schema) => patternReason(schema),
  discriminator: (params) => (params["error"] === "tag" ? "is required" : "names no known form"),
  anyOf: () => "fits none of the permitted forms",
  oneOf: () => "fits none of the permitted forms",
};

function counted(limit: unknown, one: string, many = `${one}s`): string {
  return `${String(limit)} ${limit === 1 ? one : many}`;
}

function typeReason(type: unknown, data: unknown): string {
  const types = Array.isArray(type) ? type.map(String) : [String(type)];
  if (
    Array.isArray(data) &&
    data.length > 0 &&
    !types.includes("array") &&
    data.every((entry) => typeof entry === "string")
  ) {
    return `must be ${typeNames(types)}, given once`;
  }
  return `must be ${typeNames(types)}`;
}

function typeNames(types: readonly string[]): string {
  return types.map((type) => TYPE_NAMES[type] ?? type).join(" or ");
}

function enumReason(values: unknown): string {
  if (!Array.isArray(values)) return "is not a permitted value";
  const named = values
    .slice(0, MAX_VALUES_NAMED)
    .map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  return `must be one of: ${named.join(", ")}${values.length > named.length ? ", …" : ""}`;
}

function patternReason(schema: Readonly<Record<string, unknown>>): string {
  if (schema["pattern"] === FREE_TEXT_PATTERN) return "must not hold the character U+0000";
  if (schema["pattern"] === ONE_LINE_PATTERN) return "must not hold control characters";
  const named = FORMAT_NAMES[String(schema["format"])];
  return named === undefined ? `must match the pattern ${String(schema["pattern"])}` : `must be ${named}`;
}

import type { z } from "zod";
import { jsonSchemaOf, mapChildren, type Direction, type JsonSchema } from "./openapi-schema.ts";

const SCHEMAS = "#/components/schemas/";

/**
 * Owns the schemas that one document shares. Two schemas of one name must be one schema; where what is sent
 * differs from what is answered (members with a default), the form that is sent is called `<Name>Input`.
 */
export class SchemaShelf {
  readonly #schemas = new Map<string, JsonSchema>();

  /** Puts a schema on the shelf under `name`, unless it has a name of its own, and returns the reference to it. */
  add(schema: z.ZodType, direction: Direction, name: string): JsonSchema {
    const inline = this.inline(schema, direction, name);
    if (inline.$ref !== undefined) return inline;
    this.#put(name, inline);
    return { $ref: SCHEMAS + name };
  }

  /** The schema itself, with everything named inside it put on the shelf. */
  inline(schema: z.ZodType, direction: Direction, name: string): JsonSchema {
    const { $defs, ...root } = jsonSchemaOf(schema, direction, name);
    const renamed = direction === "input" ? namesThatDiffer($defs ?? {}, schema, name) : new Set<string>();
    const rename = (ref: string): string => {
      if (ref === "#") return SCHEMAS + name;
      const target = ref.replace("#/$defs/", "");
      return SCHEMAS + target + (renamed.has(target) ? "Input" : "");
    };
    for (const [own, definition] of Object.entries($defs ?? {})) {
      this.#put(own + (renamed.has(own) ? "Input" : ""), withReferences(definition, rename));
    }
    return withReferences(root, rename);
  }

  /** What `reference` stands for; a schema that is no reference stands for itself. */
  resolve(reference: JsonSchema): JsonSchema {
    const name = reference.$ref?.replace(SCHEMAS, "");
    return name === undefined ? reference : (this.#schemas.get(name) ?? {});
  }

  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#schemas].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #put(name: string, schema: JsonSchema): void {
    const before = this.#schemas.get(name);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(schema)) {
      throw new Error(`Two different schemas are called ${name}`);
    }
    this.#schemas.set(name, schema);
  }
}

function namesThatDiffer(sent: Record<string, JsonSchema>, schema: z.ZodType, name: string): Set<string> {
  const answered = jsonSchemaOf(schema, "output", name).$defs ?? {};
  const differing = new Set<string>();
  for (let before = -1; before !== differing.size;) {
    before = differing.size;
    for (const [own, definition] of Object.entries(sent)) {
      const text = JSON.stringify(definition);
      const reaches = [...differing].some((other) => text.includes(`"#/$defs/${other}"`));
      if (reaches || text !== JSON.stringify(answered[own])) differing.add(own);
    }
  }
  return differing;
}

function withReferences(schema: JsonSchema, rename: (ref: string) => string): JsonSchema {
  const copy = mapChildren(schema, (child) => withReferences(child, rename));
  // OpenAPI 3.1.1, "Discriminator Object": it selects among named schemas only. The validator needs no names.
  if (copy.oneOf?.some((branch) => branch.$ref === undefined) === true) delete copy["discriminator"];
  return copy.$ref === undefined ? copy : { ...copy, $ref: rename(copy.$ref) };
}

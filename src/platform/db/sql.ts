import { createHash } from "node:crypto";

/** A statement with its bound values. `Row` is the shape of one row that it returns; the store that writes it vouches for it. */
export type Statement<Row> = {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** Carries the row type; never set. */
  readonly row?: Row;
};

type Prepared = { readonly name: string; readonly text: string };

/** One entry per place in the source that writes a statement: bounded by the size of the program. */
const prepared = new WeakMap<TemplateStringsArray, Prepared>();

function prepare(strings: TemplateStringsArray): Prepared {
  const known = prepared.get(strings);
  if (known !== undefined) return known;
  const text = strings.reduce((joined, part, index) => `${joined}$${index}${part}`);
  const name = `t_${createHash("sha256").update(text).digest("base64url").slice(0, 24)}`;
  const made = { name, text };
  prepared.set(strings, made);
  return made;
}

/**
 * A statement in which every `${value}` becomes a bound parameter. There is no way to put text into the statement
 * itself; identifiers are written out. Arrays become PostgreSQL arrays, `Buffer` bytea, plain objects JSON.
 */
export function sql<Row = Record<string, unknown>>(
  strings: TemplateStringsArray,
  ...values: readonly unknown[]
): Statement<Row> {
  const { name, text } = prepare(strings);
  return { name, text, values };
}

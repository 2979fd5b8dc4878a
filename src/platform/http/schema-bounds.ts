import type { FieldError } from "../errors/errors.ts";

/** How deep and how large a parsed body may be before any schema looks at it. */
export const MAX_DEPTH = 32;
export const MAX_VALUES = 100_000;

/** Names that reach a prototype when code copies members carelessly; nothing of ours is called so. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** A copy of the caller's value that is safe to fill and to read, or what is wrong with it. */
export type BoundedCopy =
  | { readonly ok: true; readonly value: unknown; readonly valueCount: number }
  | { readonly ok: false; readonly field: FieldError };

/**
 * Copies plain JSON. Refuses member names that reach a prototype, lone surrogates (RFC 7493, section 2.1: no two
 * readers agree on them, and a signature over them would be over other bytes), and what is too deep or too large.
 */
export function boundedCopy(input: unknown, root: string): BoundedCopy {
  const copier = new Copier(root);
  const value = copier.copy(input, []);
  if (copier.breach !== null) return { ok: false, field: copier.breach };
  return { ok: true, value, valueCount: copier.valueCount };
}

/** Owns the count of one copy and the first breach that was met; after a breach nothing more is copied. */
class Copier {
  readonly #root: string;
  valueCount = 0;
  breach: FieldError | null = null;

  constructor(root: string) {
    this.#root = root;
  }

  copy(value: unknown, path: readonly string[]): unknown {
    this.valueCount += 1;
    if (this.valueCount > MAX_VALUES) return this.#refuse([], `must not hold more than ${MAX_VALUES} values`);
    if (typeof value === "string")
      return value.isWellFormed() ? value : this.#refuse(path, "must be well-formed Unicode");
    if (typeof value !== "object" || value === null) return value;
    if (path.length >= MAX_DEPTH) return this.#refuse(path.slice(0, 3), `must not be nested deeper than ${MAX_DEPTH}`);
    return Array.isArray(value) ? this.#copyList(value, path) : this.#copyMembers(value, path);
  }

  #copyList(list: readonly unknown[], path: readonly string[]): unknown[] {
    const copy: unknown[] = [];
    for (const [index, entry] of list.entries()) {
      copy.push(this.copy(entry, [...path, String(index)]));
      if (this.breach !== null) break;
    }
    return copy;
  }

  #copyMembers(members: object, path: readonly string[]): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(members)) {
      const here = [...path, name];
      if (FORBIDDEN_NAMES.has(name)) this.#refuse(here, "is not a permitted member name");
      else if (!name.isWellFormed()) this.#refuse(path, "has a member name that is not well-formed Unicode");
      else copy[name] = this.copy(member, here);
      if (this.breach !== null) break;
    }
    return copy;
  }

  #refuse(path: readonly string[], reason: string): null {
    this.breach ??= { parameter: path.join(".") || this.#root, reason };
    return null;
  }
}

import { z } from "zod";

/** Common shapes of requests and answers under the native contracts. */
export const ulidPattern = "[0-7][0-9A-HJKMNP-TV-Z]{25}";

/** An id of ours, `<prefix>_<ULID>`. */
export function idShape(prefix: string, what: string): z.ZodString {
  return z
    .string()
    .min(prefix.length + 27)
    .max(prefix.length + 27)
    .regex(new RegExp(`^${prefix}_${ulidPattern}$`))
    .meta({ description: what, examples: [`${prefix}_01KB2Q6V9XJ4M8T3RZ5C7D1E0F`] });
}

/** A moment in UTC, ISO 8601. */
export function instantShape(what: string): z.ZodString {
  return z
    .string()
    .max(40)
    .meta({ description: `${what} (ISO 8601, UTC).`, format: "date-time", examples: ["2026-11-22T09:30:00.000Z"] });
}

const MAX_CURSOR_CHARACTERS = 512;

/** Query of a list: page size and where to go on. */
export const pageQuery = {
  limit: z.int().min(1).max(200).default(50).meta({ description: "Entries a page." }),
  cursor: z
    .string()
    .min(1)
    .max(MAX_CURSOR_CHARACTERS)
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional()
    .meta({ description: "`next_cursor` of the page before." }),
  page: z.int().min(1).max(10_000).optional().meta({ description: "Number of the page from 1, instead of `cursor`." }),
} as const;

/** A page of a list. `next_cursor` is null on the last one. */
export function pageShape<T extends z.ZodType>(
  entry: T,
): z.ZodObject<{ data: z.ZodArray<T>; next_cursor: z.ZodNullable<z.ZodString> }> {
  return z.strictObject({
    data: z.array(entry).max(200),
    next_cursor: z.string().max(MAX_CURSOR_CHARACTERS).nullable(),
  });
}

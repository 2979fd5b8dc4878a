import { z } from "zod";

const MAX_VALUE_CHARACTERS = 2_000;
const MAX_VALUES = 100;
const value = z.string().max(MAX_VALUE_CHARACTERS);

/**
 * Query of a page behind a mailed link. `lang` switches its language; anything else is left alone, because mail programs
 * add to links.
 */
export const linkQuery = z.looseObject({ lang: z.union([value, z.array(value).max(MAX_VALUES)]).optional() });

/** What is named twice counts as it was named first: a page is for people, who cannot mend an address. */
export function firstOf(given: string | readonly string[] | undefined): string | null {
  return (typeof given === "string" ? given : given?.[0]) ?? null;
}

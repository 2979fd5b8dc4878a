import { platformError } from "../errors/platform-errors.ts";

/** Where a list stands: after which id, or how many entries to pass over. */
export type Position = { readonly afterId: string | null; readonly offset: number; readonly limit: number };

/** Reads `limit`, `cursor` and `page`; a cursor that we did not make is a validation error. */
export function positionOf(query: { limit: number; cursor?: string | undefined; page?: number | undefined }): Position {
  if (query.cursor === undefined) {
    return { afterId: null, offset: ((query.page ?? 1) - 1) * query.limit, limit: query.limit };
  }
  const afterId = Buffer.from(query.cursor, "base64url").toString("latin1");
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(afterId)) {
    throw platformError("validation_failed", "The cursor is not one of ours.", {
      fields: [{ parameter: "cursor", reason: "must be the next_cursor of an earlier answer" }],
    });
  }
  return { afterId, offset: 0, limit: query.limit };
}

/**
 * Makes a page of rows that were asked for with one more than `limit`: that one tells whether there is a next page.
 */
export function pageOf<R, T>(
  rows: readonly R[],
  position: Position,
  shape: { id(row: R): string; show(row: R): T },
): { data: T[]; next_cursor: string | null } {
  const shown = rows.slice(0, position.limit);
  const last = shown.at(-1);
  const hasMore = rows.length > position.limit && last !== undefined;
  return {
    data: shown.map((row) => shape.show(row)),
    next_cursor: hasMore ? Buffer.from(shape.id(last), "latin1").toString("base64url") : null,
  };
}

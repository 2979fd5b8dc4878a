import type { RawAnswer } from "../http/route.ts";

export const PLAIN_TEXT = "text/plain; charset=utf-8";

/** A proof or a checkpoint: true for the moment, as the next one follows within a second. */
export function text(body: string): RawAnswer {
  return { status: 200, headers: { "content-type": PLAIN_TEXT, "cache-control": "no-store" }, body };
}

export function json(body: unknown): RawAnswer {
  return { status: 200, headers: { "content-type": "application/json; charset=utf-8" }, body: JSON.stringify(body) };
}

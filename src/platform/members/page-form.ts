import type { Readable } from "node:stream";

const MAX_FORM_BYTES = 16_384;

/** Reads `application/x-www-form-urlencoded`. Null for what is too long, or no text. */
export async function readPageForm(stream: Readable | null): Promise<URLSearchParams | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    const part: unknown = chunk;
    if (!(part instanceof Buffer)) return null;
    size += part.length;
    if (size > MAX_FORM_BYTES) return null;
    parts.push(part);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
    // `URLSearchParams` would put a replacement mark where percent-encoded bytes are no text.
    decodeURIComponent(text.replaceAll("+", " "));
    return new URLSearchParams(text);
  } catch {
    return null;
  }
}

/** Whether a browser sent the form from a page of another site. Our pages' own address is a secret, so `null` is ours. */
export function isFromElsewhere(headers: Readonly<Record<string, string | undefined>>, ownOrigin: string): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = headers["origin"];
  return origin !== undefined && origin !== "null" && origin !== ownOrigin;
}

import type { Readable } from "node:stream";

/** Reads `application/x-www-form-urlencoded`. Null for what is longer than `maxBytes`, or no text. */
export async function readForm(stream: Readable, maxBytes: number): Promise<URLSearchParams | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) return null;
    parts.push(part);
  }
  return parseForm(Buffer.concat(parts));
}

/** Null where the bytes are not UTF-8, before or behind percent signs. */
export function parseForm(bytes: Uint8Array): URLSearchParams | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // `URLSearchParams` would put a replacement mark where percent-encoded bytes are no text.
    decodeURIComponent(text.replaceAll("+", " "));
    return new URLSearchParams(text);
  } catch {
    return null;
  }
}

/**
 * Whether a browser sent the form from a page of another site (Fetch Metadata; Origin where a browser has none). Under
 * `no-referrer` browsers say `Origin: null` of our own pages too; then the link in the path, which no other site knows,
 * is what lets in.
 */
export function isCrossSite(headers: Readonly<Record<string, string | undefined>>, ownOrigin: string): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = headers["origin"];
  if (origin === undefined || origin === "null") return false;
  return origin !== ownOrigin && !origin.endsWith(`//${headers["host"] ?? ""}`);
}

import { Readable } from "node:stream";
import { OutboundError } from "./outbound-error.ts";
import { parseOutboundUrl } from "./url-guard.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** One request of a chain. Header names are in lower case. */
export type Hop = {
  readonly url: URL;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | Readable | undefined;
};

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const CREDENTIAL_HEADERS: readonly string[] = ["authorization", "cookie", "proxy-authorization"];

export function isRedirect(status: number, location: string | undefined): location is string {
  return location !== undefined && REDIRECTS.has(status);
}

/**
 * The request that follows an answer with `status` and `location` (RFC 9110 section 15.4). The new URL is held to the same
 * form as a first one; its addresses are the caller's to check. Credentials do not follow to another origin.
 */
export function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = locationUrl(hop.url, location);
  if (hop.url.protocol === "https:" && url.protocol === "http:") {
    throw new OutboundError("redirect_not_allowed", "The redirect leads from https to http");
  }
  const dropped = url.origin === hop.url.origin ? [] : CREDENTIAL_HEADERS;
  const becomesGet = status === 303 ? hop.method !== "HEAD" : status < 303 && hop.method === "POST";
  if (becomesGet) {
    return { url, method: "GET", headers: without(hop.headers, dropped, /^content-/), body: undefined };
  }
  if (hop.body instanceof Readable) {
    throw new OutboundError("redirect_not_allowed", "The redirect asks for a body that can be sent only once");
  }
  return { ...hop, url, headers: without(hop.headers, dropped) };
}

function locationUrl(base: URL, location: string): URL {
  // An absolute location goes through the strict reader as it stands; WHATWG resolution would mend malformed ones.
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(location)) return parseOutboundUrl(location);
  const url = URL.parse(location, base);
  if (url === null) throw new OutboundError("invalid_url", "The location of the redirect cannot be read");
  return parseOutboundUrl(url.href);
}

function without(headers: Hop["headers"], names: readonly string[], pattern?: RegExp): Hop["headers"] {
  const kept = Object.entries(headers).filter(([name]) => !names.includes(name) && pattern?.test(name) !== true);
  return Object.fromEntries(kept);
}

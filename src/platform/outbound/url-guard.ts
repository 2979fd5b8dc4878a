import { isIP } from "node:net";
import { OutboundError } from "./outbound-error.ts";
import type { AddressGuard } from "./address-guard.ts";

const MAX_URL_LENGTH = 2048;
const MAX_HOST_LENGTH = 253;

/** Ports that a URL may name without its address being on the allow-list. */
const OPEN_PORTS: ReadonlySet<number> = new Set([443, 8443]);

// RFC 3986 has no place for these. WHATWG parsing drops or rewrites them, so another reader could see another host.
// oxlint-disable-next-line no-control-regex -- control characters are exactly what it looks for
const UNSAFE = /[\u0000-\u0020\u007f\\]/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const AUTHORITY = /^[A-Za-z]+:\/\/([^/?#]+)/;
const HOST_NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/;

/** What a URL or a caller asks to reach. `host` is a name or a literal address without brackets. */
export type Target = { readonly host: string; readonly port: number; readonly isPlainHttp: boolean };

/**
 * Reads a URL by all rules that need no address: form, scheme, credentials, length. The port and plain http are judged by
 * `checkReach`, when the addresses are known.
 */
export function parseOutboundUrl(text: string): URL {
  if (text.length > MAX_URL_LENGTH) throw new OutboundError("invalid_url", `The URL is longer than ${MAX_URL_LENGTH}`);
  if (UNSAFE.test(text)) throw invalidUrl("The URL holds a blank, a control character or a backslash");
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw invalidUrl("The URL is not absolute");
  if (scheme !== "https" && scheme !== "http")
    throw new OutboundError("scheme_not_allowed", "The URL must begin with https://");
  const authority = AUTHORITY.exec(text)?.[1];
  if (authority === undefined) throw invalidUrl("The URL names no host");
  if (authority.includes("@"))
    throw new OutboundError("credentials_in_url", "The URL must not hold a user name or password");
  const url = URL.parse(text);
  // No cause: the parser's own error carries the whole URL.
  if (url === null) throw invalidUrl("The URL cannot be read");
  if (url.href.length > MAX_URL_LENGTH) throw invalidUrl(`The URL is longer than ${MAX_URL_LENGTH}`);
  checkHostForm(hostOf(url));
  return url;
}

export function targetOf(url: URL): Target {
  const isPlainHttp = url.protocol === "http:";
  const standardPort = isPlainHttp ? 80 : 443;
  return { host: hostOf(url), port: url.port === "" ? standardPort : Number(url.port), isPlainHttp };
}

/** The name or literal as a URL would hold it, for callers that have no URL. Throws `invalid_url`. */
export function parseHost(text: string): string {
  if (isIP(text) !== 0 && !text.includes("%")) return text;
  if (UNSAFE.test(text) || /[/?#@:[\]%]/.test(text)) throw invalidUrl("The host is not a name or an address");
  const url = URL.parse(`https://${text}/`);
  if (url === null) throw invalidUrl("The host is not a name or an address");
  const host = hostOf(url);
  checkHostForm(host);
  return host;
}

/** Rules that an empty allow-list settles before any name is resolved. */
export function checkBeforeResolving(target: Target, guard: AddressGuard): void {
  if (guard.isListEmpty) checkReach(target, false);
}

/** Plain http and other ports go to listed addresses only. `isListed` says that every address of the target is listed. */
export function checkReach(target: Target, isListed: boolean): void {
  if (isListed) return;
  if (target.isPlainHttp) throw new OutboundError("scheme_not_allowed", "The URL must begin with https://");
  if (!OPEN_PORTS.has(target.port)) {
    throw new OutboundError("port_not_allowed", `Port ${target.port} is not allowed; use 443 or 8443`);
  }
}

function hostOf(url: URL): string {
  return url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
}

function checkHostForm(host: string): void {
  if (isIP(host) !== 0) return;
  if (host.length > MAX_HOST_LENGTH || !HOST_NAME.test(host)) throw invalidUrl("The host is not a well-formed name");
}

function invalidUrl(message: string): OutboundError {
  return new OutboundError("invalid_url", message);
}

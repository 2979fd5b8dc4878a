import { validateHeaderName, validateHeaderValue, type IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import type { Socket } from "node:net";
import { clear, dial, startTls, type Gate } from "./connect.ts";
import { exchange, type Exchanged, type ExchangeRequest } from "./exchange.ts";
import type { IdleSockets, PinnedSocket } from "./idle-sockets.ts";
import { beginLifetime } from "./lifetime.ts";
import { OutboundError } from "./outbound-error.ts";
import { isRedirect, nextHop, type Hop, type Method } from "./redirect.ts";
import { readStart, readWhole } from "./response-body.ts";
import { parseOutboundUrl, targetOf } from "./url-guard.ts";

const DEFAULT_TOTAL_TIMEOUT_MS = 20_000;
const DEFAULT_HEADERS_TIMEOUT_MS = 10_000;
const DEFAULT_IDLE_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_RESPONSE_BYTES = 1024 * 1024;

/** Headers that frame the message or name its target: the client writes them itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "transfer-encoding",
  "upgrade",
  "expect",
  "keep-alive",
  "te",
]);

export type FetchOptions = {
  readonly method?: Method;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent once and without a known length, unless the caller gives `content-length`. */
  readonly body?: Buffer | Readable;
  readonly signal?: AbortSignal;
  /** Default 1 MiB. */
  readonly maxResponseBytes?: number;
  /** From the call to the last byte of the body, name resolution and redirects included. Default 20 s. */
  readonly totalTimeoutMs?: number;
  /** From the last byte sent to the head of the answer. Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** Longest silence inside the body. Default 10 s. */
  readonly idleTimeoutMs?: number;
  /** How many redirects may be followed. Default 0: the redirect itself is the answer. */
  readonly redirects?: number;
  /** Sees every redirect before it is followed; `false` refuses it. */
  readonly onRedirect?: (hop: { status: number; from: URL; to: URL }) => boolean;
  /**
   * Reuse connections. A request whose reused connection breaks before an answer is sent once more on a new one, so the
   * far end may see it twice.
   */
  readonly keepAlive?: boolean;
};

export type FetchResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where the answer came from, after redirects. It may hold secrets. */
  readonly url: string;
  readonly remoteAddress: string;
  /** The bytes as sent, never decompressed. Read it, destroy it, or leave it to the total time limit. */
  readonly body: Readable;
  /** All of the body; more than `maxBytes` throws `response_too_large`. */
  readBody(maxBytes: number): Promise<Buffer>;
  /** The first `maxBytes` of the body; the rest is not read. */
  readStart(maxBytes: number): Promise<{ bytes: Buffer; isTruncated: boolean }>;
};

export type FetchContext = { readonly gate: Gate; readonly idleSockets: IdleSockets; readonly userAgent: string };

type Sent = Exchanged & { readonly address: string };

/**
 * Sends a request and resolves with the head of the answer, whatever its status. Rejects with an OutboundError, or with
 * the error of the caller's own body stream, or with a TypeError for headers that cannot be sent.
 */
export async function guardedFetch(context: FetchContext, text: string, options: FetchOptions): Promise<FetchResponse> {
  const headers = requestHeaders(context, options);
  let hop: Hop = { url: parseOutboundUrl(text), method: options.method ?? "GET", headers, body: options.body };
  const maxRedirects = options.redirects ?? 0;
  const lifetime = beginLifetime({
    signal: options.signal,
    totalTimeoutMs: options.totalTimeoutMs ?? DEFAULT_TOTAL_TIMEOUT_MS,
  });
  try {
    for (let followed = 0; ; followed++) {
      const sent = await sendHop(context, hop, { options, signal: lifetime.signal });
      const status = sent.message.statusCode ?? 0;
      const { location } = sent.message.headers;
      if (maxRedirects === 0 || !isRedirect(status, location)) return responseOf(hop, sent, () => lifetime.end());
      sent.body.destroy();
      if (followed === maxRedirects) {
        throw new OutboundError("too_many_redirects", `More than ${maxRedirects} redirects`);
      }
      const next = nextHop(hop, status, location);
      if (options.onRedirect?.({ status, from: hop.url, to: next.url }) === false) {
        throw new OutboundError("redirect_not_allowed", "The redirect was refused");
      }
      hop = next;
    }
  } catch (error) {
    lifetime.end();
    if (options.body instanceof Readable) options.body.destroy();
    throw error;
  }
}

/** One hop: check, connect or reuse, exchange. A reused connection that was already dead is replaced once. */
async function sendHop(
  context: FetchContext,
  hop: Hop,
  { options, signal }: { options: FetchOptions; signal: AbortSignal },
): Promise<Sent> {
  const target = targetOf(hop.url);
  const { addresses } = await clear(context.gate, target, signal);
  const request: ExchangeRequest = {
    method: hop.method,
    path: hop.url.pathname + hop.url.search,
    headers: { host: hop.url.host, ...hop.headers },
    body: hop.body,
    headersTimeoutMs: options.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS,
    idleTimeoutMs: options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
    maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
    signal,
  };
  const { origin } = hop.url;
  const run = async (pinned: PinnedSocket): Promise<Sent> => {
    const onReusable = options.keepAlive === true ? () => context.idleSockets.put(origin, pinned) : undefined;
    return { ...(await exchange(pinned.socket, request, onReusable)), address: pinned.address };
  };
  // A stream cannot be sent again, so it does not start on a connection that may turn out to be dead.
  const mayReuse = options.keepAlive === true && !(hop.body instanceof Readable);
  const reused = mayReuse ? context.idleSockets.take(origin, addresses) : null;
  if (reused !== null) {
    try {
      return await run(reused);
    } catch (error) {
      if (!(error instanceof OutboundError) || error.code !== "connection_lost") throw error;
    }
  }
  return run(await connect(context.gate, { ...target, addresses, signal }));
}

async function connect(
  gate: Gate,
  route: { host: string; port: number; isPlainHttp: boolean; addresses: readonly string[]; signal: AbortSignal },
): Promise<PinnedSocket> {
  const plain: Socket = await dial(gate, route);
  const address = plain.remoteAddress ?? "";
  if (route.isPlainHttp) return { socket: plain, address };
  const socket = await startTls(gate, {
    socket: plain,
    host: route.host,
    signal: route.signal,
    protocols: ["http/1.1"],
  });
  return { socket, address };
}

function requestHeaders(context: FetchContext, options: FetchOptions): Record<string, string> {
  const headers: Record<string, string> = { "user-agent": context.userAgent, "accept-encoding": "identity" };
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    if (OWN_HEADERS.has(name.toLowerCase())) throw new TypeError(`the header ${name} is set by the client itself`);
    headers[name.toLowerCase()] = value;
  }
  if (Buffer.isBuffer(options.body)) headers["content-length"] = String(options.body.length);
  return headers;
}

function responseOf(hop: Hop, { message, body, address }: Sent, onDone: () => void): FetchResponse {
  body.once("close", onDone);
  message.once("end", onDone);
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    url: hop.url.href,
    remoteAddress: address,
    body,
    readBody: (maxBytes) => readWhole(body, maxBytes),
    readStart: (maxBytes) => readStart(body, maxBytes),
  };
}

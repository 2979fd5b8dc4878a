import type { Socket } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { createAddressGuard } from "./address-guard.ts";
import { createAgents, type OutboundAgents } from "./agent.ts";
import { clear, dial, startTls, type ConnectLimits, type Gate } from "./connect.ts";
import { guardedFetch, type FetchOptions, type FetchResponse } from "./guarded-fetch.ts";
import { IdleSockets } from "./idle-sockets.ts";
import { createSystemResolver, resolveHost, type Resolver } from "./resolve-host.ts";
import { parseHost, parseOutboundUrl, targetOf } from "./url-guard.ts";

const DEFAULT_LIMITS: ConnectLimits = { resolveMs: 5_000, connectMs: 5_000, tlsMs: 5_000 };

export type OutboundOptions = {
  /** The operator's allow-list: texts of CIDR blocks such as `127.0.0.0/8, ::1/128`. */
  readonly allow: readonly string[];
  readonly userAgent: string;
  /** Default: the operating system's. */
  readonly resolver?: Resolver;
  /** Further certificate authorities in PEM, beside those that Node trusts. */
  readonly ca?: string | Buffer;
  readonly limits?: Partial<ConnectLimits>;
};

export type ConnectOptions = { readonly host: string; readonly port: number; readonly signal?: AbortSignal };
export type TlsOptions = ConnectOptions & { readonly protocols?: readonly string[] };

/** The only way out of the server. Every failure is an OutboundError. */
export type Outbound = {
  /** An HTTP request under the URL rules. See `guardedFetch`. */
  fetch(url: string, options?: FetchOptions): Promise<FetchResponse>;
  /** A TCP connection under the address rules; any port, since our own code names it and not a URL. */
  connectTcp(options: ConnectOptions): Promise<Socket>;
  /** The same with TLS; the peer's certificate is verified for `host`. */
  connectTls(options: TlsOptions): Promise<TLSSocket>;
  /** TLS on a connection from `connectTcp`, after a protocol's STARTTLS. */
  startTls(options: { socket: Socket; host: string; signal?: AbortSignal }): Promise<TLSSocket>;
  /** One pair of agents per Outbound, for libraries. They obey the URL rules. */
  agents(): OutboundAgents;
  /** Resolves when a request to this URL would be let out now. Call it at registration; every request checks anew. */
  checkUrl(url: string, signal?: AbortSignal): Promise<void>;
  /** Closes idle connections. Running requests go on. */
  close(): void;
};

/** Throws an Error that names the first malformed block of the allow-list. */
export function createOutbound(options: OutboundOptions): Outbound {
  const gate: Gate = {
    guard: createAddressGuard(options.allow),
    resolver: options.resolver ?? createSystemResolver(),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    secureContext: createSecureContext(options.ca),
  };
  const idleSockets = new IdleSockets();
  const agents = createAgents(gate);
  const context = { gate, idleSockets, userAgent: options.userAgent };
  return {
    fetch: (url, fetchOptions = {}) => guardedFetch(context, url, fetchOptions),
    connectTcp: (target) => connectTcp(gate, target),
    async connectTls(target) {
      const socket = await connectTcp(gate, target);
      return startTls(gate, { signal: never(), ...target, host: parseHost(target.host), socket });
    },
    async startTls(target) {
      return startTls(gate, { signal: never(), ...target, host: parseHost(target.host) });
    },
    agents: () => agents,
    async checkUrl(url, signal = never()) {
      await clear(gate, targetOf(parseOutboundUrl(url)), signal);
    },
    close() {
      idleSockets.destroyAll();
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

async function connectTcp(gate: Gate, options: ConnectOptions): Promise<Socket> {
  const { port, signal = never() } = options;
  const host = parseHost(options.host);
  const { addresses } = await resolveHost(host, { ...gate, timeoutMs: gate.limits.resolveMs, signal });
  return dial(gate, { host, port, addresses, signal });
}

/** One context for all connections: building it reads some hundred root certificates. */
function createSecureContext(ca: string | Buffer | undefined): tls.SecureContext {
  if (ca === undefined) return tls.createSecureContext();
  return tls.createSecureContext({ ca: [...tls.getCACertificates("default"), ca.toString()] });
}

/** A signal that never aborts. */
function never(): AbortSignal {
  return new AbortController().signal;
}

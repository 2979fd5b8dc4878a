import net from "node:net";
import tls from "node:tls";
import { isSameAddress, type AddressGuard } from "./address-guard.ts";
import { abortError, OutboundError } from "./outbound-error.ts";
import { resolveHost, type Resolved, type Resolver } from "./resolve-host.ts";
import { checkBeforeResolving, checkReach, type Target } from "./url-guard.ts";

/** Limits on opening a connection. */
export type ConnectLimits = { readonly resolveMs: number; readonly connectMs: number; readonly tlsMs: number };

/** What every part of one Outbound shares. Nothing in it changes after creation. */
export type Gate = {
  readonly guard: AddressGuard;
  readonly resolver: Resolver;
  readonly limits: ConnectLimits;
  readonly secureContext: tls.SecureContext;
};

/** At most this many addresses of one host are tried; the rest would only eat the connect limit. */
const MAX_ADDRESSES_TRIED = 4;

/** Resolves a target and holds it to every rule on addresses, schemes and ports. No socket is opened. */
export async function clear(gate: Gate, target: Target, signal: AbortSignal): Promise<Resolved> {
  checkBeforeResolving(target, gate.guard);
  const resolved = await resolveHost(target.host, { ...gate, timeoutMs: gate.limits.resolveMs, signal });
  checkReach(target, resolved.isListed);
  return resolved;
}

/**
 * Connects to the first of the checked addresses that answers. A socket whose far end is not the address that was
 * decided on is destroyed. Throws `connect_timeout`, `connect_failed`, `address_not_allowed` or `aborted`.
 */
export async function dial(
  gate: Gate,
  route: { host: string; port: number; addresses: readonly string[]; signal: AbortSignal },
): Promise<net.Socket> {
  const { host, port, signal } = route;
  const candidates = route.addresses.slice(0, MAX_ADDRESSES_TRIED);
  const deadlineMs = performance.now() + gate.limits.connectMs;
  let failure = new OutboundError("connect_failed", `${host} has no address`);
  for (const [index, address] of candidates.entries()) {
    const shareMs = Math.max(1, (deadlineMs - performance.now()) / (candidates.length - index));
    try {
      return await dialAddress({ host, port, signal, address, timeoutMs: shareMs });
    } catch (error) {
      if (!(error instanceof OutboundError) || !isWorthAnotherAddress(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/**
 * TLS over an open socket, with the host as SNI and as the name that the certificate must bear. The peer is always
 * verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says. Throws `tls_failed` or `aborted`; the socket is then destroyed.
 */
export async function startTls(
  gate: Gate,
  options: { socket: net.Socket; host: string; signal: AbortSignal; protocols?: readonly string[] },
): Promise<tls.TLSSocket> {
  const { socket, host, signal, protocols } = options;
  // RFC 6066 section 3: SNI is a name without its trailing dot, never an address.
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  const secured = tls.connect({
    socket,
    host: name,
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
    secureContext: gate.secureContext,
    rejectUnauthorized: true,
  });
  // Losing the wrapper would leave the wrapped socket to its peer.
  secured.once("close", () => socket.destroy());
  await ready(secured, {
    event: "secureConnect",
    signal,
    timeoutMs: gate.limits.tlsMs,
    expired: () =>
      new OutboundError("tls_failed", `The TLS handshake with ${host} took more than ${gate.limits.tlsMs} ms`),
    failed: (cause) => new OutboundError("tls_failed", `TLS with ${host} failed: ${reasonCode(cause)}`, { cause }),
  });
  return secured;
}

type Attempt = { host: string; port: number; signal: AbortSignal; address: string; timeoutMs: number };

async function dialAddress({ host, port, signal, address, timeoutMs }: Attempt): Promise<net.Socket> {
  if (signal.aborted) throw abortError(signal);
  const socket = net.connect({ host: address, port, autoSelectFamily: false, lookup: refuseLookup, noDelay: true });
  await ready(socket, {
    event: "connect",
    signal,
    timeoutMs,
    expired: () => new OutboundError("connect_timeout", `${host}:${port} did not answer in time`),
    failed: (cause) => {
      return new OutboundError("connect_failed", `No connection to ${host}:${port}: ${reasonCode(cause)}`, { cause });
    },
  });
  if (socket.remoteAddress === undefined || !isSameAddress(socket.remoteAddress, address)) {
    socket.destroy();
    throw new OutboundError("address_not_allowed", `The connection to ${host}:${port} ended at another address`);
  }
  return socket;
}

type Readiness = {
  event: "connect" | "secureConnect";
  signal: AbortSignal;
  timeoutMs: number;
  expired: () => OutboundError;
  failed: (cause: Error) => OutboundError;
};

/** Waits for the event; on anything else the socket is destroyed and the promise rejects. */
async function ready(socket: net.Socket, { event, signal, timeoutMs, expired, failed }: Readiness): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(abortError(signal));
  const onError = (error: Error) => reject(failed(error));
  const onClose = () => reject(failed(new Error("closed")));
  const timer = setTimeout(() => reject(expired()), timeoutMs);
  // This listener stays for ever: a peer's reset must not end the process when the owner has no listener at that instant.
  // The owner hears of it by its own 'error' listener or by 'close'.
  socket.on("error", onError);
  socket.once("close", onClose);
  socket.once(event, resolve);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    socket.removeListener("close", onClose);
    socket.removeListener(event, resolve);
    signal.removeEventListener("abort", onAbort);
  }
}

function isWorthAnotherAddress(error: OutboundError): boolean {
  return error.code === "connect_failed" || error.code === "connect_timeout";
}

/** Sockets are opened to literals only; a lookup at this point would be a second answer that nobody judged. */
function refuseLookup(): never {
  throw new Error("a guarded socket looks no name up");
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED` and the like: enough for the owner of the far end, and no address in it. */
function reasonCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "no reason given";
}

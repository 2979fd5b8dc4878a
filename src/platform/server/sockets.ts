import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Config } from "../config/config.ts";

/** How long a connection may keep us waiting. */
export type SocketLimits = {
  /** From the first byte of a request's head to its last; a silent new connection counts as one that has begun. */
  readonly headMs: number;
  /** A connection on which nothing moves for so long is closed. */
  readonly idleMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
};

export const SOCKET_LIMITS: SocketLimits = { headMs: 15_000, idleMs: 60_000, keepAliveMs: 72_000 };

/** Node looks for heads that are late only so often; its own half minute would double the limit. */
const CHECK_SHARE = 10;

/** Makes the listening server: plain, or TLS when a certificate is set. */
export async function socketServer(
  config: Config,
  limits: SocketLimits,
): Promise<(handler: RequestListener) => Server> {
  const options = {
    headersTimeout: limits.headMs,
    // Large uploads take as long as bytes keep coming; `idleMs` sees to that.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.ceil(limits.headMs / CHECK_SHARE),
  };
  const tls =
    config.tlsCertificatePath === null || config.tlsKeyPath === null
      ? null
      : { cert: await readFile(config.tlsCertificatePath), key: await readFile(config.tlsKeyPath) };
  return (handler) => {
    const server =
      tls === null
        ? createServer(options, handler)
        : createTlsServer({ ...options, ...tls, minVersion: "TLSv1.2" }, handler);
    server.setTimeout(limits.idleMs);
    // Without this Node would invite the body before anybody looked at the head; `inviteBody` does it when it is wanted.
    server.on("checkContinue", (request, response) => server.emit("request", request, response));
    return server;
  };
}

/** Tells a client that waits with its body (`Expect: 100-continue`, RFC 9110, section 10.1.1) to send it. */
export function inviteBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.expect?.toLowerCase() === "100-continue") response.writeContinue();
}

type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** What each connection is answering, oldest first. Node keeps the same in private. */
export type Exchanges = { of(socket: Socket): readonly Exchange[] };

export function watchExchanges(server: Server): Exchanges {
  const bySocket = new WeakMap<Socket, Exchange[]>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const open = bySocket.get(socket) ?? [];
    bySocket.set(socket, open);
    const exchange = { request, response };
    open.push(exchange);
    response.once("close", () => open.splice(open.indexOf(exchange), 1));
  });
  return { of: (socket) => bySocket.get(socket) ?? [] };
}

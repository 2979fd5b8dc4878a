import http, { type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import type { Socket } from "node:net";
import { abortError, OutboundError } from "./outbound-error.ts";
import { limitedBody } from "./response-body.ts";

const MAX_HEAD_BYTES = 16 * 1024;

export type ExchangeRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer | Readable | undefined;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly signal: AbortSignal;
};

export type Exchanged = { readonly message: IncomingMessage; readonly body: Readable };

/**
 * One request and the head of its answer over an open socket. The socket belongs to the exchange until `onReusable` gives
 * it back, which happens only after both sides were whole and both wished to go on; otherwise it is destroyed.
 */
export async function exchange(
  socket: Socket,
  request: ExchangeRequest,
  onReusable: (() => void) | undefined,
): Promise<Exchanged> {
  const { signal, headersTimeoutMs } = request;
  const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
  const outgoing = openRequest(socket, request, onReusable !== undefined);
  const fail = (error: Error) => {
    reject(error);
    outgoing.destroy();
    socket.destroy();
  };
  const onAbort = () => fail(abortError(signal));
  let headTimer: NodeJS.Timeout | undefined;
  let answer: IncomingMessage | undefined;
  signal.addEventListener("abort", onAbort);
  // Counted from the end of sending, so that a large upload is bounded by the total limit alone.
  outgoing.once("finish", () => {
    if (answer !== undefined) return;
    const expired = () => fail(new OutboundError("timeout", `No answer came within ${headersTimeoutMs} ms`));
    headTimer = setTimeout(expired, headersTimeoutMs);
  });
  outgoing.once("response", (message) => {
    answer = message;
    clearTimeout(headTimer);
    signal.removeEventListener("abort", onAbort);
    resolve({ message, body: limitedBody(message, request) });
  });
  outgoing.on("error", (error) => fail(explain(error)));
  outgoing.once("close", () => {
    clearTimeout(headTimer);
    signal.removeEventListener("abort", onAbort);
    reject(new OutboundError("connection_lost", "The connection was closed before an answer came"));
    const isWhole = answer?.complete === true && outgoing.writableFinished;
    if (isWhole && onReusable !== undefined && socket.writable && !socket.destroyed) onReusable();
    else socket.destroy();
  });
  send(outgoing, request.body, fail);
  if (signal.aborted) onAbort();
  return promise;
}

function openRequest(socket: Socket, request: ExchangeRequest, isKeptAlive: boolean): http.ClientRequest {
  return http.request({
    method: request.method,
    path: request.path,
    headers: { ...request.headers, connection: isKeptAlive ? "keep-alive" : "close" },
    setHost: false,
    maxHeaderSize: MAX_HEAD_BYTES,
    insecureHTTPParser: false,
    createConnection: () => socket,
  });
}

function send(outgoing: http.ClientRequest, body: Buffer | Readable | undefined, fail: (error: Error) => void): void {
  if (!(body instanceof Readable)) {
    outgoing.end(body);
    return;
  }
  body.once("error", fail);
  body.once("close", () => {
    if (!body.readableEnded) fail(new OutboundError("aborted", "The request body ended early"));
  });
  outgoing.once("close", () => body.destroy());
  body.pipe(outgoing);
}

function explain(error: Error): OutboundError {
  if (error instanceof OutboundError) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "HPE_HEADER_OVERFLOW") {
    return new OutboundError("response_too_large", `The head of the answer is larger than ${MAX_HEAD_BYTES} bytes`, {
      cause: error,
    });
  }
  const message = code.startsWith("HPE_")
    ? "The answer is not valid HTTP"
    : "The connection was lost before an answer came";
  return new OutboundError("connection_lost", message, { cause: error });
}

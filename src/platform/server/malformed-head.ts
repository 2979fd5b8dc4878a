import type { Socket } from "node:net";
import { platformError } from "../errors/platform-errors.ts";
import { ulid } from "../ids/ids.ts";
import type { AppError } from "../errors/errors.ts";
import type { Addresses } from "./addresses.ts";
import type { ServerOptions } from "./listen.ts";
import { renderFailure } from "./answer.ts";
import { productOfPath } from "./registry.ts";
import type { Exchanges } from "./sockets.ts";

type ParseError = Error & { code?: string; rawPacket?: Buffer; reason?: string };

/**
 * Answers a request whose head cannot be parsed, in the dialect of the product that its path names, with a hint at
 * what is wrong, and readable for the pages that may call that path. The parser stays strict: leniency here is how
 * request smuggling begins.
 */
export function onMalformedHead(
  options: ServerOptions,
  exchanges: Exchanges,
  addresses: Pick<Addresses, "find">,
): (error: Error, socket: Socket) => void {
  return (error: ParseError, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const last = exchanges.of(socket).at(-1);
    if (last?.request.complete === true) {
      // The bytes after a whole request are bad: its answer must not be replaced by one to them.
      last.response.once("close", () => socket.destroySoon());
      return;
    }
    if (last?.response.headersSent === true || exchanges.of(socket).length > 1) {
      socket.destroy();
      return;
    }
    // Where the head was good and the body is not, the packet holds no request line.
    const path = pathIn(last?.request.url ?? "") ?? pathIn(requestTargetOf(error)) ?? "/";
    answer({ options, path, cors: addresses.find(path)?.cors ?? {} }, error, socket);
  };
}

function requestTargetOf({ rawPacket }: ParseError): string {
  return /^[A-Z]+ (\S+)/.exec(rawPacket?.toString("latin1") ?? "")?.[1] ?? "";
}

function pathIn(target: string): string | null {
  return /^\/[^?]*/.exec(target)?.[0] ?? null;
}

type Asked = {
  readonly options: ServerOptions;
  readonly path: string;
  readonly cors: Readonly<Record<string, string>>;
};

function answer({ options, path, cors }: Asked, error: ParseError, socket: Socket): void {
  const requestId = `req_${ulid()}`;
  const described = describe(error);
  options.refusals.note(socket.remoteAddress ?? "", described.row.wire, options.services.clock.now());
  const failure = renderFailure(described, productOfPath(options.products, path).dialect, {
    requestId,
    path,
    now: options.services.clock.now(),
  });
  options.services.log.info(
    { requestId, status: failure.status, code: error.code, ip: socket.remoteAddress },
    "malformed request",
  );
  const headers = {
    ...failure.headers,
    ...cors,
    connection: "close",
    "content-length": String(Buffer.byteLength(failure.body)),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write(
    `HTTP/1.1 ${failure.status} ${reasonOf(failure.status)}\r\n${lines.join("\r\n")}\r\n\r\n${failure.body}`,
  );
  socket.destroySoon();
}

function reasonOf(status: number): string {
  return status === 408 ? "Request Timeout" : status === 431 ? "Request Header Fields Too Large" : "Bad Request";
}

function describe(error: ParseError): AppError {
  switch (error.code ?? "") {
    case "HPE_HEADER_OVERFLOW":
      return platformError("headers_too_large", "The head of the request is larger than 16 KiB.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return platformError("request_timeout", "The head of the request did not arrive in time.");
    case "HPE_CR_EXPECTED":
    case "HPE_LF_EXPECTED":
    case "HPE_INVALID_HEADER_TOKEN":
      return platformError(
        "bad_request",
        "A header holds a line break or another control character. A value made by a command such as xxd -p or " +
          'openssl may have been broken over lines: remove the line breaks (tr -d "\\n").',
      );
    case "HPE_INVALID_METHOD":
      return platformError(
        "bad_request",
        "The request does not begin with an HTTP method; is it TLS sent to a plain port?",
      );
    default:
      return platformError(
        "bad_request",
        `The head of the request is not valid HTTP (${error.reason ?? error.code ?? "unknown"}).`,
      );
  }
}

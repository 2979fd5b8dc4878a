/** Every way in which going out can fail. Closed: callers may switch over it exhaustively. */
export type OutboundErrorCode =
  | "invalid_url"
  | "scheme_not_allowed"
  | "credentials_in_url"
  | "port_not_allowed"
  | "address_not_allowed"
  | "name_not_resolved"
  | "connect_timeout"
  | "connect_failed"
  | "tls_failed"
  | "timeout"
  | "response_too_large"
  | "too_many_redirects"
  | "redirect_not_allowed"
  | "aborted"
  | "connection_lost";

/**
 * A refusal or a failure on the way out. The message may be shown to a tenant: it names at most a host and a port, because
 * paths and queries carry secrets and a resolved address tells about the operator's network. What only the operator
 * should see is in `cause`.
 */
export class OutboundError extends Error {
  readonly code: OutboundErrorCode;

  constructor(code: OutboundErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "OutboundError";
    this.code = code;
  }
}

/** The failure that a signal carries: our own when we aborted it, `aborted` when the caller did. */
export function abortError(signal: AbortSignal): OutboundError {
  const reason: unknown = signal.reason;
  return reason instanceof OutboundError
    ? reason
    : new OutboundError("aborted", "The call was aborted", { cause: reason });
}

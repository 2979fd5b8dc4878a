import { abortError, OutboundError } from "./outbound-error.ts";

/** How long one call may live. Its signal always aborts with an OutboundError as reason. */
export type Lifetime = {
  readonly signal: AbortSignal;
  /** Nothing is left to bound: frees the timer and the caller's signal. May be called again. */
  end(): void;
};

/** Begins a life that ends with the caller's signal (`aborted`) or after `totalTimeoutMs` (`timeout`). */
export function beginLifetime(options: { signal: AbortSignal | undefined; totalTimeoutMs: number }): Lifetime {
  const { signal, totalTimeoutMs } = options;
  const controller = new AbortController();
  const onAbort = () => {
    if (signal !== undefined) controller.abort(abortError(signal));
  };
  const timer = setTimeout(() => {
    controller.abort(new OutboundError("timeout", `The call took more than ${totalTimeoutMs} ms`));
  }, totalTimeoutMs);
  // An open socket keeps the process alive as long as it must be; a limit on an answer that nobody reads must not.
  timer.unref();
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort);
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/**
 * The outcome of `work`, or the first of: the signal's abort, `expired()` after `timeoutMs`.
 * The work itself is not stopped; its late outcome is dropped.
 */
export async function within<T>(
  work: Promise<T>,
  bounds: { signal: AbortSignal; timeoutMs: number; expired: () => OutboundError },
): Promise<T> {
  const { signal, timeoutMs, expired } = bounds;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(abortError(signal));
  const timer = setTimeout(() => reject(expired()), timeoutMs);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

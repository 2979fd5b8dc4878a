import { AppError } from "../errors/errors.ts";
import { blobError } from "./errors.ts";

/**
 * The pieces of a caller's source. Whatever the source throws, and the signal, become `blob_interrupted` with the
 * cause, except an `AppError`, which already says what the caller's own caller should learn. The signal also cuts a
 * wait for a source that yields nothing. When the receiver stops early, the source is told to return; that is not
 * waited for, because a source that hangs would hang its receiver too.
 */
export async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const result = await nextOf(iterator, signal);
      isDone = result.done === true;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    if (!isDone) void tellToReturn(iterator);
  }
}

async function nextOf(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array, unknown>> {
  throwIfAborted(signal);
  try {
    return await (signal === undefined ? iterator.next() : orAborted(iterator.next(), signal));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw blobError("blob_interrupted", "the source failed", { cause: error });
  }
}

/** The listener goes with each wait, so that a long-lived signal does not gather one per piece. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortedError(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

function abortedError(signal: AbortSignal): AppError {
  return blobError("blob_interrupted", "the caller gave up", { cause: signal.reason });
}

async function tellToReturn(iterator: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The receiver already fails with the first error; what the source says while it stops cannot change that.
  }
}

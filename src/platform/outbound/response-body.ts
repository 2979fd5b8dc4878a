import { Transform, type Readable } from "node:stream";
import type { IncomingMessage } from "node:http";
import { abortError, OutboundError } from "./outbound-error.ts";

export type BodyLimits = {
  readonly maxResponseBytes: number;
  /** How long the far end may stay silent while we are waiting for it. */
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal;
};

/**
 * The body of an answer as its bytes came, never decompressed, and never more than `maxResponseBytes`. It ends normally
 * only when the message is whole; otherwise it is destroyed with an OutboundError: `response_too_large`, `timeout`,
 * `aborted` or `connection_lost`. A body that nobody reads fails in silence and takes its socket with it.
 */
export function limitedBody(message: IncomingMessage, limits: BodyLimits): Readable {
  const { maxResponseBytes, idleTimeoutMs, signal } = limits;
  let receivedBytes = 0;
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      idle.refresh();
      receivedBytes += chunk.length;
      if (receivedBytes <= maxResponseBytes) done(null, chunk);
      else done(tooLarge(maxResponseBytes));
    },
  });
  const idle = setTimeout(() => {
    // A full buffer means that our own reader is slow; that is not the far end's silence.
    if (body.writableNeedDrain) idle.refresh();
    else body.destroy(new OutboundError("timeout", `No byte came for ${idleTimeoutMs} ms`));
  }, idleTimeoutMs);
  const onAbort = () => body.destroy(abortError(signal));
  const onLost = () => {
    if (!message.complete)
      body.destroy(new OutboundError("connection_lost", "The connection was lost inside the answer"));
  };
  const stopWatching = () => {
    clearTimeout(idle);
    signal.removeEventListener("abort", onAbort);
  };
  signal.addEventListener("abort", onAbort);
  message.on("error", onLost);
  message.on("close", onLost);
  message.once("end", stopWatching);
  body.once("close", () => {
    stopWatching();
    // Even when all of it was received: a message that nobody drains would hold its socket.
    if (!message.readableEnded) message.destroy();
  });
  // Readers still get the error; without this listener an unread body would end the process.
  body.on("error", stopWatching);
  if (signal.aborted) onAbort();
  return message.pipe(body);
}

/** All of a body. More than `maxBytes` destroys it and throws `response_too_large`. */
export async function readWhole(body: Readable, maxBytes: number): Promise<Buffer> {
  const { bytes, isTruncated } = await readStart(body, maxBytes);
  if (isTruncated) throw tooLarge(maxBytes);
  return bytes;
}

/** The first `maxBytes` of a body, and whether there was more. What is beyond is not read: the socket is destroyed. */
export async function readStart(body: Readable, maxBytes: number): Promise<{ bytes: Buffer; isTruncated: boolean }> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // Leaving the loop early destroys the body.
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("the body yields buffers");
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isTruncated: sizeBytes > maxBytes };
}

function tooLarge(maxBytes: number): OutboundError {
  return new OutboundError("response_too_large", `The answer is larger than ${maxBytes} bytes`);
}

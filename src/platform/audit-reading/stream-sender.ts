import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import type { Outbound } from "../outbound/outbound.ts";
import { OutboundError } from "../outbound/outbound-error.ts";
import type { WebhookFamily } from "../product.ts";
import { sendAttempt } from "../webhooks/sender.ts";
import { signedHeaders, type SigningKeys } from "../webhooks/signing.ts";
import { cefLine } from "./format-cef.ts";
import { ocsfLine } from "./format-ocsf.ts";
import { octetCounted, syslogLine } from "./format-syslog.ts";
import { formats, type ExportFormat, type Sender } from "./formats.ts";
import type { AuditRecord } from "./record.ts";

/** What came of a batch. `gone`: the receiver wants nothing any more. */
export type Sent =
  | { readonly kind: "taken" }
  | { readonly kind: "failed" | "gone"; readonly error: string; readonly retryAfterMs: number | null };

export type Batch = {
  readonly streamId: string;
  readonly format: ExportFormat;
  readonly records: readonly AuditRecord[];
  readonly now: Date;
};

const SYSLOG_TIMEOUT_MS = 20_000;
/** Between the last record and our end: a receiver that goes away meanwhile may not have read them all. */
const QUIET_MS = 200;
const MAX_ERROR_CHARACTERS = 500;
const EVENT_TYPE = "audit.batch";

/**
 * Posts a batch, signed as every webhook is. Its id names the stream and the indexes in it; the index of a record is what
 * tells a receiver that it has it already.
 */
export async function postBatch(
  outbound: Outbound,
  batch: Batch,
  to: { url: string; family: WebhookFamily; keys: SigningKeys; sender: Sender; signal: AbortSignal },
): Promise<Sent | null> {
  const first = batch.records[0]?.index ?? 0;
  const last = batch.records.at(-1)?.index ?? 0;
  const id = `${batch.streamId}_${first}_${last}`;
  const lines = batch.records.map((record) => formats[batch.format].line(record, to.sender).trimEnd());
  const isJson = batch.format === "jsonl" || batch.format === "ocsf";
  const records = isJson ? lines.join(",") : lines.map((line) => JSON.stringify(line)).join(",");
  const head = JSON.stringify({
    id,
    type: EVENT_TYPE,
    stream_id: batch.streamId,
    format: batch.format,
    first_index: first,
    last_index: last,
  });
  const body = Buffer.from(`${head.slice(0, -1)},"records":[${records}]}`, "utf8");
  const content = { eventId: id, eventType: EVENT_TYPE, deliveryId: id, attemptAt: batch.now, body };
  const headers = signedHeaders(to.family, to.keys, content);
  const result = await sendAttempt(outbound, { url: to.url, headers, body, now: batch.now, signal: to.signal });
  if (result === null) return null;
  if (result.kind === "delivered") return { kind: "taken" };
  return { kind: result.kind, error: result.error ?? "failed", retryAfterMs: result.retryAfterMs };
}

/** The receiver closed the connection before we did: nobody knows how much of the batch it has read. */
class ClosedEarly extends Error {
  override readonly name = "ClosedEarly";
}

/**
 * Sends a batch over TLS with octet counting (RFC 5425). Syslog has no acknowledgement: a batch counts as taken once the
 * receiver, after our close_notify, has closed the connection without an error. One that closed before has not read to the
 * end, however orderly: its system may have taken bytes that it never looked at.
 */
export async function sendSyslog(
  outbound: Outbound,
  batch: Batch,
  to: { host: string; port: number; sender: Sender; signal: AbortSignal },
): Promise<Sent | null> {
  const signal = AbortSignal.any([to.signal, AbortSignal.timeout(SYSLOG_TIMEOUT_MS)]);
  let socket: TLSSocket | null = null;
  try {
    socket = await outbound.connectTls({ host: to.host, port: to.port, signal });
    const messages = batch.records.map((record) => octetCounted(syslogMessage(record, batch.format, to.sender)));
    await deliver(socket, Buffer.concat(messages), signal);
    return { kind: "taken" };
  } catch (error) {
    if (to.signal.aborted) return null;
    return { kind: "failed", error: wordsOf(signal.aborted ? signal.reason : error), retryAfterMs: null };
  } finally {
    socket?.destroy();
  }
}

async function deliver(socket: TLSSocket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const closed = once(socket, "close", { signal });
  // Whoever waits for it hears of it; where the writing failed nobody does.
  closed.catch(() => undefined);
  socket.resume();
  const written = new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
  await Promise.race([written, closed]);
  await Promise.race([pause(QUIET_MS), closed]);
  throwError(socket);
  if (socket.readableEnded || socket.destroyed) throw new ClosedEarly();
  socket.end();
  await closed;
  throwError(socket);
}

function throwError({ errored }: TLSSocket): void {
  if (errored !== null) throw errored;
}

function syslogMessage(record: AuditRecord, format: ExportFormat, sender: Sender): string {
  if (format === "cef") return syslogLine(record, sender.host, cefLine(record, sender));
  if (format === "ocsf") return syslogLine(record, sender.host, ocsfLine(record, sender));
  return syslogLine(record, sender.host);
}

function wordsOf(error: unknown): string {
  if (error instanceof OutboundError) return `${error.code}: ${error.message}`.slice(0, MAX_ERROR_CHARACTERS);
  if (error instanceof Error && error.name === "TimeoutError")
    return "timeout: The receiver did not take the batch in time";
  if (error instanceof ClosedEarly)
    return "connection: The receiver closed the connection before the batch had its end";
  const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
  return `connection: The connection broke (${code})`.slice(0, MAX_ERROR_CHARACTERS);
}

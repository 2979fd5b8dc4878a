import type { Outbound } from "../outbound/outbound.ts";
import { OutboundError } from "../outbound/outbound-error.ts";
import { retryAfterMs } from "./schedule.ts";

/** One attempt may take that long: name, connection, TLS, answer and all (connecting and TLS have 5 s each inside). */
export const ATTEMPT_TIMEOUT_MS = 20_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** What is read of an answer. Reading it whole lets the connection be used again. */
const MAX_READ_BYTES = 16 * 1024;
/** The most that may arrive before the connection is cut: one chunk beyond what is read. */
const MAX_RECEIVED_BYTES = 256 * 1024;
const MAX_KEPT_BYTES = 1024;
const MAX_LOCATION_CHARACTERS = 300;
const MAX_ERROR_CHARACTERS = 500;

export type AttemptResult = {
  readonly kind: "delivered" | "failed" | "gone";
  readonly statusCode: number | null;
  readonly durationMs: number;
  /** `<code>: <what happened>`, to be shown to the owner. */
  readonly error: string | null;
  /** The start of what the receiver answered, as text. */
  readonly answer: string | null;
  readonly retryAfterMs: number | null;
};

/**
 * Sends one attempt. Answers what came of it, or null when `signal` cut it short: then nothing is known of it. The
 * status alone decides; a receiver that said 2xx and then breaks off has taken the event.
 */
export async function sendAttempt(
  outbound: Outbound,
  parcel: { url: string; headers: Readonly<Record<string, string>>; body: Buffer; now: Date; signal: AbortSignal },
): Promise<AttemptResult | null> {
  const startedAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedAt);
  try {
    const response = await outbound.fetch(parcel.url, {
      method: "POST",
      headers: { "content-type": "application/json", date: parcel.now.toUTCString(), ...parcel.headers },
      body: parcel.body,
      signal: parcel.signal,
      redirects: 0,
      keepAlive: true,
      maxResponseBytes: MAX_RECEIVED_BYTES,
      totalTimeoutMs: ATTEMPT_TIMEOUT_MS,
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
    });
    const answer = await response.readStart(MAX_READ_BYTES).then(
      ({ bytes }) => shown(bytes),
      () => null,
    );
    return {
      ...judge(response.status, response.headers.location),
      statusCode: response.status,
      durationMs: elapsedMs(),
      answer,
      retryAfterMs: retryAfterMs(response.status, response.headers["retry-after"], parcel.now),
    };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    if (parcel.signal.aborted) return null;
    const described = `${error.code}: ${error.message}`.slice(0, MAX_ERROR_CHARACTERS);
    return {
      kind: "failed",
      statusCode: null,
      durationMs: elapsedMs(),
      error: described,
      answer: null,
      retryAfterMs: null,
    };
  }
}

function judge(status: number, location: string | undefined): Pick<AttemptResult, "kind" | "error"> {
  if (status >= 200 && status < 300) return { kind: "delivered", error: null };
  if (status === 410) return { kind: "gone", error: "gone: The receiver answered 410 and wants no further deliveries" };
  if (status >= 300 && status < 400) {
    const target =
      location === undefined ? "without a Location" : `to ${printable(location).slice(0, MAX_LOCATION_CHARACTERS)}`;
    return { kind: "failed", error: `redirect: The receiver answered ${status} ${target}; redirects are not followed` };
  }
  return { kind: "failed", error: `status: The receiver answered ${status}` };
}

function shown(bytes: Buffer): string | null {
  return bytes.length === 0 ? null : printable(bytes.subarray(0, MAX_KEPT_BYTES).toString("utf8"));
}

/** Without control characters: PostgreSQL takes no NUL, and a terminal should not obey a stranger. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what it looks for
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\uFFFD");
}

import { pino, type Logger } from "pino";

/** Structured log: one JSON object a line. What it must never hold is stripped here as a last wall. */
export type Log = Logger;

const SECRET_FIELDS = [
  "authorization",
  "cookie",
  "token",
  "secret",
  "password",
  "passphrase",
  "key",
  "body",
  "idempotency-key",
];

/** `destination` is standard output unless a test gives its own stream. */
export function createLog(level: string, destination?: { write(line: string): void }): Log {
  const options = {
    level,
    base: null,
    timestamp: () => `,"at":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]), censor: "(hidden)" },
    serializers: { error: describeError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

type ErrorFacts = { type: string; message: string; code?: string; stack?: string; cause?: ErrorFacts };

const MAX_CAUSES = 5;

/**
 * What a log may say of an error: type, message, code, stack, causes. Other members are left out, because drivers
 * put whole statements with their values there.
 */
export function describeError(error: unknown, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error, message: "a value that is not an Error was thrown" };
  const facts: ErrorFacts = { type: error.name, message: error.message };
  if ("code" in error && typeof error.code === "string") facts.code = error.code;
  if (error.stack !== undefined) facts.stack = error.stack;
  if (error.cause !== undefined && depth < MAX_CAUSES) facts.cause = describeError(error.cause, depth + 1);
  return facts;
}

import { randomBytes, randomUUID } from "node:crypto";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

const HALF = 2 ** 40;
const MAX_KNOWN_MILLISECONDS = 1_024;

type Tail = { readonly high: number; readonly low: number };

/** The last tail of each millisecond that this process made ids of, those used last at the end. */
const lastTails = new Map<number, Tail>();

/**
 * A ULID: 48 bits of Unix milliseconds, then 80 bits, as 26 characters of Crockford's base 32. Ids made in later
 * milliseconds sort after earlier ones. Within one millisecond the first begins anywhere at random and each further one
 * of this process comes at random after the one before it: what one request writes sorts in the order in which it
 * happened. Ids of several processes are in no order within it.
 */
export function ulid(now: Date = new Date()): string {
  const ms = now.getTime();
  const { high, low } = nextTail(ms);
  return digitsOf(ms, 10) + digitsOf(high, 8) + digitsOf(low, 8);
}

function nextTail(ms: number): Tail {
  const random = randomBytes(10);
  // Half of the range is left free above: no process makes so many ids in a millisecond that it ends.
  const [high, low] = [random.readUIntBE(0, 5) % (HALF / 2), random.readUIntBE(5, 5)];
  const last = lastTails.get(ms);
  lastTails.delete(ms);
  const next = last === undefined ? { high, low } : after(last, 1 + (low % (HALF / 2)));
  lastTails.set(ms, next);
  const oldest = lastTails.keys().next().value;
  if (lastTails.size > MAX_KNOWN_MILLISECONDS && oldest !== undefined) lastTails.delete(oldest);
  return next;
}

function after({ high, low }: Tail, step: number): Tail {
  const sum = low + step;
  return sum < HALF ? { high, low: sum } : { high: high + 1, low: sum - HALF };
}

function digitsOf(value: number, count: number): string {
  let rest = value;
  let digits = "";
  for (let digit = 0; digit < count; digit++) {
    digits = CROCKFORD.charAt(rest % 32) + digits;
    rest = Math.floor(rest / 32);
  }
  return digits;
}

/** `<prefix>_<ULID>`, for example `doc_01KB3…`. The prefix tells the kind, the ULID the time of making. */
export function newId(prefix: string, now?: Date): string {
  return `${prefix}_${ulid(now)}`;
}

/** Whether `text` is `<prefix>_` and a well-formed ULID. */
export function isId(prefix: string, text: string): boolean {
  return text.startsWith(`${prefix}_`) && ULID.test(text.slice(prefix.length + 1));
}

/** A random UUID (RFC 9562, version 4), where a contract asks for one: 122 random bits, lower case. */
export function uuid(): string {
  return randomUUID();
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether `text` is a UUID as `uuid` writes them. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

import { randomBytes, randomUUID } from "node:crypto";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * A ULID: 48 bits of Unix milliseconds, then 80 random bits, as 26 characters of Crockford's base 32.
 * Ids made in later milliseconds sort after earlier ones; within one millisecond the order is random.
 */
export function ulid(now: Date = new Date()): string {
  let time = now.getTime();
  let head = "";
  for (let digit = 0; digit < 10; digit++) {
    head = CROCKFORD.charAt(time % 32) + head;
    time = Math.floor(time / 32);
  }
  const random = randomBytes(10);
  let tail = "";
  for (const start of [0, 5]) {
    // Five bytes are forty bits: eight digits, and below 2^53.
    let bits = random.readUIntBE(start, 5);
    let part = "";
    for (let digit = 0; digit < 8; digit++) {
      part = CROCKFORD.charAt(bits % 32) + part;
      bits = Math.floor(bits / 32);
    }
    tail += part;
  }
  return head + tail;
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

import { domainToASCII } from "node:url";

// RFC 5321 section 4.5.3.1.
const MAX_ADDRESS = 254;
const MAX_LOCAL_PART = 64;
/** A dot-atom (RFC 5322 section 3.2.3): quoted local parts are legal and used by nobody but attackers. */
const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const E164 = /^\+[1-9]\d{6,14}$/;

/** The address as it goes on the wire, its domain in ASCII (RFC 5891); null when it is none that we write to. */
export function mailAddress(text: string): string | null {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  // The parser of domains drops some characters; what it would drop is refused here.
  const given = text.slice(at + 1);
  if (at < 1 || /[\s\p{C}%/\\?#:@[\]<>^|]/u.test(given)) return null;
  const domain = domainToASCII(given);
  if (local.length > MAX_LOCAL_PART || !LOCAL_PART.test(local) || !DOMAIN.test(domain)) return null;
  const address = `${local}@${domain}`;
  return address.length > MAX_ADDRESS ? null : address;
}

export function isPhoneNumber(text: string): boolean {
  return E164.test(text);
}

const MAX_HEADER_TEXT = 200;

/** Free text for a header: on one line, so that it can never begin another header, and of bounded length. */
export function headerText(text: string): string {
  // Invisible characters that turn the direction of writing would make a name look like another one.
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, " ").trim();
  return line.slice(0, MAX_HEADER_TEXT).toWellFormed();
}

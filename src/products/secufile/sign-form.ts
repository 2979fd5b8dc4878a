/** What a form of the pages for signers sends. Absent fields are empty. */
export type SignForm = {
  readonly act: string;
  readonly email: string;
  readonly name: string;
  readonly consent: string;
  readonly code: string;
  readonly reason: string;
};

/** Longest form in bytes: a reason of 1,000 characters and names, percent-encoded. */
export const MAX_FORM_BYTES = 32_768;
const MAX_FIELD_CHARACTERS = 1_000;
/**
 * Controls, tags, and marks that turn the direction of what stands around them. Not the joiners (U+200C, U+200D): Persian
 * and Indian names are written with them.
 */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e0fff}]/u;
/** Anything that leaves ink: neither ignored in drawing, nor a control, nor a blank of any kind. */
const SEEN = /[^\p{Default_Ignorable_Code_Point}\p{C}\p{Z}\u2800]/u;

/** Reads `application/x-www-form-urlencoded`. Null where the bytes are not UTF-8 or a field is too long. */
export function parseSignForm(bytes: Uint8Array): SignForm | null {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // `URLSearchParams` would put a replacement mark where percent-encoded bytes are no text.
    decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return null;
  }
  const given = new URLSearchParams(text);
  const field = (name: string): string => (given.get(name) ?? "").trim().normalize("NFC");
  const form = {
    act: field("act"),
    email: field("email"),
    name: field("name"),
    consent: field("consent"),
    code: field("code").replaceAll(" ", ""),
    reason: field("reason").replaceAll(/\s+/g, " "),
  };
  return Object.values(form).some((value) => value.length > MAX_FIELD_CHARACTERS) ? null : form;
}

/** Whether a person can have typed it and it shows as what it is: 1 to `max` characters, none unseen, and not all blank. */
export function isPlainText(text: string, max: number): boolean {
  return text.length <= max && text.isWellFormed() && SEEN.test(text) && !UNSEEN.test(text);
}

/** For names on pages, in mails and in logs: what would be unseen there goes, or would show them as others. */
export function withoutUnseen(text: string): string {
  return text.toWellFormed().replaceAll(new RegExp(UNSEEN.source, "gu"), " ");
}

export function isEmail(text: string): boolean {
  return (
    text.length <= 254 && !UNSEEN.test(text) && /^[^\s@<>"(),;:\\]+@[^\s@<>"(),;:\\]+\.[^\s@<>"(),;:\\]+$/.test(text)
  );
}

/**
 * Whether a browser sent the form from a page of another site (Fetch Metadata; Origin where a browser has none). Under
 * `no-referrer` browsers say `Origin: null` of our own pages too; then the link in the path, which no other site knows,
 * is what lets in.
 */
export function isCrossSite(headers: Readonly<Record<string, string | undefined>>, ownOrigin: string): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = headers["origin"];
  if (origin === undefined || origin === "null") return false;
  return origin !== ownOrigin && !origin.endsWith(`//${headers["host"] ?? ""}`);
}

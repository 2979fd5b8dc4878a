/**
 * Controls, tags, and marks that turn the direction of what stands around them. Not the joiners (U+200C, U+200D): Persian
 * and Indian names are written with them.
 */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e0fff}]/u;
/** Anything that leaves ink: neither ignored in drawing, nor a control, nor a blank of any kind. */
const SEEN = /[^\p{Default_Ignorable_Code_Point}\p{C}\p{Z}\u2800]/u;

/** Whether a person can have typed it and it shows as what it is: 1 to `max` characters, none unseen, and not all blank. */
export function isPlainText(text: string, max: number): boolean {
  return text.length <= max && text.isWellFormed() && SEEN.test(text) && !UNSEEN.test(text);
}

/** For names on pages, in mails and in logs: what would be unseen there goes, or would show them as others. */
export function withoutUnseen(text: string): string {
  return text.toWellFormed().replaceAll(new RegExp(UNSEEN.source, "gu"), " ");
}

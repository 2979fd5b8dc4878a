import { readFileSync } from "node:fs";
import { memberError } from "./errors.ts";
import { MAX_PASSWORD, MIN_PASSWORD, normalAddress } from "./member.ts";

/** Whose password it is to be: what anybody would try first. */
export type PasswordContext = { readonly email: string; readonly organisation: string };

/** What a new password may not be (NIST SP 800-63B, section 3.1.1.2). Length counts, kinds of characters do not. */
export type PasswordRules = {
  /** Throws `password_refused` or `password_guessable`, and says why. */
  refuse(password: string, context: PasswordContext): void;
};

export type PasswordObjection = "length" | "address" | "common" | "context";

const LIST = new URL("common-passwords.txt", import.meta.url);
const MARK = "\n---\n\n";
/** A listed password with so many digits and signs around it is still that password. */
const MAX_FILLER = 8;
const MIN_CORE = 4;
/** What is repeated to make a password: so little is guessed whether it is listed or not. */
const SHORT_UNIT = 4;
const MIN_WORD = 4;
/** A password that holds more than words of its context must hold so much. */
const MIN_BESIDE = 8;

const reasons: Readonly<Record<PasswordObjection, string>> = {
  length: `A password holds ${MIN_PASSWORD} to ${MAX_PASSWORD} characters.`,
  address: "The address is no password.",
  common: "Many people use this password, or one of a pattern that is tried first.",
  context: "The password is little more than the address, the name of the organisation or that of the product.",
};

/** Reads the list once; it is kept in memory, some 21,000 words. */
export function createPasswordRules(): PasswordRules {
  const listed = readListed();
  return {
    refuse(password, context) {
      const objection = objectionTo(password, context, listed);
      if (objection === null) return;
      const isGuessable = objection === "common" || objection === "context";
      throw memberError(isGuessable ? "password_guessable" : "password_refused", reasons[objection]);
    },
  };
}

/** Passwords that many people use, in the form in which they are compared. */
export function readListed(): ReadonlySet<string> {
  const text = readFileSync(LIST, "utf8");
  return new Set(
    text
      .slice(text.indexOf(MARK) + MARK.length)
      .trimEnd()
      .split("\n"),
  );
}

/** Why a password cannot be taken, or null. It is compared as it would be typed on any keyboard, in whichever case. */
export function objectionTo(
  password: string,
  context: PasswordContext,
  listed: ReadonlySet<string>,
): PasswordObjection | null {
  const given = password.normalize("NFKC");
  if (given.length < MIN_PASSWORD || given.length > MAX_PASSWORD) return "length";
  const folded = folding(given);
  if (normalAddress(folded) === normalAddress(context.email)) return "address";
  if (isCommon(folded, listed)) return "common";
  return isOfContext(folded, context) ? "context" : null;
}

/** Upper case first, so that letters written in two ways when small, as ß and ss or σ and ς, are the same. */
function folding(text: string): string {
  return text.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC").trim();
}

function isCommon(folded: string, listed: ReadonlySet<string>): boolean {
  if (listed.has(folded) || isRun(folded)) return true;
  const unit = unitOf(folded);
  if (unit.length < folded.length && (unit.length <= SHORT_UNIT || isListedCore(unit, listed))) return true;
  return isListedCore(folded, listed);
}

/** Whether it is a listed password, but for digits and signs before and after it. */
function isListedCore(folded: string, listed: ReadonlySet<string>): boolean {
  if (listed.has(folded)) return true;
  const core = folded.replace(/^[^\p{L}]+/u, "").replace(/[^\p{L}]+$/u, "");
  return core.length >= MIN_CORE && folded.length - core.length <= MAX_FILLER && listed.has(core);
}

/** The shortest text that, repeated, gives the whole; the whole itself where there is none shorter. */
function unitOf(text: string): string {
  // A text is made of a unit exactly when it stands in its own double before the end.
  return text.slice(0, `${text}${text}`.indexOf(text, 1));
}

/** Neighbours in the alphabet or on the row of digits all along, up or down: `abcdefghijkl`, `098765432109`. */
function isRun(text: string): boolean {
  const codes = Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
  const isDigits = /^\d+$/.test(text);
  return [1, -1].some((step) =>
    codes.every((code, index) => {
      const from = codes[index - 1];
      if (from === undefined) return true;
      return isDigits ? (code - from - step + 20) % 10 === 0 : code - from === step;
    }),
  );
}

/** Whether little is left of it without the words that anybody would try for this account. */
function isOfContext(folded: string, { email, organisation }: PasswordContext): boolean {
  let left = squeezed(folded);
  const whole = left.length;
  for (const word of wordsOf(`${email} ${organisation} tabellion`)) left = left.replaceAll(word, "");
  return left.length < whole && left.length < MIN_BESIDE;
}

/** The longest first: a word may hold another one. */
function wordsOf(text: string): string[] {
  const spaced = folding(text).split(/\s+/u);
  const parts = [
    ...spaced.flatMap((part) => part.split("@")),
    ...spaced.flatMap((part) => part.split(/[^\p{L}\p{N}]+/u)),
  ];
  const words = new Set(parts.map(squeezed).filter((word) => word.length >= MIN_WORD));
  return [...words].toSorted((a, b) => b.length - a.length);
}

function squeezed(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}]+/gu, "");
}

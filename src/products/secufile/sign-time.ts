import type { Locale } from "./consent.ts";

/** A moment as a signer reads it, in mails and on pages. */
export function shownTime(locale: Locale, at: Date): string {
  const [date = "", time = ""] = at.toISOString().slice(0, 16).split("T");
  return locale === "fr" ? `${date.split("-").toReversed().join("/")} à ${time} UTC` : `${date} ${time} UTC`;
}

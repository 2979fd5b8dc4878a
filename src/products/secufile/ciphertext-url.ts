const MAX_CHARACTERS = 2048;

/**
 * Why `text` cannot be a `ciphertext_url`, or null when it can. Only its form is judged: where the name leads is
 * looked up when it is fetched, and judged then.
 */
export function whyNotCiphertextUrl(text: string, isPlainHttpPossible: boolean): string | null {
  if (text.length > MAX_CHARACTERS) return `must be at most ${MAX_CHARACTERS} characters long`;
  if (!URL.canParse(text)) return "must be a URL";
  const url = new URL(text);
  if (url.protocol === "http:" && !isPlainHttpPossible) return "must begin with https://";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https://";
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (url.hostname === "") return "must name a host";
  return null;
}

export type Language = "en" | "fr";

const MAX_HEADER = 1_000;

/** `?lang=` where it names a language of ours, else what Accept-Language likes best (RFC 9110, 12.5.4), else English. */
export function languageOf(
  headers: { readonly "accept-language"?: string | undefined },
  lang?: string | null,
): Language {
  const asked = languageNamed(lang ?? "");
  if (asked !== null) return asked;
  let best: { language: Language; weight: number } | null = null;
  for (const range of (headers["accept-language"] ?? "").slice(0, MAX_HEADER).split(",")) {
    const [tag = "", ...parameters] = range.split(";").map((part) => part.trim());
    const language = tag === "*" ? "en" : languageNamed(tag);
    const weight = weightOf(parameters);
    if (language !== null && weight > (best?.weight ?? 0)) best = { language, weight };
  }
  return best?.language ?? "en";
}

function languageNamed(tag: string): Language | null {
  const primary = tag.toLowerCase().split("-")[0];
  return primary === "en" || primary === "fr" ? primary : null;
}

function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((one) => /^q=/i.test(one));
  if (given === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.test(given) ? Number(given.slice(2)) : 0;
}

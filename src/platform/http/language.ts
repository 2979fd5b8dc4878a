/** The language to answer in: `?lang=` first, then Accept-Language (RFC 9110, section 12.5.4), English otherwise. */
export function languageOf(headers: Readonly<Record<string, string | undefined>>, lang?: string): "en" | "fr" {
  if (lang === "en" || lang === "fr") return lang;
  const ranked = (headers["accept-language"] ?? "")
    .slice(0, 500)
    .split(",")
    .map((range) => {
      const [tag = "", weight = ""] = range.trim().toLowerCase().split(/;\s*q=/);
      return { language: tag.split("-")[0], weight: weight === "" ? 1 : Number(weight) || 0 };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  for (const { language } of ranked) if (language === "en" || language === "fr") return language;
  return "en";
}

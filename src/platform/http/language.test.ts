import assert from "node:assert/strict";
import { test } from "node:test";
import { languageOf } from "./language.ts";

test("the language is what the address asks for, else what the browser likes best, else English", () => {
  const cases: readonly (readonly [string | undefined, string | undefined, "en" | "fr"])[] = [
    [undefined, undefined, "en"],
    ["fr", undefined, "fr"],
    ["fr-CA,fr;q=0.9,en;q=0.8", undefined, "fr"],
    ["en;q=0.5, fr;q=0.6", undefined, "fr"],
    ["fr;q=0, en;q=0.1", undefined, "en"],
    ["fr;q=0", undefined, "en"],
    ["de, fr;q=0.3", undefined, "fr"],
    ["de", undefined, "en"],
    ["*, fr;q=0.5", undefined, "en"],
    ["fr;q=2", undefined, "en"],
    ["fr", "en", "en"],
    ["en", "fr", "fr"],
    ["en", "FR", "fr"],
    ["fr", "de", "fr"],
    ["frankly", "frx", "en"],
  ];
  for (const [header, lang, expected] of cases) {
    assert.equal(
      languageOf(header === undefined ? {} : { "accept-language": header }, lang),
      expected,
      `${header} ${lang}`,
    );
  }
});

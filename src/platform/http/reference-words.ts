import type { Language } from "./language.ts";
import { typesetWords } from "./typeset.ts";

/** The page's own words. `say` answers the English for English. */
export type Say = (english: string) => string;

const FRENCH: Readonly<Record<string, string>> = typesetWords({
  "{title} reference": "{title} : référence",
  "Skip to the content": "Aller au contenu",
  Version: "Version",
  Introduction: "Introduction",
  Problems: "Problèmes",
  Contents: "Sommaire",
  "Contents, folded": "Sommaire, replié",
  Server: "Serveur",
  Authentication: "Authentification",
  "This document": "Ce document",
  "OpenAPI 3.1 as JSON": "OpenAPI 3.1 en JSON",
  "as YAML": "en YAML",
  Also: "Aussi",
  Parameters: "Paramètres",
  Answers: "Réponses",
  Answer: "Réponse",
  Body: "Corps",
  "In the path": "Dans le chemin",
  "In the query": "Dans la requête",
  Headers: "En-têtes",
  "Headers of every delivery": "En-têtes de chaque livraison",
  "All codes": "Tous les codes",
  "A request that fails is answered with": "Une requête qui échoue reçoit une réponse de type",
  "Programs look at": "Les programmes se règlent sur",
  required: "obligatoire",
  optional: "facultatif",
  "in some forms": "selon la forme",
});

/** Parts of the phrases that say types and limits. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bexactly (\d+)/, "exactement $1"],
  [/\bat least (\d+)/, "au moins $1"],
  [/\bat most (\d+)/, "au plus $1"],
  [/^(-?\d+) to (-?\d+)/, "$1 à $2"],
  [/\bcharacter(s?)$/, "caractère$1"],
  [/\bentry$/, "entrée"],
  [/\bentries$/, "entrées"],
  [/\bmember(s?)$/, "champ$1"],
  [/^one line$/, "une ligne"],
  [/^pattern /, "motif "],
  [/^default /, "par défaut "],
  [/ and a ULID$/, " et un ULID"],
];
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/\blist of /g, "liste : "],
  [/ or /g, " ou "],
  [/\bstring\b/g, "chaîne"],
  [/\binteger\b/g, "entier"],
  [/\bnumber\b/g, "nombre"],
  [/\bboolean\b/g, "booléen"],
  [/\bobject\b/g, "objet"],
  [/\bany value\b/g, "toute valeur"],
];

export function wordsOf(language: Language): Say {
  return language === "en" ? (english) => english : (english) => FRENCH[english] ?? english;
}

/** A limit such as `1 to 50 entries`. */
export function sayLimit(say: Say, limit: string): string {
  if (say("required") === "required") return limit;
  return PHRASES.reduce((text, [pattern, french]) => text.replace(pattern, french), limit);
}

/** A type such as `list of string or null`. */
export function sayType(say: Say, type: string): string {
  if (say("required") === "required") return type;
  return TYPES.reduce((text, [pattern, french]) => text.replaceAll(pattern, french), type);
}

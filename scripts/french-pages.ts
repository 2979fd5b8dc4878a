/** Markdown in French: which files those are, and the spaces that do not break in their prose. */
import { globSync } from "node:fs";
import { typeset } from "../src/platform/http/typeset.ts";

const ROOT = new URL("../", import.meta.url);

export function frenchPages(): URL[] {
  const paths = globSync(["*.fr.md", "docs/**/*.fr.md", "src/**/*.fr.md"], { cwd: ROOT });
  return paths.toSorted().map((path) => new URL(path, ROOT));
}

/** Blocks of code stay as they are. */
export function setSpaces(markdown: string): string {
  return markdown
    .split(/(^```[\s\S]*?^```)/m)
    .map((part, at) => (at % 2 === 1 ? part : typeset("fr", part)))
    .join("");
}

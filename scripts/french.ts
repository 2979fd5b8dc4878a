/** `npm run french` sets the spaces of all Markdown in French, as pages and mails have them. A test holds them. */
import { readFile, writeFile } from "node:fs/promises";
import { frenchPages, setSpaces } from "./french-pages.ts";

for (const page of frenchPages()) {
  const text = await readFile(page, "utf8");
  const set = setSpaces(text);
  if (set === text) continue;
  await writeFile(page, set);
  console.log(`${page.pathname}: spaces set`);
}

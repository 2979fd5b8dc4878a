/** `npm run errors` writes docs/errors.md and docs/errors.fr.md anew. */
import { writeFile } from "node:fs/promises";
import { ERRORS_PAGES, errorsPage, errorTables, frenchTitles } from "./errors-page.ts";

const tables = await errorTables();
await writeFile(ERRORS_PAGES.en, errorsPage(tables));
await writeFile(ERRORS_PAGES.fr, errorsPage(tables, await frenchTitles(tables.keys())));

/** `npm run errors` writes docs/errors.md anew. */
import { writeFile } from "node:fs/promises";
import { ERRORS_PAGE, errorsPage, errorTables } from "./errors-page.ts";

await writeFile(ERRORS_PAGE, errorsPage(await errorTables()));

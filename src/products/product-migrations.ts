import { existsSync } from "node:fs";
import type { MigrationFolder } from "../platform/db/migrate.ts";

const PRODUCTS = ["secufile", "ssks"] as const;

/** The tables of each product, in a schema of its own. */
export const productMigrations: readonly MigrationFolder[] = PRODUCTS.map((product) => ({
  area: product,
  folder: new URL(`./${product}/migrations/`, import.meta.url),
})).filter((entry) => existsSync(entry.folder));

import { posix } from "node:path";
import type { Breach, SourceFile } from "./source-file.ts";

const REQUIRED = [
  ...["README.md", "CONTRACT.md", "product.ts", "auth.ts", "dialect.ts", "routes.ts", "schema.ts"],
  ...["errors.ts", "events.ts", "jobs.ts"],
];
/** Parts that may be one file or, grown past 400 lines, a folder of nouns. */
const GROWING = ["operations", "store"];
const FRONT_DOOR = ["routes.ts", "auth.ts", "dialect.ts"];
export const readmeHeadings: readonly string[] = [
  ...["Purpose", "Words", "Operations", "Tables", "Events", "Limits", "Failure modes"],
];

/** Each product folder (one with a `product.ts`) against the form that all of them have. */
export function shapeBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const products = files
    .map((file) => /^src\/products\/([^/]+)\/product\.ts$/.exec(file.path)?.[1])
    .filter((name) => name !== undefined);
  return products.flatMap((product) => productBreaches(product, files));
}

function productBreaches(product: string, files: readonly SourceFile[]): readonly Breach[] {
  const folder = `src/products/${product}`;
  const inside = files
    .filter((file) => file.path.startsWith(`${folder}/`))
    .map((file) => file.path.slice(folder.length + 1));
  const breach = (law: string, path = ""): Breach => ({ path: posix.join(folder, path), line: 1, law });
  const breaches: Breach[] = [];
  for (const name of REQUIRED) if (!inside.includes(name)) breaches.push(breach(`${name} is missing`));
  for (const part of GROWING) {
    const isFile = inside.includes(`${part}.ts`);
    const isFolder = inside.some((path) => path.startsWith(`${part}/`));
    if (!isFile && !isFolder) breaches.push(breach(`${part}.ts is missing`));
    if (isFile && isFolder) breaches.push(breach(`${part} is a file or a folder, not both`));
  }
  const readme = files.find((file) => file.path === `${folder}/README.md`);
  if (readme !== undefined) breaches.push(...readmeBreaches(readme));
  breaches.push(...migrationBreaches(inside, breach));
  for (const path of inside) if (isForeign(path, inside)) breaches.push(breach("does not belong here", path));
  return breaches;
}

function readmeBreaches(readme: SourceFile): readonly Breach[] {
  const found = [...readme.source.matchAll(/^## (.+)$/gm)].map((match) => (match[1] ?? "").trim());
  if (found.join("|") === readmeHeadings.join("|")) return [];
  const law = `its second-level headings are ${readmeHeadings.join(", ")}, in this order; read ${found.join(", ")}`;
  return [{ path: readme.path, line: 1, law }];
}

/** Numbered from 0001 without a gap: a hole means that a file is missing. */
function migrationBreaches(
  inside: readonly string[],
  breach: (law: string, path?: string) => Breach,
): readonly Breach[] {
  const numbers = inside
    .filter((path) => path.startsWith("migrations/"))
    .map((path) => Number(posix.basename(path).slice(0, 4)))
    .toSorted((a, b) => a - b);
  if (numbers.length === 0) return [breach("migrations/ is missing")];
  return numbers.every((number, place) => number === place + 1)
    ? []
    : [breach("migrations are numbered from 0001 without a gap", "migrations")];
}

/** Anything but the roles, nouns, tests, migrations, data of tests, and front doors that have all their parts. */
function isForeign(path: string, inside: readonly string[]): boolean {
  const segments = path.split("/");
  const [folder = ""] = segments;
  if (segments.length === 1) return !/^(?:README(?:\.fr)?\.md|CONTRACT\.md|[a-z0-9-]+(?:\.test)?\.ts)$/.test(path);
  if (folder.startsWith("test-")) return false;
  if (segments.length > 2) return true;
  if (folder === "migrations") return !path.endsWith(".sql");
  if (!path.endsWith(".ts")) return true;
  return !GROWING.includes(folder) && !FRONT_DOOR.every((part) => inside.includes(`${folder}/${part}`));
}

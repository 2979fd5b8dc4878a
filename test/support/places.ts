import { posix } from "node:path";
import { isTest } from "./source-file.ts";

/** Where a file stands: its layer, and in it the product or the platform's area (or a file at the layer's root). */
export type Place = { readonly layer: "main" | "product" | "platform" | "outside"; readonly area: string };

const ROLES = new Set([
  ...["product", "auth", "dialect", "routes", "schema", "operations", "store", "errors", "events", "jobs", "pages"],
]);

export function placeOf(path: string): Place {
  const [root, layer = "", area = ""] = path.split("/");
  if (root !== "src") return { layer: "outside", area: "" };
  if (layer === "platform") return { layer: "platform", area };
  if (layer === "products") return { layer: "product", area };
  return { layer: "main", area: "" };
}

/**
 * The part that a file plays in its product or area: by its name, or by the folder `operations/` or `store/`; `noun`
 * for any other source, null for what plays no part (tests, files outside an area).
 */
export function roleOf(path: string): string | null {
  const { layer, area } = placeOf(path);
  if (layer === "main" || layer === "outside" || area.endsWith(".ts") || isTest(path)) return null;
  if (!path.endsWith(".ts")) return null;
  const folder = posix.basename(posix.dirname(path));
  if (folder !== area && (folder === "operations" || folder === "store")) return folder;
  const name = posix.basename(path, ".ts");
  // `platform/events/events.ts` is what the area is for, not its list of events.
  if (layer === "platform" && name === area) return "noun";
  return ROLES.has(name) ? name : "noun";
}

/** Where SQL is written: store files and the database area itself. */
export function isSqlPlace(path: string): boolean {
  return path.startsWith("src/platform/db/") || roleOf(path) === "store";
}

import { posix } from "node:path";
import { roleOf, type Place, placeOf } from "./places.ts";
import {
  importsOf,
  isScript,
  isTest,
  targetOf,
  type Breach,
  type ModuleImport,
  type SourceFile,
} from "./source-file.ts";

/** The folders of the platform, each after those it may import. */
export const platformOrder: readonly string[] = [
  ...["config", "log", "clock", "ids", "errors", "db", "outbound", "keys", "pki", "jobs", "events", "tlog", "audit"],
  ...["http", "tenants", "credentials", "limits", "notify", "webhooks", "blobs", "pdf", "idempotency"],
  ...["members", "sessions", "audit-reading", "administration", "backup", "erasure", "server"],
];

/** What a file of one role may import of its own product, and of the platform (null: any area). */
type RoleRule = { readonly own: readonly string[]; readonly platform: readonly string[] | null };

const ALL_ROLES = [
  "auth",
  "dialect",
  "routes",
  "schema",
  "operations",
  "store",
  "errors",
  "events",
  "jobs",
  "pages",
  "noun",
];
const NOT_HTTP = platformOrder.filter((area) => area !== "http" && area !== "server");

/** The table of roles. `platform/product.ts` holds types that any file may import. */
const roleRules: Readonly<Record<string, RoleRule>> = {
  // A manifest also takes in routes that areas offer to every product: tokens and webhooks.
  product: { own: ALL_ROLES, platform: ["credentials", "webhooks", "audit-reading"] },
  auth: { own: ["store", "errors", "noun"], platform: null },
  dialect: { own: ["errors", "events"], platform: null },
  routes: { own: ["schema", "operations", "errors", "pages", "noun"], platform: ["http"] },
  pages: { own: ["noun"], platform: ["http"] },
  schema: { own: ["noun", "errors"], platform: null },
  operations: { own: ["store", "schema", "noun", "errors", "events", "pages"], platform: NOT_HTTP },
  store: { own: ["noun"], platform: ["db"] },
  errors: { own: [], platform: ["errors"] },
  events: { own: ["noun"], platform: [] },
  jobs: { own: ["operations", "schema", "noun"], platform: null },
  noun: { own: ["noun"], platform: [] },
};

/** Every import that goes against the direction main -> products -> platform, or against the table of roles. */
export function importBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return files
    .filter((file) => isScript(file.path))
    .flatMap((file) =>
      importsOf(file).flatMap((each) => {
        const law = objectionTo(file, each);
        return law === null ? [] : [{ path: file.path, line: each.line, law }];
      }),
    );
}

function objectionTo(file: SourceFile, each: ModuleImport): string | null {
  const from = placeOf(file.path);
  if (each.specifier === null) {
    return from.layer === "outside" ? null : "imports a module whose name is not written out";
  }
  const target = targetOf(file, each.specifier);
  if (target === null) return null;
  const to = placeOf(target);
  if (from.layer === "outside") return outsideObjection(file.path, target);
  if (to.layer === "outside") return leavingObjection(file.path, target);
  if (isTest(file.path)) return testObjection(from, to);
  if (isTest(target)) return "a source imports what only tests use";
  return directionObjection(from, to, each) ?? orderObjection(from, to, each) ?? roleObjection(file.path, target, each);
}

/** `cli/`, `console/` and the end-to-end tests know the server only by what it says over HTTP. */
function outsideObjection(path: string, target: string): string | null {
  const isHttpOnly = /^(?:cli|console|sdk|test\/e2e)\//.test(path);
  return isHttpOnly && target.startsWith("src/") ? "speaks HTTP only, so it may not import from src/" : null;
}

function leavingObjection(path: string, target: string): string | null {
  if (isTest(path) && target.startsWith("test/support/")) return null;
  return `src/ may not import ${posix.dirname(target)}/`;
}

function testObjection(from: Place, to: Place): string | null {
  if (to.layer === "product" && from.layer !== "main" && from.area !== to.area) {
    return from.layer === "platform" ? "a test of the platform imports a product" : "a product imports another product";
  }
  return null;
}

function directionObjection(from: Place, to: Place, each: ModuleImport): string | null {
  if (from.layer === "main") return null;
  if (to.layer === "main") return "nothing imports main.ts";
  if (from.layer === "platform" && to.layer === "product") return "the platform imports a product";
  if (from.layer === "product" && to.layer === "product" && from.area !== to.area) {
    return "a product imports another product";
  }
  if (from.layer === "product" && to.area === "product.ts" && !each.isTypeOnly) {
    return "platform/product.ts is imported for types only";
  }
  return null;
}

/** Inside the platform a folder imports only those that stand before it. */
function orderObjection(from: Place, to: Place, each: ModuleImport): string | null {
  if (from.layer !== "platform" || to.layer !== "platform" || from.area === to.area) return null;
  if (from.area === "product.ts" || to.area === "product.ts") {
    return each.isTypeOnly ? null : "platform/product.ts imports and is imported for types only";
  }
  // Files at the root of the platform put areas together; areas do not know them.
  if (from.area.endsWith(".ts")) return null;
  if (to.area.endsWith(".ts")) return `an area may not import platform/${to.area}`;
  const [fromRank, toRank] = [platformOrder.indexOf(from.area), platformOrder.indexOf(to.area)];
  if (fromRank === -1) return `platform/${from.area} has no place in the order of the platform`;
  if (toRank === -1) return `platform/${to.area} has no place in the order of the platform`;
  return toRank < fromRank ? null : `platform/${from.area} stands before platform/${to.area} and may not import it`;
}

function roleObjection(path: string, target: string, each: ModuleImport): string | null {
  const [from, to] = [placeOf(path), placeOf(target)];
  const role = roleOf(path);
  if (role === null) return null;
  const rule = roleRules[role];
  // A noun of a platform area is what the area is for; it may do what the area does.
  if (rule === undefined || (from.layer === "platform" && role === "noun")) return null;
  if (from.layer === to.layer && from.area === to.area) return ownObjection(role, rule, roleOf(target), each);
  if (to.area === "product.ts" && each.isTypeOnly) return null;
  // Platform areas stand in an order already; the table adds what operations and stores must not see.
  const isHeld = from.layer === "product" || role === "operations" || role === "store";
  if (to.layer !== "platform" || !isHeld || rule.platform === null || rule.platform.includes(to.area)) return null;
  return `${role}.ts may not import platform/${to.area}`;
}

function ownObjection(role: string, rule: RoleRule, target: string | null, each: ModuleImport): string | null {
  if (target === null || target === role) return null;
  if (!rule.own.includes(target)) return `${role}.ts may not import ${target === "noun" ? "a noun" : `${target}.ts`}`;
  const isNounType = role === "store" && target === "noun";
  return isNounType && !each.isTypeOnly ? "store.ts may import types of nouns only" : null;
}

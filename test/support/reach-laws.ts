import type { Node } from "oxc-parser";
import { isSqlPlace, placeOf, roleOf } from "./places.ts";
import {
  importsOf,
  isScript,
  isTest,
  lineAt,
  parse,
  visit,
  type Breach,
  type ModuleImport,
  type SourceFile,
} from "./source-file.ts";

/** What of Node's network modules opens nothing, and may be imported anywhere. */
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  "node:http": ["STATUS_CODES", "METHODS", "validateHeaderName", "validateHeaderValue"],
  "node:https": [],
  "node:http2": ["constants"],
  "node:net": ["isIP", "isIPv4", "isIPv6", "BlockList", "SocketAddress"],
  "node:tls": ["checkServerIdentity", "rootCertificates"],
  "node:dns": [],
  "node:dns/promises": [],
  "node:dgram": [],
  undici: [],
};
const LISTENING = new Set(["createServer", "createSecureServer", "Server", "ServerResponse", "IncomingMessage"]);
const NETWORK_GLOBALS = new Set(["fetch", "WebSocket", "EventSource"]);
/** What a noun may import of Node: nothing that touches the outside. */
const PURE_MODULES = new Set(["node:crypto", "node:buffer", "node:assert", "node:assert/strict", "node:zlib"]);
const RANDOM = /^(?:random.*|generate(?:Key|Prime).*|getRandomValues|webcrypto|default|\*)$/;
const IMPURE_GLOBALS = new Set(["process", "performance", "setTimeout", "setInterval", "setImmediate", "crypto"]);
const SQL_TEXT = [
  /^\s*(?:select\s.+\sfrom\s|insert\s+into\s|update\s.+\sset\s|delete\s+from\s|truncate\s|lock\s+table\s)/is,
  /^\s*(?:create|alter|drop)\s+(?:table|schema|role|index|unique|function|policy|database|trigger|view|type)\b/i,
  /^\s*(?:grant|revoke)\s.+\s(?:to|from|on)\s.+/s,
];

type Reference = { readonly name: string; readonly node: Node };

/** `process.env` outside `platform/config`. */
export function environmentBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const law = "process.env is read in platform/config only";
  return sources(files)
    .filter((file) => !file.path.startsWith("src/platform/config/"))
    .flatMap((file) => {
      const lines = importsOf(file)
        .filter((each) => each.specifier === "node:process" || each.specifier === "process")
        .filter((each) => each.names.some((name) => ["env", "default", "*"].includes(name)))
        .map((each) => each.line);
      visit(file, {
        MemberExpression(node) {
          if (memberName(node) === "env" && isProcess(node.object)) lines.push(lineAt(file, node.start));
        },
        VariableDeclarator(node) {
          if (node.init === null || !isProcess(node.init) || node.id.type !== "ObjectPattern") return;
          if (/\benv\b/.test(file.source.slice(node.id.start, node.id.end))) lines.push(lineAt(file, node.start));
        },
      });
      return lines.map((line) => ({ path: file.path, line, law }));
    });
}

/** Ways out of the server beside `platform/outbound`, and listening sockets beside `platform/server`. */
export function networkBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const held = sources(files).filter((file) => !isTest(file.path) && !file.path.startsWith("src/platform/outbound/"));
  return held.flatMap((file) => [
    ...importsOf(file).flatMap((each) => networkImport(file, each)),
    ...globalsIn(file, NETWORK_GLOBALS).map(({ name, node }) => ({
      path: file.path,
      line: lineAt(file, node.start),
      law: `${name} goes out beside platform/outbound`,
    })),
  ]);
}

function networkImport(file: SourceFile, each: ModuleImport): readonly Breach[] {
  const harmless = HARMLESS[withPrefix(each.specifier ?? "")];
  if (harmless === undefined || each.isTypeOnly) return [];
  const mayListen = file.path.startsWith("src/platform/server/");
  return each.names
    .filter((name) => !harmless.includes(name) && !(mayListen && LISTENING.has(name)))
    .map((name) => ({
      path: file.path,
      line: each.line,
      law: `${name === "*" || name === "default" ? "all" : name} of ${each.specifier}: only platform/outbound opens connections, only platform/server listens`,
    }));
}

/** Statements outside store files: the `sql` tag, or texts that are statements. */
export function sqlBreaches(files: readonly SourceFile[]): readonly Breach[] {
  return sources(files)
    .filter((file) => !isTest(file.path) && !isSqlPlace(file.path))
    .flatMap((file) => {
      const lines: number[] = [];
      visit(file, {
        TaggedTemplateExpression(node) {
          if (node.tag.type === "Identifier" && node.tag.name === "sql") lines.push(lineAt(file, node.start));
        },
        TemplateLiteral(node) {
          if (isStatement(node.quasis.map((part) => part.value.raw).join("$"))) lines.push(lineAt(file, node.start));
        },
        Literal(node) {
          if (typeof node.value === "string" && isStatement(node.value)) lines.push(lineAt(file, node.start));
        },
      });
      return [...new Set(lines)].map((line) => ({ path: file.path, line, law: "SQL stands in store files only" }));
    });
}

/** In a product: nouns that touch the outside, and any file that asks the system for the time or for luck. */
export function purityBreaches(files: readonly SourceFile[]): readonly Breach[] {
  const held = sources(files).filter((file) => placeOf(file.path).layer === "product" && roleOf(file.path) !== null);
  return held.flatMap((file) => [
    ...clockReads(file).map((line) => ({ path: file.path, line, law: "time and chance come from the platform" })),
    ...(roleOf(file.path) === "noun" ? nounBreaches(file) : []),
  ]);
}

function nounBreaches(file: SourceFile): readonly Breach[] {
  const law = "a noun has no I/O, clock or randomness";
  const imported = importsOf(file).filter((each) => {
    if (each.specifier === null || each.specifier.startsWith(".") || each.isTypeOnly) return false;
    if (!/^(?:node:|crypto$|fs|net$|https?$)/.test(each.specifier)) return false;
    if (!PURE_MODULES.has(each.specifier)) return true;
    return each.specifier === "node:crypto" && each.names.some((name) => RANDOM.test(name));
  });
  return [
    ...imported.map((each) => ({ path: file.path, line: each.line, law })),
    ...globalsIn(file, IMPURE_GLOBALS).map(({ node }) => ({ path: file.path, line: lineAt(file, node.start), law })),
  ];
}

function clockReads(file: SourceFile): readonly number[] {
  const lines: number[] = [];
  visit(file, {
    MemberExpression(node) {
      if (node.object.type !== "Identifier") return;
      const read = `${node.object.name}.${memberName(node) ?? ""}`;
      if (read === "Date.now" || read === "Math.random") lines.push(lineAt(file, node.start));
    },
    NewExpression(node) {
      if (node.callee.type !== "Identifier" || node.callee.name !== "Date" || node.arguments.length > 0) return;
      lines.push(lineAt(file, node.start));
    },
  });
  return lines;
}

/** Calls, `new` and members of global names, whether bare or through `globalThis`. */
function globalsIn(file: SourceFile, names: ReadonlySet<string>): readonly Reference[] {
  const found: Reference[] = [];
  const own = new Set(parse(file).module.staticImports.flatMap((each) => each.entries.map((e) => e.localName.value)));
  const note = (node: Node): void => {
    if (node.type === "Identifier" && names.has(node.name) && !own.has(node.name))
      found.push({ name: node.name, node });
  };
  visit(file, {
    CallExpression: (node) => note(node.callee),
    NewExpression: (node) => note(node.callee),
    MemberExpression(node) {
      note(node.object);
      const name = memberName(node);
      if (node.object.type !== "Identifier" || node.object.name !== "globalThis" || name === null) return;
      if (names.has(name)) found.push({ name, node });
    },
  });
  return found;
}

function isStatement(text: string): boolean {
  return SQL_TEXT.some((pattern) => pattern.test(text));
}

function sources(files: readonly SourceFile[]): readonly SourceFile[] {
  return files.filter((file) => file.path.startsWith("src/") && isScript(file.path));
}

function memberName(node: Node): string | null {
  if (node.type !== "MemberExpression") return null;
  if (node.property.type === "Literal") return String(node.property.value);
  return node.property.type === "Identifier" && !node.computed ? node.property.name : null;
}

function isProcess(node: Node): boolean {
  return (node.type === "Identifier" && node.name === "process") || memberName(node) === "process";
}

function withPrefix(specifier: string): string {
  return /^(?:https?|http2|net|tls|dns|dns\/promises|dgram)$/.test(specifier) ? `node:${specifier}` : specifier;
}

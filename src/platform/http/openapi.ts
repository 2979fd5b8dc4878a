import { stringify } from "yaml";
import type { ErrorTable } from "../errors/errors.ts";
import type { HeaderScheme, Product, WebhookFamily } from "../product.ts";
import { SchemaShelf } from "./openapi-components.ts";
import type { HeaderSecurityScheme, LowerMethod, OpenApiDocument, Operation, PathItem } from "./openapi-document.ts";
import { answerHeaders, requestHeaders } from "./openapi-headers.ts";
import { operationOf, type PublishedRoute } from "./openapi-operation.ts";
import { ProblemShelf, problemShape } from "./openapi-problems.ts";
import type { Method } from "./route.ts";
import { verificationText, EVENTS_TAG, webhooksOf } from "./openapi-webhooks.ts";

export type OpenApiOptions = {
  /** Origin of the server, without a slash at the end. */
  readonly publicUrl: string;
  /** Failures that a repeated POST can meet. Their area stands after this one, so the caller hands them over. */
  readonly idempotencyErrors: ErrorTable;
  readonly webhookFamily?: WebhookFamily;
};

/**
 * The published document of a product: OpenAPI 3.1 made of the very rows and schemas that serve requests.
 * Throws where a route could not be published truthfully: see `jsonSchemaOf`.
 */
export function openApiDocument(product: Product, options: OpenApiOptions): OpenApiDocument {
  const { publicUrl, idempotencyErrors, webhookFamily = "Secufile" } = options;
  const schemas = new SchemaShelf();
  const problems = new ProblemShelf(product, Object.values(idempotencyErrors));
  const routes = publishedRoutes(product);
  schemas.add(problemShape, "output", "Problem");
  const { tokenVariable, tokenVariables = {}, securitySchemes: schemes = {}, failureShape } = product.about;
  if (failureShape !== undefined) schemas.add(failureShape, "output", "Failure");
  const shelves = { schemas, problems, publicUrl, idempotencyErrors, tokenVariable, tokenVariables, schemes };
  const paths = pathsOf(routes, (route) => operationOf(route, shelves));
  const webhooks = webhooksOf(product.events, webhookFamily, schemas);
  return {
    openapi: "3.1.1",
    info: infoOf(product, publicUrl),
    servers: [{ url: publicUrl, description: "Production: this server.", "x-internal": false }],
    tags: tagsOf(routes, product, { ...options, webhookFamily }),
    security: [{ bearer: [] }],
    paths,
    webhooks,
    components: {
      schemas: schemas.all(),
      parameters: usedParameters(paths),
      headers: answerHeaders,
      responses: problems.all(),
      securitySchemes: { bearer: bearerOf(routes), ...headerSchemes(schemes) },
    },
  };
}

/** The same document as YAML. Written without anchors, which few readers of OpenAPI follow. */
export function openApiYaml(document: OpenApiDocument): string {
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 });
}

function publishedRoutes(product: Product): PublishedRoute[] {
  const all: readonly PublishedRoute[] = [...product.routes, ...product.openRoutes];
  return all.filter((route) => route.isHidden !== true).map((route) => ({ ...route, paths: templatesOf(route.paths) }));
}

/** OpenAPI 3.1 has no form for a parameter with slashes in it; the parameter's description tells of them. */
function templatesOf([first, ...aliases]: PublishedRoute["paths"]): PublishedRoute["paths"] {
  const template = (path: string): string => path.replace("+}", "}");
  return [template(first), ...aliases.map(template)];
}

const LOWER: Readonly<Record<Method, LowerMethod>> = {
  GET: "get",
  POST: "post",
  PUT: "put",
  PATCH: "patch",
  DELETE: "delete",
};

function pathsOf(
  routes: readonly PublishedRoute[],
  publish: (route: PublishedRoute) => Operation,
): Record<string, PathItem> {
  const paths: Record<string, { [M in LowerMethod]?: Operation }> = {};
  const names = new Set<string>();
  for (const route of routes) {
    const method = LOWER[route.method];
    const item = (paths[route.paths[0]] ??= {});
    if (item[method] !== undefined) throw new Error(`${route.method} ${route.paths[0]} is declared twice`);
    if (names.has(route.operation)) throw new Error(`The operation ${route.operation} is declared twice`);
    names.add(route.operation);
    item[method] = publish(route);
  }
  return paths;
}

function infoOf(product: Product, publicUrl: string): OpenApiDocument["info"] {
  const { title, version, description, conventions = [] } = product.about;
  return {
    title,
    version,
    summary: description.split(/(?<=\.)\s/)[0] ?? title,
    description: [description, ...CONVENTIONS, ...conventions].join("\n\n"),
    contact: { name: title, url: publicUrl },
    license: { name: "Apache License 2.0", identifier: "Apache-2.0" },
  };
}

/** What holds for every operation, said once. */
const CONVENTIONS = [
  "**Paths.** Each operation is published under one path. Some answer under older spellings too: those are listed as `x-aliases` and do the same.",
  "**Failures** are problem details (RFC 9457) with a `code` for programs. A path that does not exist answers 404 `not_found`, another method than the ones listed 405 `method_not_allowed`.",
  "**Input** is checked strictly: members that are not described are refused.",
  "**Repeating.** Every POST that takes a token takes an `Idempotency-Key`, so a request whose answer was lost can be sent again.",
];

function tagsOf(routes: readonly PublishedRoute[], product: Product, options: OpenApiOptions): OpenApiDocument["tags"] {
  const tags = [...Map.groupBy(routes, (route) => route.tag)].map(([name, members]) => ({
    name,
    description: product.about.tags[name] ?? members.map((route) => `${route.summary}.`).join(" "),
  }));
  if (Object.keys(product.events).length === 0) return tags;
  const described = { name: EVENTS_TAG, description: verificationText(options.webhookFamily ?? "Secufile") };
  if (tags.some((tag) => tag.name === EVENTS_TAG)) throw new Error(`The tag ${EVENTS_TAG} is kept for deliveries`);
  return [...tags, described];
}

function usedParameters(paths: Readonly<Record<string, PathItem>>): OpenApiDocument["components"]["parameters"] {
  const text = JSON.stringify(paths);
  const used = Object.entries(requestHeaders).filter(([name]) => text.includes(`"#/components/parameters/${name}"`));
  return Object.fromEntries(used);
}

function headerSchemes(schemes: Readonly<Record<string, HeaderScheme>>): Record<string, HeaderSecurityScheme> {
  return Object.fromEntries(
    Object.entries(schemes).map(([name, { header, description }]) => [
      name,
      { type: "apiKey", in: "header", name: header, description },
    ]),
  );
}

function bearerOf(routes: readonly PublishedRoute[]): OpenApiDocument["components"]["securitySchemes"]["bearer"] {
  const scopes = [...new Set(routes.flatMap((route) => route.scopes ?? []))].toSorted();
  const listed = scopes.length === 0 ? "" : ` Scopes: ${scopes.map((scope) => `\`${scope}\``).join(", ")}.`;
  return {
    type: "http",
    scheme: "bearer",
    bearerFormat: "opaque",
    description: `A token in \`Authorization: Bearer …\` (RFC 6750). What it may do is said by its scopes.${listed}`,
  };
}

import type { z } from "zod";
import type { ErrorTable } from "../errors/errors.ts";
import type { HeaderScheme } from "../product.ts";
import type { SchemaShelf } from "./openapi-components.ts";
import type { Answer, Body, Operation, Parameter, Reference, SecurityRequirement } from "./openapi-document.ts";
import { exampleOf } from "./openapi-examples.ts";
import { successHeaders } from "./openapi-headers.ts";
import type { FailureSurface, ProblemShelf } from "./openapi-problems.ts";
import { codeSamples, type SampleCredential } from "./openapi-samples.ts";
import { takesIdempotencyKey, type RequestBody, type Route } from "./route.ts";

/** What of a route is published: all but its handler. */
export type PublishedRoute = Omit<Route<never>, "handle">;

/** What the operations of one document share. */
export type Shelves = {
  readonly schemas: SchemaShelf;
  readonly problems: ProblemShelf;
  readonly publicUrl: string;
  readonly tokenVariable: string;
  readonly tokenVariables: Readonly<Record<string, string>>;
  readonly schemes: Readonly<Record<string, HeaderScheme>>;
  readonly idempotencyErrors: ErrorTable;
};

/** Only an operation whose answer is a secret forgets it. */
const SECRET_ONLY = "idempotency_answer_gone";

/** The published form of one route. */
export function operationOf(route: PublishedRoute, shelves: Shelves): Operation {
  const name = pascalCase(route.operation);
  const [path, ...aliases] = route.paths;
  const surface = surfaceOf(route, shelves.idempotencyErrors);
  const parameters = parametersOf(route, shelves);
  const requestBody = route.body === undefined ? null : requestBodyOf(route.body, route, name, shelves);
  return {
    operationId: route.operation,
    summary: route.summary,
    description: descriptionOf(route),
    tags: [route.tag],
    security: securityOf(route),
    parameters: [...parameters, ...headerReferences(route)],
    ...(requestBody === null ? {} : { requestBody }),
    responses: { ...successesOf(route, name, shelves), ...shelves.problems.answers(route.errors, surface, path) },
    ...(aliases.length === 0 ? {} : { "x-aliases": aliases }),
    ...(route.scopes === null || route.foreign !== undefined ? {} : { "x-required-scopes": route.scopes }),
    "x-codeSamples": codeSamples({
      route,
      parameters,
      requestBody,
      publicUrl: shelves.publicUrl,
      credentials: credentialsOf(route, shelves),
    }),
  };
}

function credentialsOf({ scopes, foreign }: PublishedRoute, shelves: Shelves): SampleCredential[] {
  if (foreign === undefined) {
    if (scopes === null) return [];
    const own = scopes.map((scope) => shelves.tokenVariables[scope]).find((name) => name !== undefined);
    return [{ header: "Authorization", prefix: "Bearer ", variable: own ?? shelves.tokenVariable }];
  }
  return foreign.security.map((name) => {
    const scheme = shelves.schemes[name];
    if (scheme === undefined) throw new Error(`there is no security scheme ${name}`);
    return { header: scheme.header, prefix: "", variable: scheme.variable };
  });
}

export function pascalCase(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function surfaceOf(route: PublishedRoute, idempotencyErrors: ErrorTable): FailureSurface {
  const further = Object.entries(idempotencyErrors).filter(
    ([code]) => code !== SECRET_ONLY || route.isAnswerSecret === true,
  );
  return {
    further: takesIdempotencyKey(route, route.scopes === null) ? further.map(([, row]) => row) : [],
    proof: route.foreign !== undefined ? "headers" : route.scopes === null ? "none" : "token",
    needsStepUp: route.needsStepUp === true,
    hasInput: route.params !== undefined || route.query !== undefined || route.body?.kind === "json",
    body: route.body?.kind ?? (route.method === "GET" ? null : "unwanted"),
  };
}

function descriptionOf(route: PublishedRoute): string {
  const parts = [route.description ?? `${route.summary}.`];
  if (route.scopes !== null && route.scopes.length > 0) {
    parts.push(`The token needs ${route.scopes.map((scope) => `\`${scope}\``).join(" and ")}.`);
  }
  if (route.needsStepUp === true) {
    parts.push("A member must have proved within five minutes who they are; tokens of programs are not asked.");
  }
  if (route.isAnswerSecret === true) parts.push("The answer holds a secret that is shown only now.");
  return parts.join("\n\n");
}

/** OpenAPI 3.1 takes names of roles beside a scheme that is not OAuth; ours are the scopes of a token. */
function securityOf({ scopes, foreign }: PublishedRoute): SecurityRequirement[] {
  if (foreign !== undefined) return [Object.fromEntries(foreign.security.map((name) => [name, []]))];
  return scopes === null ? [] : [{ bearer: scopes }];
}

function answersRanges(route: PublishedRoute): boolean {
  return route.answer.kind === "raw" && route.answer.also?.[206] !== undefined;
}

function headerReferences(route: PublishedRoute): Reference[] {
  const names = [
    ...(takesIdempotencyKey(route, route.scopes === null) ? ["Idempotency-Key"] : []),
    ...(answersRanges(route) ? ["Range"] : []),
  ];
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function parametersOf(route: PublishedRoute, shelves: Shelves): Parameter[] {
  const path = parametersIn("path", route.params, route.operation, shelves);
  const named = new Set([...route.paths[0].matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? ""));
  const declared = new Set(path.map((parameter) => parameter.name));
  if (named.symmetricDifference(declared).size > 0) {
    throw new Error(`${route.operation}: the path names {${[...named].join()}}, its schema {${[...declared].join()}}`);
  }
  return [...path, ...parametersIn("query", route.query, route.operation, shelves)];
}

function parametersIn(
  place: "path" | "query",
  schema: z.ZodObject | undefined,
  operation: string,
  shelves: Shelves,
): Parameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = shelves.schemas.inline(schema, "input", `${operation}.${place}`);
  return Object.entries(properties).map(([name, property]) => {
    if (typeof property === "boolean") throw new TypeError(`${operation}: ${name} has no schema`);
    const { description, examples: _examples, ...rest } = property;
    const isRequired = place === "path" || required.includes(name);
    return {
      name,
      in: place,
      required: isRequired,
      description: description ?? `The ${name.replaceAll("_", " ")}.`,
      schema: rest,
      example: exampleOf(property, (reference) => shelves.schemas.resolve(reference)),
    };
  });
}

function requestBodyOf(body: RequestBody, route: PublishedRoute, name: string, shelves: Shelves): Body {
  if (body.kind === "stream") {
    // An empty schema: bytes as they are (OpenAPI 3.1.1, "Considerations for File Uploads").
    return { required: true, description: body.description, content: { "application/octet-stream": { schema: {} } } };
  }
  const schema = shelves.schemas.add(body.schema, "input", `${name}Request`);
  const example = route.examples?.request ?? exampleOf(schema, (reference) => shelves.schemas.resolve(reference));
  const description = shelves.schemas.resolve(schema).description ?? "A JSON object.";
  return { required: body.isOptional !== true, description, content: { "application/json": { schema, example } } };
}

function successesOf(route: PublishedRoute, name: string, shelves: Shelves): Record<string, Answer> {
  const { answer } = route;
  const headers = successHeaders(takesIdempotencyKey(route, route.scopes === null));
  if (answer.kind === "empty") return { [answer.status]: { description: answer.description, headers } };
  if (answer.kind === "raw") {
    const types = answer.otherType === undefined ? [answer.contentType] : [answer.contentType, answer.otherType];
    const content = Object.fromEntries(types.map((type) => [type, { schema: rawSchema(type) }]));
    const answers: Record<string, Answer> = { [answer.status]: { description: answer.description, headers, content } };
    for (const [status, description] of Object.entries(answer.also ?? {})) {
      answers[status] = { description, headers, ...(Number(status) < 300 ? { content } : {}) };
    }
    return answers;
  }
  const schema = shelves.schemas.add(answer.schema, "output", `${name}Response`);
  const example = route.examples?.answer ?? exampleOf(schema, (reference) => shelves.schemas.resolve(reference));
  return {
    [answer.status]: { description: answer.description, headers, content: { "application/json": { schema, example } } },
  };
}

const MAX_TEXT_ANSWER_CHARACTERS = 16_777_216;

function rawSchema(contentType: string): { type?: "string"; maxLength?: number; pattern?: string } {
  return contentType.startsWith("text/")
    ? { type: "string", maxLength: MAX_TEXT_ANSWER_CHARACTERS, pattern: "^[^\\u0000]*$" }
    : {};
}

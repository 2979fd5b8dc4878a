import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import type { Call, Product } from "../product.ts";
import { openApiDocument, openApiYaml } from "./openapi.ts";
import type { Operation } from "./openapi-document.ts";
import { mapChildren, jsonSchemaOf, isOfType, type JsonSchema } from "./openapi-schema.ts";
import { problemShape } from "./openapi-problems.ts";
import { routeFor, type Route } from "./route.ts";
import { letter, letterQuery, newLetter, sampleIdempotencyErrors, sampleProduct } from "./sample-product.ts";
import { compileAnswerCheck, compileParser } from "./schema-check.ts";

const options = { publicUrl: "https://letters.example.org", idempotencyErrors: sampleIdempotencyErrors };
const document = openApiDocument(sampleProduct, options);

function operation(path: string, method: "get" | "post" | "put"): Operation {
  const found = document.paths[path]?.[method];
  assert.ok(found !== undefined, `${method} ${path} is published`);
  return found;
}

test("the published operations are the routes that are not hidden, both ways", () => {
  const routes = [...sampleProduct.routes, ...sampleProduct.openRoutes].filter((route) => route.isHidden !== true);
  const declared = routes.map((route) => `${route.method} ${route.paths[0]} ${route.operation}`);
  const published = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, one]) => `${method.toUpperCase()} ${path} ${one.operationId}`),
  );
  assert.deepEqual(published.toSorted(), declared.toSorted());
  assert.deepEqual(operation("/v1/letters", "post")["x-aliases"], ["/v1/secufile/letters"]);
});

test("an operation names its scopes as roles of the bearer scheme; an open one asks for nothing", () => {
  const create = operation("/v1/letters", "post");
  assert.deepEqual(create.security, [{ bearer: ["letters:write"] }]);
  assert.deepEqual(create["x-required-scopes"], ["letters:write"]);
  assert.deepEqual(operation("/v1/keys", "get").security, []);
  assert.match(document.components.securitySchemes.bearer.description, /`letters:read`, `letters:write`/);
});

test("a POST takes an Idempotency-Key, a download with ranges takes Range", () => {
  const referred = (one: Operation) =>
    one.parameters.flatMap((parameter) => ("$ref" in parameter ? [parameter.$ref] : []));
  assert.deepEqual(referred(operation("/v1/letters", "post")), ["#/components/parameters/Idempotency-Key"]);
  assert.deepEqual(referred(operation("/v1/letters/{id}/content", "get")), ["#/components/parameters/Range"]);
  assert.deepEqual(referred(operation("/v1/letters", "get")), []);
});

test("every failure that an operation can meet is listed with its codes", () => {
  const codes = (one: Operation) =>
    Object.entries(one.responses).flatMap(([status, answer]) => {
      const full = "$ref" in answer ? document.components.responses[answer.$ref.split("/").at(-1) ?? ""] : answer;
      return (full?.["x-problem-codes"] ?? []).map((code) => `${status} ${code}`);
    });
  const create = codes(operation("/v1/letters", "post"));
  for (const expected of [
    ...["400 bad_request", "400 invalid_json", "401 unauthorized", "403 insufficient_scope", "409 letter_sealed"],
    ...["413 payload_too_large", "415 unsupported_media_type", "422 validation_failed", "422 idempotency_key_reused"],
    ...["429 rate_limited", "500 internal", "503 audit_unavailable", "503 unavailable"],
  ]) {
    assert.ok(create.includes(expected), expected);
  }
  assert.ok(!create.includes("409 idempotency_answer_gone"), "only a secret answer is forgotten");
  assert.deepEqual(codes(operation("/v1/keys", "get")), [
    "400 bad_request",
    "429 rate_limited",
    "500 internal",
    "503 audit_unavailable",
    "503 unavailable",
  ]);
  assert.ok(document.components.responses["RateLimited"]?.headers["Retry-After"] !== undefined);
});

test("examples of problems are worded by the dialect and fit the published schema", () => {
  const check = compileAnswerCheck(problemShape);
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  const answers = [
    ...Object.values(document.components.responses),
    ...operations.flatMap((one) => Object.values(one.responses)),
  ];
  let seen = 0;
  for (const answer of answers) {
    if ("$ref" in answer) continue;
    for (const example of Object.values(answer.content ?? {}).flatMap((media) => Object.values(media.examples ?? {}))) {
      seen += 1;
      assert.equal(check(example.value), null);
    }
  }
  assert.ok(seen > 10);
});

test("the published schema is the one that is checked, apart from where named schemas stand", () => {
  const published = document.components.schemas["CreateLetterRequest"];
  const { $defs, ...checked } = jsonSchemaOf(newLetter, "input", "CreateLetterRequest");
  assert.deepEqual(Object.keys(published?.properties ?? {}), Object.keys(checked.properties ?? {}));
  assert.deepEqual(document.components.schemas["PartyInput"], $defs?.["Party"]);
  assert.deepEqual(document.components.schemas["Party"], jsonSchemaOf(letter, "output", "x").$defs?.["Party"]);
  assert.notDeepEqual(
    document.components.schemas["Party"]?.required,
    document.components.schemas["PartyInput"]?.required,
  );
});

test("examples fit the schemas beside them", () => {
  const media = (one: Operation, status: string) => {
    const answer = one.responses[status];
    return answer !== undefined && !("$ref" in answer) ? answer.content?.["application/json"]?.example : undefined;
  };
  const create = operation("/v1/letters", "post");
  assert.ok(compileParser(newLetter, "body")(create.requestBody?.content["application/json"]?.example).ok);
  assert.equal(compileAnswerCheck(letter)(media(create, "201")), null);
  for (const parameter of operation("/v1/letters", "get").parameters) {
    if ("$ref" in parameter) continue;
    const parsed = compileParser(letterQuery, "query")({ [parameter.name]: parameter.example ?? undefined });
    assert.ok(parsed.ok, parameter.name);
  }
});

test("every reference leads somewhere", () => {
  const targets = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  assert.ok(targets.length > 20);
  const components: Record<string, object> = document.components;
  for (const [, kind = "", name = ""] of targets)
    assert.ok(Object.hasOwn(components[kind] ?? {}, name), `${kind}/${name}`);
});

test("everything that can be sent or answered has a limit", () => {
  const visit = (schema: JsonSchema, place: string): JsonSchema => {
    const isFixed = schema.enum !== undefined || schema.const !== undefined;
    if (isOfType(schema, "string") && !isFixed)
      assert.ok(schema.maxLength !== undefined && schema.pattern !== undefined, place);
    if (isOfType(schema, "array")) assert.ok(schema.maxItems !== undefined, place);
    if (isOfType(schema, "integer")) assert.ok(schema.maximum !== undefined && schema.format !== undefined, place);
    if (schema.properties !== undefined) assert.equal(schema.additionalProperties, false, place);
    return mapChildren(schema, (child, step) => visit(child, `${place}.${step}`));
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) visit(schema, name);
});

test("a schema that JSON Schema cannot say stops the document", () => {
  const unsayable: Record<string, z.ZodType> = {
    refinement: z
      .string()
      .max(9)
      .refine((text) => text !== "x"),
    transformation: z
      .string()
      .max(9)
      .transform((text) => text.length),
    trimming: z.string().max(9).trim(),
    coercion: z.coerce.number().max(9),
    date: z.date(),
    fallback: z.string().max(9).catch("x"),
    codec: z.stringbool(),
    flags: z.string().max(9).regex(/^a$/i),
    format: z.url().max(99),
    unlimited: z.string(),
    list: z.array(z.boolean()),
  };
  for (const [what, schema] of Object.entries(unsayable)) {
    const body = z.strictObject({ outer: z.strictObject({ inner: schema }).optional() });
    assert.throws(() => openApiDocument(withRoute(body), options), /createThing.*inner|CreateThing.*inner/, what);
    assert.throws(() => compileParser(body, "body")({}), /body.*inner/, what);
  }
});

function withRoute(schema: z.ZodObject, changes: Partial<Route<Call>> = {}): Product {
  const thing = routeFor<Call>()({
    operation: "createThing",
    method: "POST",
    paths: ["/v1/things"],
    scopes: [],
    summary: "Create a thing",
    tag: "Things",
    body: { kind: "json", schema },
    answer: { kind: "empty", status: 204, description: "Made." },
    errors: [],
    handle: () => Promise.resolve(),
  });
  return { ...sampleProduct, routes: [{ ...thing, ...changes }], openRoutes: [] };
}

test("two schemas of one name, a path twice or a parameter that the path does not name stop the document", () => {
  const party = z.strictObject({ other: z.boolean() }).meta({ id: "Party" });
  const both = { ...sampleProduct, openRoutes: withRoute(z.strictObject({ party })).routes.map((one) => ({ ...one })) };
  assert.throws(
    () =>
      openApiDocument(
        { ...sampleProduct, routes: [...sampleProduct.routes, ...both.openRoutes], openRoutes: [] },
        options,
      ),
    /called PartyInput|called Party/,
  );
  const [first] = sampleProduct.routes;
  assert.ok(first !== undefined);
  assert.throws(() => openApiDocument({ ...sampleProduct, routes: [first, first] }, options), /declared twice/);
  const empty = z.strictObject({});
  assert.throws(
    () => openApiDocument(withRoute(empty, { paths: ["/v1/things/{id}"] }), options),
    /the path names \{id\}/,
  );
});

test("each event is a webhook with its headers and its envelope", () => {
  const post = document.webhooks["letter.sealed"]?.post;
  const names = post?.parameters.map((one) => ("name" in one ? one.name : ""));
  assert.deepEqual(names, [
    ...["webhook-id", "webhook-timestamp", "webhook-signature"],
    ...["X-Secufile-Signature", "X-Secufile-Timestamp", "X-Secufile-Event", "X-Secufile-Delivery"],
  ]);
  const schema = document.components.schemas["LetterSealedEvent"];
  assert.deepEqual(schema?.required, ["id", "type", "created_at", "endpoint_id", "seq", "livemode", "data"]);
});

test("samples carry the token from the environment and quote what the shell would read", () => {
  const samples = operation("/v1/letters", "post")["x-codeSamples"] ?? [];
  assert.deepEqual(
    samples.map((sample) => sample.lang),
    ["Shell", "Python", "Go"],
  );
  const [shell, python, go] = samples.map((sample) => sample.source);
  assert.match(shell ?? "", /Bearer \$LETTERS_TOKEN/);
  assert.match(shell ?? "", /Ada'\\''s `lease`/);
  assert.match(python ?? "", /Ada\\u0027s `lease`/);
  assert.match(go ?? "", /Ada's \\u0060lease\\u0060/);
});

test("the YAML form says the same", () => {
  assert.deepEqual(parse(openApiYaml(document)), JSON.parse(JSON.stringify(document)));
});

import { readFile } from "node:fs/promises";
import { openApiDocument, openApiYaml } from "../http/openapi.ts";
import { referencePage, referenceStyleSheet } from "../http/reference-page.ts";
import { routeFor, type RawAnswer, type Route } from "../http/route.ts";
import { platformError } from "../errors/platform-errors.ts";
import { idempotencyErrors } from "../idempotency/errors.ts";
import type { OpenCall, Product } from "../product.ts";

const route = routeFor<OpenCall>();
const PUBLIC = {
  "cache-control": "public, max-age=300",
  "access-control-allow-origin": "*",
  "x-content-type-options": "nosniff",
};

/** The published document of a product in its forms, its reference page, and its Postman collection. */
export function publishedRoutes(product: Product): Route<OpenCall>[] {
  const base = `/v1/${product.name}`;
  // The first product is also found where tools look by habit.
  const alias = (name: string): [string, ...string[]] =>
    product.name === "secufile" ? [`${base}/${name}`, `/v1/${name}`, `/${name}`] : [`${base}/${name}`];
  const document = once((call) =>
    openApiDocument(product, { publicUrl: call.services.publicUrl(), idempotencyErrors }),
  );
  const links = { style: `${base}/reference.css`, json: `${base}/openapi.json`, yaml: `${base}/openapi.yaml` };
  const json = once((call) => JSON.stringify(document(call)));
  const yaml = once((call) => openApiYaml(document(call)));
  const page = once((call) => referencePage(document(call), links));
  return [
    open("getOpenApiJson", alias("openapi.json"), async (call) => file("application/json; charset=utf-8", json(call))),
    open("getOpenApiYaml", alias("openapi.yaml"), async (call) => file("application/yaml; charset=utf-8", yaml(call))),
    open("getReference", [`${base}/reference`], async (call) => page(call)),
    open("getReferenceStyle", [`${base}/reference.css`], async () => referenceStyleSheet()),
    open("getPostmanCollection", [`${base}/postman.json`], () => postmanCollection(product.name)),
  ];
}

function open(
  operation: string,
  paths: readonly [string, ...string[]],
  handle: (call: OpenCall) => Promise<RawAnswer>,
): Route<OpenCall> {
  return route({
    operation,
    method: "GET",
    paths,
    scopes: null,
    tag: "Documentation",
    summary: operation,
    answer: { kind: "raw", status: 200, contentType: "application/octet-stream", description: operation },
    errors: [],
    isHidden: true,
    handle,
  });
}

function file(contentType: string, body: string): RawAnswer {
  return { status: 200, headers: { ...PUBLIC, "content-type": contentType }, body };
}

/** Made from the same routes at release and kept beside the sources. */
async function postmanCollection(name: string): Promise<RawAnswer> {
  const source = new URL(`../../../openapi/${name}.postman.json`, import.meta.url);
  const text = await readFile(source, "utf8").catch(() => {
    throw platformError("not_found", `There is no Postman collection for ${name}.`);
  });
  return file("application/json; charset=utf-8", text);
}

function once<T>(make: (call: OpenCall) => T): (call: OpenCall) => T {
  let made: { readonly value: T } | null = null;
  return (call) => (made ??= { value: make(call) }).value;
}

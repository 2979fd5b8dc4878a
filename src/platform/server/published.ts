import { readFile } from "node:fs/promises";
import { z } from "zod";
import { languageOf, type Language } from "../http/language.ts";
import type { OpenApiDocument } from "../http/openapi-document.ts";
import { frenchDocument } from "../http/openapi-french.ts";
import { openApiDocument, openApiYaml } from "../http/openapi.ts";
import { referencePage, referenceStyleSheet } from "../http/reference-page.ts";
import { routeFor, type RawAnswer, type Route } from "../http/route.ts";
import { platformError } from "../errors/platform-errors.ts";
import { idempotencyErrors } from "../idempotency/errors.ts";
import type { OpenCall, Product } from "../product.ts";

const route = routeFor<OpenCall>();
/** A language that we do not have is no mistake: Accept-Language then decides. */
const languageQuery = z.object({ lang: z.string().max(35).optional() });
type LanguageInput = {
  readonly query: { readonly lang?: string | undefined };
  readonly headers: Readonly<Record<string, string | undefined>>;
};
type InLanguage<T> = (call: OpenCall, input: LanguageInput) => { readonly language: Language; readonly value: T };

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
  const english = once((call) => openApiDocument(product, { publicUrl: call.services.publicUrl(), idempotencyErrors }));
  const { french: table } = product.about;
  const french = once((call) => (table === undefined ? english(call) : frenchDocument(english(call), table).document));
  const languages = table === undefined ? {} : { languages: { en: "?lang=en", fr: "?lang=fr" } };
  const style = `${base}/reference.css`;
  /** One form of the document in each language, made once. */
  const both = <T>(make: (document: OpenApiDocument, language: Language) => T): InLanguage<T> => {
    const made = { en: once((call) => make(english(call), "en")), fr: once((call) => make(french(call), "fr")) };
    return (call, input) => {
      const wanted = table === undefined ? "en" : languageOf(input.headers, input.query.lang);
      return { language: wanted, value: made[wanted](call) };
    };
  };
  const json = both((document) => JSON.stringify(document));
  const yaml = both((document) => openApiYaml(document));
  const page = both((document, language) => {
    const query = language === "fr" ? "?lang=fr" : "";
    const links = { style, json: `${base}/openapi.json${query}`, yaml: `${base}/openapi.yaml${query}`, ...languages };
    return referencePage(document, links, language);
  });
  const asFile = (contentType: string, form: InLanguage<string>) => async (call: OpenCall, input: LanguageInput) => {
    const { language, value } = form(call, input);
    return file(contentType, value, { "content-language": language, vary: "accept-language" });
  };
  return [
    open("getOpenApiJson", alias("openapi.json"), asFile("application/json; charset=utf-8", json)),
    open("getOpenApiYaml", alias("openapi.yaml"), asFile("application/yaml; charset=utf-8", yaml)),
    open("getReference", [`${base}/reference`], async (call, input) => page(call, input).value),
    open("getReferenceStyle", [`${base}/reference.css`], async () => referenceStyleSheet()),
    open("getPostmanCollection", [`${base}/postman.json`], () => postmanCollection(product.name)),
  ];
}

function open(
  operation: string,
  paths: readonly [string, ...string[]],
  handle: (call: OpenCall, input: LanguageInput) => Promise<RawAnswer>,
): Route<OpenCall> {
  return route({
    operation,
    method: "GET",
    paths,
    scopes: null,
    tag: "Documentation",
    summary: operation,
    answer: { kind: "raw", status: 200, contentType: "application/octet-stream", description: operation },
    query: languageQuery,
    errors: [],
    isHidden: true,
    handle,
  });
}

function file(contentType: string, body: string, headers: Readonly<Record<string, string>> = {}): RawAnswer {
  return { status: 200, headers: { ...PUBLIC, ...headers, "content-type": contentType }, body };
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

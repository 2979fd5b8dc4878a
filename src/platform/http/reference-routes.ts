import type { OpenCall } from "../product.ts";
import { openApiYaml } from "./openapi.ts";
import type { OpenApiDocument } from "./openapi-document.ts";
import { referencePage, referenceStyleSheet } from "./reference-page.ts";
import { routeFor, type RawAnswer, type Route } from "./route.ts";

const route = routeFor<OpenCall>();

type Rendered = {
  readonly publicUrl: string;
  readonly json: RawAnswer;
  readonly yaml: RawAnswer;
  readonly page: RawAnswer;
};

/**
 * The open, unpublished routes that show a document: the page at `path`, its style sheet, and the document itself.
 * `documentFor` is called at the first request, when the server knows its own address; what was rendered is kept
 * for as long as that address stays.
 */
export function referenceRoutes(path: string, documentFor: (publicUrl: string) => OpenApiDocument): Route<OpenCall>[] {
  const links = { style: `${path}/style.css`, json: `${path}/openapi.json`, yaml: `${path}/openapi.yaml` };
  let kept: Rendered | null = null;
  const rendered = (call: OpenCall): Rendered => {
    const publicUrl = call.services.publicUrl();
    if (kept?.publicUrl !== publicUrl) {
      const document = documentFor(publicUrl);
      kept = {
        publicUrl,
        json: file("application/json; charset=utf-8", JSON.stringify(document)),
        yaml: file("application/yaml; charset=utf-8", openApiYaml(document)),
        page: referencePage(document, links),
      };
    }
    return kept;
  };
  return [
    shown("showReference", path, "text/html; charset=utf-8", (call) => rendered(call).page),
    shown("showReferenceStyle", links.style, "text/css; charset=utf-8", () => referenceStyleSheet()),
    shown("showOpenApiJson", links.json, "application/json; charset=utf-8", (call) => rendered(call).json),
    shown("showOpenApiYaml", links.yaml, "application/yaml; charset=utf-8", (call) => rendered(call).yaml),
  ];
}

function shown(
  operation: string,
  path: string,
  contentType: string,
  answer: (call: OpenCall) => RawAnswer,
): Route<OpenCall> {
  return route({
    operation,
    method: "GET",
    paths: [path],
    scopes: null,
    summary: "Show the reference",
    tag: "Reference",
    answer: { kind: "raw", status: 200, contentType, description: "The reference." },
    errors: [],
    isHidden: true,
    handle: async (call) => answer(call),
  });
}

function file(contentType: string, body: string): RawAnswer {
  return { status: 200, headers: { "content-type": contentType, "x-content-type-options": "nosniff" }, body };
}

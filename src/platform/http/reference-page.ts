import { html, type Html } from "./html.ts";
import type { Answer, Media, OpenApiDocument, Operation, Parameter, Reference, Tag } from "./openapi-document.ts";
import type { JsonSchema } from "./openapi-schema.ts";
import { fieldsTable, parametersTable, type Resolve } from "./reference-fields.ts";
import { codeBlock, jsonBlock, prose, spans } from "./reference-prose.ts";
import { referenceStyle } from "./reference-style.ts";
import type { Language } from "./language.ts";
import { wordsOf, type Say } from "./reference-words.ts";
import type { RawAnswer } from "./route.ts";

/** Nothing but our own style sheet is loaded, and nothing runs. */
const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const MAX_AGE_SECONDS = 300;

const PAGE_HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": `public, max-age=${MAX_AGE_SECONDS}`,
};

/** Addresses of what the page refers to; `languages` where there is more than one. */
export type ReferenceLinks = {
  readonly style: string;
  readonly json: string;
  readonly yaml: string;
  readonly languages?: Readonly<Record<Language, string>>;
};

/** A document and the words that are put around it. */
type Shown = OpenApiDocument & { readonly say: Say };

type LocatedOperation = { readonly method: string; readonly path: string; readonly operation: Operation };

/** The reference of an API as one page: no script, all of it readable, printable and searchable by the browser. */
export function referencePage(published: OpenApiDocument, links: ReferenceLinks, language: Language = "en"): RawAnswer {
  const say = wordsOf(language);
  const document: Shown = { ...published, say };
  const { info } = document;
  const page = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${say("{title} reference").replace("{title}", () => info.title)}</title>
        <link rel="stylesheet" href="${links.style}" />
      </head>
      <body>
        <a class="skip" href="#content">${say("Skip to the content")}</a>
        <header class="top">
          <p class="product">${info.title}</p>
          <p class="version">${say("Version")} ${info.version}</p>
          ${languageSwitch(links, language)}
        </header>
        ${contents(document)}
        <main id="content">
          ${introduction(document, links)} ${tagSections(document)} ${webhookSection(document)}
          ${problemSection(document)}
        </main>
      </body>
    </html> `;
  return {
    status: 200,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-language": language,
      vary: "accept-language",
      ...PAGE_HEADERS,
    },
    body: page.toString(),
  };
}

/** The style sheet of the page, for a route of its own: the policy forbids styles inside the page. */
export function referenceStyleSheet(): RawAnswer {
  return {
    status: 200,
    headers: { "content-type": "text/css; charset=utf-8", ...PAGE_HEADERS },
    body: referenceStyle,
  };
}

/** A link to the same page in the other language, named in that language. */
function languageSwitch(links: ReferenceLinks, language: Language): Html | null {
  if (links.languages === undefined) return null;
  return language === "en"
    ? html`<p class="language"><a href="${links.languages.fr}" hreflang="fr" lang="fr">Français</a></p>`
    : html`<p class="language"><a href="${links.languages.en}" hreflang="en" lang="en">English</a></p>`;
}

function operationsOf(document: OpenApiDocument): LocatedOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

function titleOf(tag: Tag): string {
  return tag["x-displayName"] ?? tag.name;
}

function contents(document: Shown): Html {
  const located = operationsOf(document);
  const groups = document.tags.map((tag) => {
    const members = located.filter(({ operation }) => operation.tags.includes(tag.name));
    const events = members.length > 0 ? [] : Object.keys(document.webhooks);
    return html`<li>
      <a class="group" href="#tag-${slug(tag.name)}">${titleOf(tag)}</a>
      <ul>
        ${members.map(
          ({ method, operation }) =>
            html`<li>
              <a href="#op-${operation.operationId}"
                ><span class="verb ${method.toLowerCase()}">${method}</span>${operation.summary}</a
              >
            </li> `,
        )}${events.map((event) => html`<li><a href="#event-${event}">${event}</a></li> `)}
      </ul>
    </li> `;
  });
  const list = html`<ul>
    <li><a class="group" href="#introduction">${document.say("Introduction")}</a></li>
    ${groups}
    <li><a class="group" href="#problems">${document.say("Problems")}</a></li>
  </ul>`;
  // Two copies, one shown: a column beside the text on a wide screen, a fold above it on a narrow one.
  return html`<nav class="column" aria-label="${document.say("Contents")}">${list}</nav>
    <details class="fold">
      <summary>${document.say("Contents")}</summary>
      <nav aria-label="${document.say("Contents, folded")}">${list}</nav>
    </details>`;
}

function introduction(document: Shown, links: ReferenceLinks): Html {
  const [server] = document.servers;
  return html`<section id="introduction">
    <h1>${document.info.title}</h1>
    ${prose(document.info.description)}
    <dl class="facts">
      <dt>${document.say("Server")}</dt>
      <dd><code>${server?.url}</code></dd>
      <dt>${document.say("Authentication")}</dt>
      ${Object.values(document.components.securitySchemes).map(({ description }) => html`<dd>${spans(description)}</dd>`)}
      <dt>${document.say("This document")}</dt>
      <dd>
        <a href="${links.json}">${document.say("OpenAPI 3.1 as JSON")}</a>,
        <a href="${links.yaml}">${document.say("as YAML")}</a>
      </dd>
    </dl>
  </section>`;
}

function tagSections(document: Shown): Html[] {
  const located = operationsOf(document);
  return document.tags.flatMap((tag) => {
    const members = located.filter(({ operation }) => operation.tags.includes(tag.name));
    if (members.length === 0) return [];
    return html`<section id="tag-${slug(tag.name)}">
      <h2>${titleOf(tag)}</h2>
      ${prose(tag.description)} ${members.map((member) => operationArticle(member, document))}
    </section> `;
  });
}

function resolverOf(document: Shown): Resolve {
  const resolve = (schema: JsonSchema): JsonSchema => {
    const name = schema.$ref?.replace("#/components/schemas/", "");
    return name === undefined ? schema : (document.components.schemas[name] ?? schema);
  };
  return Object.assign(resolve, { say: document.say });
}

function operationArticle({ method, path, operation }: LocatedOperation, document: Shown): Html {
  const resolve = resolverOf(document);
  const aliases = operation["x-aliases"] ?? [];
  const parameters = operation.parameters.map((one) => parameterOf(one, document));
  const samples = operation["x-codeSamples"] ?? [];
  return html`<article id="op-${operation.operationId}">
    <h3><a class="anchor" href="#op-${operation.operationId}">${operation.summary}</a></h3>
    <p class="line"><span class="verb ${method.toLowerCase()}">${method}</span> <code class="path">${path}</code></p>
    ${aliases.length > 0 && html`<p class="aliases">${document.say("Also")} ${aliases.map((alias) => html`<code>${alias}</code> `)}</p>`}
    <div class="both">
      <div class="words">
        ${prose(furtherWords(operation))}
        ${
          parameters.length > 0 &&
          html`<h4>${document.say("Parameters")}</h4>
            ${parameterTables(parameters, resolve)}`
        }
        ${bodyPart(operation, resolve)}
      </div>
      <div class="samples">
        ${samples.map((sample, index) => fold(sample.label, codeBlock(sample.source), index === 0))}
        ${exampleFolds(operation, document)}
      </div>
    </div>
    <h4>${document.say("Answers")}</h4>
    ${Object.entries(operation.responses).map(([status, answer]) => answerFold(status, answerOf(answer, document), resolve))}
  </article> `;
}

/** The heading has said the summary already. */
function furtherWords({ summary, description }: Operation): string {
  const [first, ...rest] = description.split("\n\n");
  return first === `${summary}.` ? rest.join("\n\n") : description;
}

function parameterTables(parameters: readonly Parameter[], resolve: Resolve): Html[] {
  const places = { path: "In the path", query: "In the query", header: "Headers" };
  return Object.entries(places).flatMap(([place, title]) => {
    const members = parameters.filter((one) => one.in === place);
    return members.length === 0
      ? []
      : html`<h5>${resolve.say(title)}</h5>
          ${parametersTable(members, resolve)}`;
  });
}

function bodyPart(operation: Operation, resolve: Resolve): Html | null {
  const body = operation.requestBody;
  if (body === undefined) return null;
  return html`<h4>
      ${resolve.say("Body")}${!body.required && html` <span class="optional">${resolve.say("optional")}</span>`}
    </h4>
    ${Object.entries(body.content).map(
      ([type, media]) =>
        html`<p class="media"><code>${type}</code> ${spans(body.description)}</p>
          ${fieldsTable(media.schema, resolve)}`,
    )}`;
}

function fold(title: string, content: Html, isOpen: boolean): Html {
  const inner = html`<summary>${title}</summary>
    ${content}`;
  return isOpen ? html`<details open>${inner}</details>` : html`<details>${inner}</details>`;
}

function exampleFolds(operation: Operation, document: Shown): Html[] {
  return Object.entries(operation.responses).flatMap(([status, answer]) => {
    const media = Object.values(answerOf(answer, document).content ?? {})[0];
    return status.startsWith("2") && media?.example !== undefined
      ? fold(`${document.say("Answer")} ${status}`, jsonBlock(media.example), true)
      : [];
  });
}

function parameterOf(one: Parameter | Reference, document: OpenApiDocument): Parameter {
  if (!("$ref" in one)) return one;
  const parameter = document.components.parameters[one.$ref.split("/").at(-1) ?? ""];
  if (parameter === undefined) throw new Error(`${one.$ref} is not in the document`);
  return parameter;
}

function answerOf(one: Answer | Reference, document: OpenApiDocument): Answer {
  if (!("$ref" in one)) return one;
  const answer = document.components.responses[one.$ref.split("/").at(-1) ?? ""];
  if (answer === undefined) throw new Error(`${one.$ref} is not in the document`);
  return answer;
}

function answerFold(status: string, answer: Answer, resolve: Resolve): Html {
  const codes = answer["x-problem-codes"] ?? [];
  const kind = status.startsWith("2") ? "good" : "bad";
  if (codes.length > 0) {
    return html`<p class="answer">
      <span class="status ${kind}">${status}</span>
      ${codes.map((code) => html`<a href="#${code}"><code>${code}</code></a> `)}
    </p> `;
  }
  const media = Object.entries(answer.content ?? {});
  const fields = media.map(
    ([type, one]) =>
      html`<p class="media"><code>${type}</code></p>
        ${fieldsTable(one.schema, resolve)}`,
  );
  const line = html`<span class="status ${kind}">${status}</span> ${spans(answer.description)}`;
  return media.length === 0
    ? html`<p class="answer">${line}</p> `
    : html`<details class="answer">
        <summary>${line}</summary>
        ${fields}
      </details> `;
}

function webhookSection(document: Shown): Html | null {
  const deliveries = Object.entries(document.webhooks);
  const tag = document.tags.find((one) => one.name === deliveries[0]?.[1].post.tags[0]);
  if (tag === undefined) return null;
  const resolve = resolverOf(document);
  const headers = (deliveries[0]?.[1].post.parameters ?? []).map((one) => parameterOf(one, document));
  return html`<section id="tag-${slug(tag.name)}">
    <h2>${titleOf(tag)}</h2>
    ${prose(tag.description)}
    <h4>${document.say("Headers of every delivery")}</h4>
    ${parametersTable(headers, resolve)}
    ${deliveries.map(([name, { post }]) => {
      const media: Media | undefined = Object.values(post.requestBody?.content ?? {})[0];
      return html`<article id="event-${name}">
        <h3><a class="anchor" href="#event-${name}">${name}</a></h3>
        <div class="both">
          <div class="words">
            ${prose(post.description)} ${media !== undefined && fieldsTable(media.schema, resolve)}
          </div>
          <div class="samples">
            ${media?.example !== undefined && fold(document.say("Body"), jsonBlock(media.example), true)}
          </div>
        </div>
      </article> `;
    })}
  </section>`;
}

/** Every code has a fragment of its own here: it is what `type` of a problem points to. */
function problemSection(document: Shown): Html {
  const answers = [
    ...Object.values(document.components.responses),
    ...operationsOf(document).flatMap(({ operation }) => Object.values(operation.responses)),
  ];
  const examples = new Map<string, { summary: string; value: unknown }>();
  for (const answer of answers) {
    if ("$ref" in answer) continue;
    for (const media of Object.values(answer.content ?? {})) {
      for (const [code, example] of Object.entries(media.examples ?? {})) examples.set(code, example);
    }
  }
  const problem = document.components.schemas["Problem"];
  return html`<section id="problems">
    <h2>${document.say("Problems")}</h2>
    <p>
      ${document.say("A request that fails is answered with")} <code>application/problem+json</code>.
      ${document.say("Programs look at")} <code>code</code>.
    </p>
    ${problem !== undefined && fieldsTable(problem, resolverOf(document))}
    <h3>${document.say("All codes")}</h3>
    ${[...examples]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([code, { summary, value }]) =>
          html`<details class="problem" id="${code}">
            <summary><code>${code}</code> ${summary}</summary>
            ${jsonBlock(value)}
          </details> `,
      )}
  </section>`;
}

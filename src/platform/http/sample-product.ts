import { z } from "zod";
import type { ErrorTable } from "../errors/errors.ts";
import { platformErrors } from "../errors/platform-errors.ts";
import type { Call, OpenCall, Product } from "../product.ts";
import { idShape, instantShape, pageQuery, pageShape } from "./body.ts";
import { problemDialect } from "./problem.ts";
import { routeFor } from "./route.ts";

/** A small product for the tests of the published document: one route of each kind. */

export const sampleErrors = {
  letter_not_found: { status: 404, wire: "letter_not_found", title: "Letter not found", retry: "no" },
  letter_sealed: { status: 409, wire: "letter_sealed", title: "Letter is sealed", retry: "no" },
} as const satisfies ErrorTable;

export const sampleIdempotencyErrors = {
  idempotency_key_reused: { status: 422, wire: "idempotency_key_reused", title: "The key was used", retry: "no" },
  idempotency_answer_gone: { status: 409, wire: "idempotency_answer_gone", title: "The answer is gone", retry: "no" },
} as const satisfies ErrorTable;

const party = z
  .strictObject({
    email: z.email().max(254).meta({ description: "Where the person is reached." }),
    name: z.string().min(1).max(100).optional().meta({ description: "As on the envelope." }),
    order: z.int().min(1).max(50).default(1).meta({ description: "Parties of equal order are asked together." }),
  })
  .meta({ id: "Party", description: "A person of the letter." });

const delivery = z.discriminatedUnion("by", [
  z.strictObject({ by: z.literal("mail"), subject: z.string().max(200).default("A letter") }),
  z.strictObject({ by: z.literal("sms"), phone: z.e164() }),
]);

export const newLetter = z.strictObject({
  title: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: "Shown to the parties.", examples: ["Lease, third floor"] }),
  parties: z.array(party).min(1).max(50).meta({ description: "Who signs." }),
  delivery: delivery.optional().meta({ description: "How the parties are told." }),
  due_on: z.iso.date().nullable().optional().meta({ description: "Last day." }),
  is_draft: z.boolean().default(false).meta({ description: "Drafts tell nobody." }),
  labels: z
    .record(z.string().min(1).max(40), z.string().max(200))
    .optional()
    .meta({ description: "Yours.", maxProperties: 20 }),
});

export const letter = z.strictObject({
  id: idShape("let", "Id of the letter."),
  title: z.string().max(200).meta({ description: "Shown to the parties." }),
  parties: z.array(party).max(50).meta({ description: "Who signs." }),
  state: z.enum(["draft", "open", "sealed"]).meta({ description: "Where it stands." }),
  sealed_at: instantShape("When it was sealed").nullable(),
});

const letterParams = z.strictObject({ id: idShape("let", "Id of the letter.") });

export const letterQuery = z.strictObject({
  ...pageQuery,
  state: z
    .array(z.enum(["draft", "open", "sealed"]))
    .max(3)
    .optional()
    .meta({ description: "Only these." }),
  with_drafts: z.boolean().default(true).meta({ description: "Drafts too." }),
});

const route = routeFor<Call>();
const openRoute = routeFor<OpenCall>();
const unserved = (): Promise<never> => Promise.reject(new Error("the sample is only published"));
const example = {
  id: "let_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  title: "Lease, third floor",
  parties: [{ email: "ada@example.org", name: "Ada O'Neill", order: 1 }],
  state: "open",
  sealed_at: null,
};

const routes = [
  route({
    operation: "createLetter",
    method: "POST",
    paths: ["/v1/letters", "/v1/secufile/letters"],
    scopes: ["letters:write"],
    summary: "Create a letter",
    tag: "Letters",
    body: { kind: "json", schema: newLetter },
    answer: { kind: "json", status: 201, schema: letter, description: "The new letter." },
    errors: [sampleErrors.letter_sealed],
    examples: { request: { title: "Ada's `lease`", parties: [{ email: "ada@example.org" }] }, answer: example },
    handle: unserved,
  }),
  route({
    operation: "listLetters",
    method: "GET",
    paths: ["/v1/letters"],
    scopes: ["letters:read"],
    summary: "List letters",
    tag: "Letters",
    query: letterQuery,
    answer: { kind: "json", status: 200, schema: pageShape(letter), description: "One page." },
    errors: [],
    handle: unserved,
  }),
  route({
    operation: "putLetterContent",
    method: "PUT",
    paths: ["/v1/letters/{id}/content"],
    scopes: ["letters:write"],
    summary: "Upload the content",
    tag: "Content",
    params: letterParams,
    body: { kind: "stream", description: "The bytes." },
    answer: { kind: "empty", status: 204, description: "Stored." },
    errors: [sampleErrors.letter_not_found],
    handle: unserved,
  }),
  route({
    operation: "getLetterContent",
    method: "GET",
    paths: ["/v1/letters/{id}/content"],
    scopes: ["letters:read"],
    summary: "Download the content",
    tag: "Content",
    params: letterParams,
    answer: {
      kind: "raw",
      status: 200,
      contentType: "application/octet-stream",
      description: "The bytes.",
      also: { 206: "The range of bytes." },
    },
    errors: [sampleErrors.letter_not_found, platformErrors.not_found],
    handle: unserved,
  }),
];

const openRoutes = [
  openRoute({
    operation: "getKeys",
    method: "GET",
    paths: ["/v1/keys"],
    scopes: null,
    summary: "Get the public keys",
    tag: "Keys",
    answer: {
      kind: "json",
      status: 200,
      schema: z.strictObject({ keys: z.array(z.base64url().max(43)).max(10).meta({ description: "Newest first." }) }),
      description: "The keys.",
    },
    errors: [],
    handle: unserved,
  }),
  openRoute({
    operation: "showPage",
    method: "GET",
    paths: ["/v1/reference"],
    scopes: null,
    summary: "Show a page",
    tag: "Pages",
    answer: { kind: "raw", status: 200, contentType: "text/html; charset=utf-8", description: "A page." },
    errors: [],
    isHidden: true,
    handle: unserved,
  }),
];

export const sampleProduct: Product = {
  name: "letters",
  dialect: problemDialect("/v1/reference"),
  pathPrefixes: ["/v1/letters"],
  authenticate: unserved,
  routes,
  openRoutes,
  jobs: [],
  events: {
    "letter.sealed": {
      summary: "A letter was sealed.",
      data: z.strictObject({ letter_id: idShape("let", "Id of the letter.") }),
      example: { letter_id: "let_01KB2Q6V9XJ4M8T3RZ5C7D1E0F" },
    },
  },
  errors: sampleErrors,
  migrations: [],
  about: {
    title: "Letters",
    version: "1.0.0",
    description: "Letters that are signed. A sample for the tests.",
    tokenVariable: "LETTERS_TOKEN",
    tags: {},
  },
};

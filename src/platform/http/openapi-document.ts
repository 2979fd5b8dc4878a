import type { JsonSchema } from "./openapi-schema.ts";

/** The parts of OpenAPI 3.1 that we write. Only what the emitter sets is here, so that readers need no guards. */
export type OpenApiDocument = {
  readonly openapi: "3.1.1";
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly summary: string;
    readonly description: string;
    readonly contact: { readonly name: string; readonly url: string };
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly Server[];
  readonly tags: readonly Tag[];
  readonly security: readonly SecurityRequirement[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly webhooks: Readonly<Record<string, { readonly post: Operation }>>;
  readonly components: Components;
};

/** The name is for programs; in another language people are shown `x-displayName`. */
export type Tag = { readonly name: string; readonly description: string; readonly "x-displayName"?: string };
export type Server = { readonly url: string; readonly description: string; readonly "x-internal": boolean };
export type SecurityRequirement = Readonly<Record<string, readonly string[]>>;
export type LowerMethod = "get" | "post" | "put" | "patch" | "delete";
export type PathItem = { readonly [M in LowerMethod]?: Operation };
export type Reference = { readonly $ref: string };

export type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly security: readonly SecurityRequirement[];
  readonly parameters: readonly (Parameter | Reference)[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Answer | Reference>>;
  readonly "x-aliases"?: readonly string[];
  readonly "x-required-scopes"?: readonly string[];
  readonly "x-codeSamples"?: readonly CodeSample[];
};

export type Parameter = {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: JsonSchema;
  readonly example?: unknown;
};

export type Media = {
  readonly schema: JsonSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>;
};

export type Content = Readonly<Record<string, Media>>;
export type Body = { readonly required: boolean; readonly description: string; readonly content: Content };
export type Header = { readonly description: string; readonly schema: JsonSchema; readonly example?: unknown };

export type Answer = {
  readonly description: string;
  readonly headers: Readonly<Record<string, Header | Reference>>;
  readonly content?: Content;
  /** The values that `code` may have in this problem. */
  readonly "x-problem-codes"?: readonly string[];
};

export type CodeSample = { readonly lang: "Shell" | "Python" | "Go"; readonly label: string; readonly source: string };

export type Components = {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly headers: Readonly<Record<string, Header>>;
  readonly responses: Readonly<Record<string, Answer>>;
  readonly securitySchemes: {
    readonly bearer: BearerSecurityScheme;
    readonly [name: string]: BearerSecurityScheme | HeaderSecurityScheme;
  };
};

export type BearerSecurityScheme = {
  readonly type: "http";
  readonly scheme: "bearer";
  readonly bearerFormat: string;
  readonly description: string;
};

export type HeaderSecurityScheme = {
  readonly type: "apiKey";
  readonly in: "header";
  readonly name: string;
  readonly description: string;
};

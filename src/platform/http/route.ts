import type { Readable } from "node:stream";
import type { z } from "zod";
import type { AppError, ErrorRow } from "../errors/errors.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** An answer that is not JSON made by the route itself: a page, a file, a stream. */
export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | Readable;
};

/** What a request may carry as body. */
export type RequestBody =
  | { readonly kind: "json"; readonly schema: z.ZodObject; readonly isOptional?: boolean; readonly maxBytes?: number }
  /** Raw bytes of any content type, handed to the route unread. */
  | { readonly kind: "stream"; readonly description: string };

/** What a route answers when it succeeds. */
export type SuccessAnswer =
  | {
      readonly kind: "json";
      readonly status: 200 | 201 | 202;
      readonly schema: z.ZodType;
      readonly description: string;
    }
  | { readonly kind: "empty"; readonly status: 204; readonly description: string }
  | {
      readonly kind: "raw";
      readonly status: 200;
      readonly contentType: string;
      /** What the answer is where the request asks for another form. */
      readonly otherType?: string;
      readonly description: string;
      /** Further statuses the route may answer by itself, such as 206. */
      readonly also?: Readonly<Record<number, string>>;
    };

/** What pages of other origins may send, and what of an answer they may read. They are asked for no cookie. */
export type CorsPolicy = { readonly allowHeaders: readonly string[]; readonly exposeHeaders: readonly string[] };

/**
 * A route of a contract that others wrote, and whose clients exist: it is authenticated as that contract says, and knows
 * no `Idempotency-Key`.
 */
export type ForeignContract = {
  /** Names of the product's own security schemes, which are needed together. */
  readonly security: readonly string[];
  /** Null: pages of other origins may not call it. */
  readonly cors: CorsPolicy | null;
};

/** A request that was refused, as it came: no schema has accepted any of it. */
export type RefusedRequest = {
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Null where it held no JSON, or was not read. */
  readonly body: unknown;
};

/** What an audit row says of what a request was about. */
export type AboutRequest = {
  readonly resource: { readonly type: string; readonly id: string };
  readonly details: Readonly<Record<string, unknown>>;
};

/** What a route is given: the parts that its schemas have accepted, and for a stream body the unread bytes. */
export type RouteInput<P, Q, B> = {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly stream: Readable | null;
};

/**
 * One endpoint. Its schemas are what is checked and what is published; they must say all in JSON Schema, without
 * refinements or transformations, so that both are the same.
 */
export type Route<C> = {
  /** The operation's name, for example `createDocument`; `<product>.<name>` in audit, OpenAPI and logs. */
  readonly operation: string;
  readonly method: Method;
  /** The canonical path first, then its aliases; `{name}` is a parameter, a last `{name+}` one that may hold slashes. */
  readonly paths: readonly [string, ...string[]];
  /** Scopes that the token must hold, or null where no token is asked for. */
  readonly scopes: readonly string[] | null;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: RequestBody;
  readonly answer: SuccessAnswer;
  /** Failures of its own, besides those that every route can meet. */
  readonly errors: readonly ErrorRow[];
  /** A member must have proved within five minutes who they are. Tokens of programs are not asked. */
  readonly needsStepUp?: boolean;
  /** The answer holds a secret that is shown once: its stored copy is sealed and forgotten after one replay. */
  readonly isAnswerSecret?: boolean;
  /** Examples of request body and answer, by name, for the published document. */
  readonly examples?: { readonly request?: unknown; readonly answer?: unknown };
  /** Not in the published document: pages and the document itself. */
  readonly isHidden?: boolean;
  readonly foreign?: ForeignContract;
  /** For the audit row of a refusal, where the path does not tell. Asked of routes of a foreign contract alone. */
  about?(refused: RefusedRequest): Promise<AboutRequest>;
  /**
   * Puts on record what was refused before `handle` was asked, where no token tells who calls. Answers whether it did; else
   * it is counted.
   */
  noteRefused?(call: C, refused: RefusedRequest, error: AppError): Promise<boolean>;
  handle(call: C, input: RouteInput<never, never, never>): Promise<unknown>;
};

type Parsed<S> = S extends z.ZodType ? z.output<S> : Record<string, never>;
type ParsedBody<B> = B extends { kind: "json"; isOptional: true; schema: infer S }
  ? Parsed<S> | null
  : B extends { kind: "json"; schema: infer S }
    ? Parsed<S>
    : null;

type Spec<C, P, Q, B, A> = Omit<Route<C>, "params" | "query" | "body" | "answer" | "handle"> & {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answer: A;
  handle(call: C, input: RouteInput<Parsed<P>, Parsed<Q>, ParsedBody<B>>): Promise<Answered<A>>;
};

type Answered<A> = A extends { kind: "json"; schema: infer S }
  ? Parsed<S>
  : A extends { kind: "raw" }
    ? RawAnswer
    : void;

/** Declares a route; the handler's input and answer are typed by its schemas. */
export function routeFor<C>(): <
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  const B extends RequestBody | undefined = undefined,
  const A extends SuccessAnswer = SuccessAnswer,
>(
  spec: Spec<C, P, Q, B, A>,
) => Route<C> {
  // The pipeline calls `handle` only with what these very schemas accepted, which the wider type cannot say.
  return (spec) => spec as unknown as Route<C>;
}

/** An open route has no tenant that a key could belong to; a foreign contract knows none. */
export function takesIdempotencyKey(
  route: { readonly method: Method; readonly foreign?: ForeignContract },
  isOpen: boolean,
): boolean {
  return route.method === "POST" && !isOpen && route.foreign === undefined;
}

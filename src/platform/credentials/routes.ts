import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import type { TokenCheck } from "./check.ts";
import { credentialErrors } from "./errors.ts";
import { createToken, getToken, listTokens, revokeToken, rotateToken } from "./operations.ts";
import { tokenShapes, type TokenShapes } from "./schema.ts";

const route = routeFor<Call>();
const MANAGE = ["tokens:manage"] as const;

/** How long the old token stays valid when a rotation does not say. */
const DEFAULT_OVERLAP_SECONDS = 24 * 3600;

type Parts = {
  readonly product: string;
  readonly shapes: TokenShapes;
  /** One that a token can hold, for the example. */
  readonly scope: string;
  readonly tokenCheck: TokenCheck;
  at(path: string): [string, ...string[]];
};

/** The token routes of one product, under its prefix, and under the bare path where it asks for that. */
export function tokenRoutes(options: {
  product: string;
  prefix: string;
  scopes: readonly [string, ...string[]];
  tokenCheck: TokenCheck;
  /** Of one product alone: its routes also answer under `/v1`. */
  isBare?: boolean;
}): Route<Call>[] {
  const { product, prefix, tokenCheck, isBare = false } = options;
  const shapes = tokenShapes(product, options.scopes);
  const parts: Parts = {
    product,
    shapes,
    scope: options.scopes[0],
    tokenCheck,
    at: (path) => [`${prefix}/tokens${path}`, ...(isBare ? [`/v1/tokens${path}`] : [])],
  };
  return [
    createTokenRoute(parts),
    listTokensRoute(parts),
    getTokenRoute(parts),
    revokeTokenRoute(parts),
    rotateTokenRoute(parts),
  ];
}

function createTokenRoute({ product, shapes, scope, at }: Parts): Route<Call> {
  return route({
    operation: "createToken",
    method: "POST",
    paths: at(""),
    scopes: MANAGE,
    tag: "Tokens",
    summary: "Make an API token",
    description: "The token is in the answer and is kept nowhere. It cannot hold scopes that the calling token lacks.",
    body: { kind: "json", schema: shapes.create },
    answer: { kind: "json", status: 201, schema: shapes.created, description: "The token, shown once." },
    errors: [credentialErrors.scope_not_held],
    needsStepUp: true,
    isAnswerSecret: true,
    examples: { request: { name: "nightly import", scopes: [scope], expires_in: 86_400 } },
    handle: (call, { body }) => createToken(call, product, body),
  });
}

function listTokensRoute({ product, shapes, at }: Parts): Route<Call> {
  return route({
    operation: "listTokens",
    method: "GET",
    paths: at(""),
    scopes: MANAGE,
    tag: "Tokens",
    summary: "List API tokens",
    query: shapes.listQuery,
    answer: { kind: "json", status: 200, schema: shapes.list, description: "Tokens, in the order of their ids." },
    errors: [],
    handle: (call, { query }) => listTokens(call, product, query),
  });
}

function getTokenRoute({ product, shapes, at }: Parts): Route<Call> {
  return route({
    operation: "getToken",
    method: "GET",
    paths: at("/{id}"),
    scopes: MANAGE,
    tag: "Tokens",
    summary: "Look at an API token",
    params: shapes.params,
    answer: { kind: "json", status: 200, schema: shapes.token, description: "The token without its secret." },
    errors: [credentialErrors.token_not_found],
    handle: (call, { params }) => getToken(call, product, params.id),
  });
}

function revokeTokenRoute({ product, shapes, at, tokenCheck }: Parts): Route<Call> {
  return route({
    operation: "revokeToken",
    method: "DELETE",
    paths: at("/{id}"),
    scopes: MANAGE,
    tag: "Tokens",
    summary: "Revoke an API token",
    description: "Takes effect on every process within a second. Revoking again changes nothing.",
    params: shapes.params,
    answer: { kind: "empty", status: 204, description: "Revoked." },
    errors: [credentialErrors.token_not_found],
    handle: (call, { params }) => revokeToken(call, product, params.id, tokenCheck.forget),
  });
}

function rotateTokenRoute({ product, shapes, at, tokenCheck }: Parts): Route<Call> {
  return route({
    operation: "rotateToken",
    method: "POST",
    paths: at("/{id}/rotate"),
    scopes: MANAGE,
    tag: "Tokens",
    summary: "Replace an API token by a new one",
    description: "The new token has the same rights; the old one stays valid for the overlap.",
    params: shapes.params,
    body: { kind: "json", schema: shapes.rotate, isOptional: true },
    answer: { kind: "json", status: 201, schema: shapes.created, description: "The new token, shown once." },
    errors: [credentialErrors.token_not_found, credentialErrors.token_revoked, credentialErrors.scope_not_held],
    needsStepUp: true,
    isAnswerSecret: true,
    handle: (call, { params, body }) =>
      rotateToken(
        call,
        product,
        { id: params.id, forget: tokenCheck.forget },
        body ?? { overlap_seconds: DEFAULT_OVERLAP_SECONDS },
      ),
  });
}

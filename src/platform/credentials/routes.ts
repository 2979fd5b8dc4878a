import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import type { TokenCheck } from "./check.ts";
import { credentialErrors } from "./errors.ts";
import { createToken, getToken, listTokens, revokeToken, rotateToken } from "./operations.ts";
import { tokenShapes } from "./schema.ts";

const route = routeFor<Call>();
const MANAGE = ["tokens:manage"] as const;

/** The token routes of one product, under its prefix and under the bare path that products share. */
export function tokenRoutes(options: {
  product: string;
  prefix: string;
  scopes: readonly [string, ...string[]];
  tokenCheck: TokenCheck;
}): Route<Call>[] {
  const { product, prefix, tokenCheck } = options;
  const shapes = tokenShapes(options.scopes);
  const at = (path: string): [string, string] => [`${prefix}/tokens${path}`, `/v1/tokens${path}`];
  // The scope enum of `shapes` covers every scope that this product's tokens can have been given.
  const show = <T>(view: unknown): T => view as T;
  return [
    route({
      operation: "createToken",
      method: "POST",
      paths: at(""),
      scopes: MANAGE,
      tag: "Tokens",
      summary: "Make an API token",
      description:
        "The token is in the answer and is kept nowhere. It cannot hold scopes that the calling token lacks.",
      body: { kind: "json", schema: shapes.create },
      answer: { kind: "json", status: 201, schema: shapes.created, description: "The token, shown once." },
      errors: [credentialErrors.scope_not_held],
      isAnswerSecret: true,
      examples: { request: { name: "nightly import", scopes: ["documents:read"], expires_in: 86_400 } },
      handle: async (call, { body }) => show(await createToken(call, product, body)),
    }),
    route({
      operation: "listTokens",
      method: "GET",
      paths: at(""),
      scopes: MANAGE,
      tag: "Tokens",
      summary: "List API tokens",
      query: shapes.listQuery,
      answer: { kind: "json", status: 200, schema: shapes.list, description: "Tokens, in the order of their ids." },
      errors: [],
      handle: async (call, { query }) => show(await listTokens(call, product, query)),
    }),
    route({
      operation: "getToken",
      method: "GET",
      paths: at("/{id}"),
      scopes: MANAGE,
      tag: "Tokens",
      summary: "Look at an API token",
      params: shapes.params,
      answer: { kind: "json", status: 200, schema: shapes.token, description: "The token without its secret." },
      errors: [credentialErrors.token_not_found],
      handle: async (call, { params }) => show(await getToken(call, product, params.id)),
    }),
    route({
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
    }),
    route({
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
      isAnswerSecret: true,
      handle: async (call, { params, body }) =>
        show(
          await rotateToken(
            call,
            product,
            { id: params.id, forget: tokenCheck.forget },
            body ?? { overlap_seconds: DEFAULT_OVERLAP_SECONDS },
          ),
        ),
    }),
  ];
}

const DEFAULT_OVERLAP_SECONDS = 24 * 3600;

import { compileAnswerCheck, compileParser, type Parser } from "../http/schema-check.ts";
import type { Route } from "../http/route.ts";
import type { Call, OpenCall, Product } from "../product.ts";
import { publishedRoutes } from "./published.ts";

/** What a route's schema makes of an input. */
export type AnyParser = Parser;

/** A route with what its schemas are compiled to, once. */
export type Registered = {
  readonly product: Product;
  readonly operation: string;
  readonly method: string;
  readonly paths: readonly string[];
  readonly params: AnyParser | null;
  readonly query: AnyParser | null;
  readonly body: AnyParser | null;
  readonly answerCheck: ((value: unknown) => string | null) | null;
} & (
  | { readonly isOpen: false; readonly route: Route<Call> }
  | { readonly isOpen: true; readonly route: Route<OpenCall> }
);

/** Prepares every route of every product. */
export function registerRoutes(products: readonly Product[], areResponsesChecked: boolean): Registered[] {
  return products.flatMap((product) => [
    ...product.routes.map((route): Registered => ({
      ...compile(product, route, areResponsesChecked),
      isOpen: false,
      route,
    })),
    ...[...product.openRoutes, ...publishedRoutes(product)].map((route): Registered => ({
      ...compile(product, route, areResponsesChecked),
      isOpen: true,
      route,
    })),
  ]);
}

function compile<C>(product: Product, route: Route<C>, areResponsesChecked: boolean) {
  return {
    product,
    operation: `${product.name}.${route.operation}`,
    method: route.method,
    paths: route.paths,
    params: route.params === undefined ? null : compileParser(route.params, "params"),
    query: route.query === undefined ? null : compileParser(route.query, "query"),
    body: route.body?.kind === "json" ? compileParser(route.body.schema, "body") : null,
    answerCheck: areResponsesChecked && route.answer.kind === "json" ? compileAnswerCheck(route.answer.schema) : null,
  };
}

/** Which product words the failures of a path where no route answers: the longest prefix wins. */
export function productOfPath(products: readonly Product[], path: string): Product {
  const first = products[0];
  if (first === undefined) throw new Error("a server needs at least one product");
  let best = first;
  let bestLength = 0;
  for (const product of products) {
    for (const prefix of product.pathPrefixes) {
      const isInside = path === prefix || path.startsWith(`${prefix}/`);
      if (isInside && prefix.length > bestLength) {
        best = product;
        bestLength = prefix.length;
      }
    }
  }
  return best;
}

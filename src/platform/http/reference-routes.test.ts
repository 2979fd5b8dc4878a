import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiDocument } from "./openapi.ts";
import { referenceRoutes } from "./reference-routes.ts";
import { sampleIdempotencyErrors, sampleProduct } from "./sample-product.ts";

test("the reference is four open routes that no document lists, and their links are these routes", () => {
  const routes = referenceRoutes("/v1/letters/reference", (publicUrl) =>
    openApiDocument(sampleProduct, { publicUrl, idempotencyErrors: sampleIdempotencyErrors }),
  );
  assert.deepEqual(
    routes.map((route) => route.paths[0]),
    ["", "/style.css", "/openapi.json", "/openapi.yaml"].map((end) => `/v1/letters/reference${end}`),
  );
  assert.ok(routes.every((route) => route.scopes === null && route.isHidden === true));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Addresses } from "./addresses.ts";

test("a path leads to the address that spells out most of it, with or without a slash at the end", () => {
  const addresses = new Addresses();
  for (const [pattern, method] of [
    ["/v1/things/:id", "DELETE"],
    ["/v1/things", "POST"],
    ["/v1/things/export", "GET"],
    ["/v1/a.b/*", "PUT"],
    ["/push/", "PATCH"],
  ] as const) {
    addresses.take(pattern, {}).methods.add(method);
  }
  assert.equal(addresses.take("/v1/things", {}), addresses.take("/v1/things", {}));
  const methodsAt = (path: string): string[] => [...(addresses.find(path)?.methods ?? [])];
  assert.deepEqual(methodsAt("/v1/things"), ["POST"]);
  assert.deepEqual(methodsAt("/v1/things/"), ["POST"]);
  assert.deepEqual(methodsAt("/v1/things/x"), ["DELETE"]);
  assert.deepEqual(methodsAt("/v1/things/export"), ["GET"]);
  assert.deepEqual(methodsAt("/v1/a.b/c/d"), ["PUT"]);
  assert.deepEqual(methodsAt("/push"), ["PATCH"]);
  assert.deepEqual(methodsAt("/push/"), ["PATCH"]);
  for (const path of ["/", "/v1/things/x/y", "/v1/thing", "/v1/axb/c"]) {
    assert.equal(addresses.find(path), null, path);
  }
});

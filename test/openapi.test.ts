import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

test("the published document and its Postman collection are those of the routes", () => {
  const run = spawnSync(process.execPath, ["scripts/openapi.ts", "--check"], { encoding: "utf8" });
  assert.equal(run.status, 0, `run npm run openapi: ${run.stdout}${run.stderr}`);
});

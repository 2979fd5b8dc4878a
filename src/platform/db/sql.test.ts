import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "./sql.ts";

const byName = (name: unknown): ReturnType<typeof sql> => sql`select 1 where ${name} = ${name}`;

test("every value becomes a bound parameter, whatever is in it", () => {
  const hostile = "'; drop table platform.tenants; --";
  const statement = byName(hostile);
  assert.equal(statement.text, "select 1 where $1 = $2");
  assert.deepEqual(statement.values, [hostile, hostile]);
});

test("one place in the source is one prepared statement, and different texts have different names", () => {
  assert.equal(byName(1).name, byName(2).name);
  assert.notEqual(byName(1).name, sql`select 2`.name);
  // PostgreSQL cuts names at 63 bytes.
  assert.match(byName(1).name, /^t_[\w-]{20,50}$/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { orderTables } from "./table-order.ts";

function table(name: string, isWalled: boolean, ...references: string[]) {
  return { name, isWalled, references };
}

test("tables come after those they refer to, on either side of the wall", () => {
  const { before, walled, after } = orderTables([
    table("a_queue", false, "z_deliveries"),
    table("b_attempts", true, "z_deliveries", "tenants"),
    table("c_late", false, "a_queue"),
    table("tenants", false),
    table("z_deliveries", true, "y_endpoints"),
    table("y_endpoints", true),
  ]);
  const names = (tables: readonly { name: string }[]): string[] => tables.map((each) => each.name);
  assert.deepEqual(names(before), ["tenants"]);
  assert.deepEqual(names(walled), ["y_endpoints", "z_deliveries", "b_attempts"]);
  assert.deepEqual(names(after), ["a_queue", "c_late"]);
});

test("foreign keys in a circle, or back over the wall, are refused by name", () => {
  assert.throws(() => orderTables([table("a", true, "b"), table("b", true, "a")]), /a -> b -> a/);
  assert.throws(() => orderTables([table("a", true, "a")]), /a -> a/);
  assert.throws(() => orderTables([table("a", true), table("q", false, "a"), table("b", true, "q")]), /b refers to/);
});

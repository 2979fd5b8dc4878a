import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, describeError } from "./log.ts";

function collect(level: string): { lines: () => Record<string, unknown>[]; log: ReturnType<typeof createLog> } {
  const texts: string[] = [];
  const log = createLog(level, { write: (line) => void texts.push(line) });
  return { log, lines: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>) };
}

test("each entry is one line of JSON with a level in words and the time in UTC", () => {
  const { log, lines } = collect("info");
  log.info({ count: 1 }, "two\nlines");
  log.debug("not at this level");
  const [entry, ...rest] = lines();
  assert.deepEqual(rest, []);
  assert.deepEqual([entry?.["level"], entry?.["count"], entry?.["msg"]], ["info", 1, "two\nlines"]);
  assert.match(String(entry?.["at"]), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test("members that hold secrets are hidden, at the top and one level below", () => {
  const { log, lines } = collect("info");
  log.info({ token: "s3cret", headers: { authorization: "Bearer s3cret", cookie: "s3cret" }, password: "s3cret" });
  log.info({ request: { "idempotency-key": "s3cret", body: "s3cret", key: "s3cret" }, secret: "s3cret" });
  assert.ok(!JSON.stringify(lines()).includes("s3cret"), JSON.stringify(lines()));
});

test("an error is told by type, message, code, stack and causes; a driver's further members are not", () => {
  const { log, lines } = collect("info");
  const cause = Object.assign(new Error("unique"), { code: "23505", detail: "Key (email)=(a@b.c) exists", query: "…" });
  log.error({ error: new TypeError("failed", { cause }) }, "told");
  const facts = lines()[0]?.["error"] as { type: string; cause: Record<string, unknown> };
  assert.equal(facts.type, "TypeError");
  assert.deepEqual([facts.cause["message"], facts.cause["code"]], ["unique", "23505"]);
  assert.ok(!JSON.stringify(lines()).includes("a@b.c"));
});

test("a chain of causes ends, also one that is a ring", () => {
  const error = new Error("ring");
  error.cause = error;
  assert.ok(JSON.stringify(describeError(error)).length < 20_000);
  assert.equal(describeError("text").type, "string");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { letter, letterQuery, newLetter } from "./sample-product.ts";
import { MAX_DEPTH } from "./schema-bounds.ts";
import { compileAnswerCheck, compileParser, type Parser } from "./schema-check.ts";
import { MAX_FIELDS_REPORTED } from "./schema-reasons.ts";

const parseLetter = compileParser(newLetter, "body");
const parseQuery = compileParser(letterQuery, "query");
const least = { title: "Lease", parties: [{ email: "ada@example.org" }] };

function reasonsOf(input: unknown, parse: Parser = parseLetter) {
  const parsed = parse(input);
  assert.ok(!parsed.ok);
  return Object.fromEntries(parsed.fields.map(({ parameter, reason }) => [parameter, reason]));
}

test("what fits is given back with its defaults, also inside lists and forms", () => {
  const parsed = parseLetter({ ...least, delivery: { by: "mail" } });
  assert.deepEqual(parsed, {
    ok: true,
    value: {
      title: "Lease",
      parties: [{ email: "ada@example.org", order: 1 }],
      delivery: { by: "mail", subject: "A letter" },
      is_draft: false,
    },
  });
});

test("what the caller handed over is not changed", () => {
  const given = structuredClone(least);
  const parsed = parseLetter(given);
  assert.deepEqual(given, least);
  assert.ok(parsed.ok && parsed.value !== given);
});

test("each wrong field is named by its dotted path with a reason for people", () => {
  const wrong = {
    title: "",
    parties: [{ email: "ada", order: 0 }, { name: 7 }],
    delivery: { by: "sms", phone: "12" },
    due_on: "2026-02-30",
    is_draft: "true",
    colour: "red",
    labels: { x: "y".repeat(201) },
  };
  assert.deepEqual(reasonsOf(wrong), {
    title: "must be at least 1 character long",
    "parties.0.email": "must be an email address",
    "parties.0.order": "must be 1 or more",
    "parties.1.email": "is required",
    "parties.1.name": "must be a string",
    "delivery.phone": "must be a telephone number such as +4915112345678",
    due_on: "must be a date such as 2026-11-22",
    is_draft: "must be true or false",
    colour: "is not a known member",
    "labels.x": "must be at most 200 characters long",
  });
});

test("a form that is not known is said once, not once a form", () => {
  assert.deepEqual(reasonsOf({ ...least, delivery: { by: "pigeon" } }), { "delivery.by": "names no known form" });
  assert.deepEqual(reasonsOf({ ...least, delivery: {} }), { "delivery.by": "is required" });
  const either = compileParser(z.strictObject({ a: z.union([z.string().max(3), z.int().min(0)]) }), "body");
  assert.deepEqual(reasonsOf({ a: true }, either), { a: "fits none of the permitted forms" });
});

test("members that need each other are both there or neither, and the missing one is named", () => {
  const pair = z.strictObject({ a: z.string().max(3).optional(), b: z.string().max(3).optional() });
  const parse = compileParser(
    z.strictObject({ pair: pair.meta({ dependentRequired: { a: ["b"], b: ["a"] } }) }),
    "body",
  );
  assert.deepEqual(reasonsOf({ pair: { a: "x" } }, parse), { "pair.b": "is required" });
  assert.deepEqual(reasonsOf({ pair: { b: "x" } }, parse), { "pair.a": "is required" });
  assert.ok(parse({ pair: {} }).ok && parse({ pair: { a: "x", b: "x" } }).ok);
});

test("a body that is no object is refused as a whole", () => {
  for (const body of [null, [], "text", 7]) assert.deepEqual(reasonsOf(body), { body: "must be an object" });
});

test("text with U+0000 or a lone surrogate is refused", () => {
  assert.deepEqual(reasonsOf({ ...least, title: "a\u0000b" }), { title: "must not hold the character U+0000" });
  assert.deepEqual(reasonsOf({ ...least, title: "a\ud800b" }), { title: "must be well-formed Unicode" });
  assert.ok(parseLetter({ ...least, title: "😀".repeat(200) }).ok, "length is counted in characters");
});

test("a query is read from strings, in one spelling only", () => {
  const parsed = parseQuery({ limit: "20", state: "open", with_drafts: "false" });
  assert.deepEqual(parsed, { ok: true, value: { limit: 20, state: ["open"], with_drafts: false } });
  assert.deepEqual(parseQuery({ state: ["open", "draft"] }), {
    ok: true,
    value: { limit: 50, state: ["open", "draft"], with_drafts: true },
  });
  for (const limit of ["", " 5", "5 ", "0x5", "5e0", "05", "+5", "5.0", "NaN", "9999999999999999999"]) {
    assert.ok("limit" in reasonsOf({ limit }, parseQuery), limit);
  }
  assert.deepEqual(reasonsOf({ limit: ["1", "2"] }, parseQuery), { limit: "must be an integer, given once" });
  assert.deepEqual(reasonsOf({ limit: "201", other: "x" }, parseQuery), {
    limit: "must be 200 or less",
    other: "is not a known member",
  });
});

test("a body is never coerced", () => {
  assert.deepEqual(reasonsOf({ ...least, title: 7 }), { title: "must be a string" });
});

test("of the headers only those that are declared are looked at", () => {
  const parse = compileParser(z.strictObject({ range: z.string().max(20).optional() }), "headers");
  assert.deepEqual(parse({ range: "bytes=0-1", host: "x", cookie: undefined }), {
    ok: true,
    value: { range: "bytes=0-1" },
  });
});

test("members that reach a prototype are refused at any depth, and no prototype changes", () => {
  for (const name of ["__proto__", "constructor", "prototype"]) {
    const labels: unknown = JSON.parse(`{"${name}": {"polluted": "yes"}}`);
    assert.deepEqual(reasonsOf({ ...least, labels }), { [`labels.${name}`]: "is not a permitted member name" });
    const body: unknown = JSON.parse(`{"title":"a","parties":[],"${name}":{"polluted":true}}`);
    assert.deepEqual(reasonsOf(body), { [name]: "is not a permitted member name" });
  }
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("a member that every object inherits does not count as given, and cannot be declared", () => {
  const parse = compileParser(z.strictObject({ labels: z.record(z.string().max(9), z.string().max(9)) }), "body");
  assert.ok(parse({ labels: { toString: "a" } }).ok);
  assert.deepEqual(reasonsOf({ toString: "a", labels: {} }, parse), { toString: "is not a known member" });
  const declaring = compileParser(z.strictObject({ toString: z.string().max(3) }), "body");
  assert.throws(() => declaring({}), /may be called toString/);
});

test("a body that is nested too deep is refused before any schema sees it", () => {
  const deep: unknown = JSON.parse("[".repeat(MAX_DEPTH + 5) + "]".repeat(MAX_DEPTH + 5));
  assert.match(Object.values(reasonsOf({ labels: deep }))[0] ?? "", /nested deeper/);
});

test("a huge body is refused quickly and with few words", () => {
  const started = performance.now();
  const parties = Array.from({ length: 90_000 }, () => 1);
  assert.deepEqual(reasonsOf({ ...least, parties }), { parties: "must have at most 50 entries" });
  const tooMany = Array.from({ length: 120_000 }, () => 1);
  assert.match(reasonsOf({ ...least, parties: tooMany })["body"] ?? "", /more than 100000 values/);
  const some = parseLetter({ ...least, parties: Array.from({ length: 50 }, () => ({ x: 1 })) });
  assert.ok(!some.ok && some.fields.length === MAX_FIELDS_REPORTED);
  assert.ok(performance.now() - started < 10_000);
});

test("a sender’s long member name is not told back in full", () => {
  const [name] = Object.keys(reasonsOf({ ...least, ["n".repeat(100_000)]: 1 }));
  assert.ok((name?.length ?? 0) < 200);
});

test("an answer is held to its schema: nothing more, nothing less, defaults included", () => {
  const check = compileAnswerCheck(letter);
  const answer = { id: "let_01KB2Q6V9XJ4M8T3RZ5C7D1E0F", title: "a", parties: [], state: "open", sealed_at: null };
  assert.equal(check(answer), null);
  assert.equal(check({ ...answer, secret: 1 }), "secret is not a known member");
  assert.equal(
    check({ ...answer, sealed_at: "soon" }),
    "sealed_at must be a moment in UTC such as 2026-11-22T09:30:00Z",
  );
  assert.equal(check({ ...answer, parties: [{ email: "a@b.de" }] }), "parties.0.order is required");
});

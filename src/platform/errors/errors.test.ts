import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError, errorsOf, isAppError, type ErrorTable } from "./errors.ts";
import { platformError, platformErrors } from "./platform-errors.ts";
import { StartError } from "./start-error.ts";

const table = {
  note_missing: { status: 404, wire: "note_not_found", title: "Note not found", retry: "no" },
} as const satisfies ErrorTable;
const noteError = errorsOf("notes", table);

test("an expected failure carries its row, its detail and the error that caused it", () => {
  const cause = new Error("disk");
  const error = noteError("note_missing", "There is no note 7.", { cause, retryAfterSeconds: 3 });
  assert.ok(error instanceof AppError);
  assert.deepEqual(
    [error.row, error.detail, error.cause, error.retryAfterSeconds, error.fields, error.headers],
    [table.note_missing, "There is no note 7.", cause, 3, [], {}],
  );
  assert.equal(error.message, "notes.note_missing: There is no note 7.");
});

test("a code that the table does not hold does not compile, and throws where it comes from outside", () => {
  // @ts-expect-error a misspelt code
  assert.throws(() => noteError("note_mising", ""), /notes has no error note_mising/);
});

test("a failure is recognised by area and code together", () => {
  const error = noteError("note_missing", "");
  assert.ok(isAppError(error, "notes", "note_missing"));
  assert.ok(!isAppError(error, "other", "note_missing"));
  assert.ok(!isAppError(error, "notes", "note"));
  assert.ok(!isAppError(new Error("notes.note_missing"), "notes", "note_missing"));
});

test("every failure of the pipeline has a status of a failure and a code of its own on the wire", () => {
  const rows = Object.values(platformErrors);
  assert.ok(rows.every((row) => row.status >= 400 && row.status <= 599));
  assert.equal(new Set(rows.map((row) => row.wire)).size, rows.length);
  assert.equal(platformError("unauthorized", "").row.status, 401);
});

test("a refused start keeps what caused it", () => {
  const cause = new Error("port");
  const error = new StartError("cannot listen", { cause });
  assert.deepEqual([error.name, error.message, error.cause], ["StartError", "cannot listen", cause]);
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codeChannel, dueSigners, statusAt, statusOf, type SignerState } from "./signature.ts";

const signer = (
  state: SignerState,
  order: number | null = null,
): { state: SignerState; signing_order: number | null } => ({
  state,
  signing_order: order,
});

describe("where a request stands", () => {
  test("SF-49 at the very moment of its end it has ended, a millisecond before it has not", () => {
    const end = new Date("2026-11-25T12:00:00.000Z");
    const open = { status: "viewed", expires_at: end } as const;
    assert.equal(statusAt(open, new Date(end.getTime() - 1)), "viewed");
    assert.equal(statusAt(open, end), "expired");
    assert.equal(statusAt({ ...open, status: "completed" }, end), "completed", "what ended stays as it ended");
  });

  test("SF-22 the turn is of the lowest order that has not signed; a delegate takes it over", () => {
    const [first, second, third] = [signer("signed", 1), signer("viewed", 2), signer("waiting", 3)];
    assert.deepEqual(dueSigners([third, second, first]), [second]);
    const delegate = signer("waiting", 2);
    assert.deepEqual(dueSigners([first, signer("delegated", 2), third, delegate]), [delegate]);
    assert.deepEqual(dueSigners([signer("declined", 1), second]), [], "nobody's turn comes after a refusal");
    assert.equal(dueSigners([signer("viewed"), signer("waiting")]).length, 2);
    assert.deepEqual(dueSigners([]), []);
  });

  test("SF-49 signed by all who act is completed; one refusal is a refusal", () => {
    assert.equal(statusOf([signer("delegated"), signer("signed")]), "completed");
    assert.equal(statusOf([signer("signed"), signer("waiting")]), "partially_signed");
    assert.equal(statusOf([signer("signed"), signer("declined")]), "declined");
    assert.equal(statusOf([signer("invited"), signer("waiting")]), "pending");
  });

  test("SF-49 a code goes by SMS only to whom a telephone is known of", () => {
    assert.equal(codeChannel("sms", { phone: "+33612345678" }), "sms");
    assert.equal(codeChannel("sms", { phone: null }), "mail");
    assert.equal(codeChannel("none", { phone: null }), "none");
  });
});

import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { describe, test } from "node:test";
import { isAppError } from "../errors/errors.ts";
import { createPasswordRules, objectionTo, readListed } from "./password-rules.ts";

const listed = readListed();
const context = { email: "alice.martin@etude-muller.example", organisation: "Étude Müller & Fils" };
const objection = (password: string) => objectionTo(password, context, listed);

describe("new passwords", () => {
  test("hold 12 to 256 characters and are not the address", () => {
    assert.equal(objection("eleven char"), "length");
    assert.equal(objection("x y z ".repeat(43)), "length");
    assert.equal(objection(" Alice.Martin@Etude-Muller.EXAMPLE"), "address");
    assert.equal(objection("ａlice.martin@etude-muller.example"), "address");
  });

  for (const password of [
    "administrator",
    "ADMINISTRATOR",
    "ａｄｍｉｎｉｓｔｒａｔｏｒ",
    "1qaz2wsx3edc",
    "qwertyuiop123",
    "password1234",
    "Password2026!",
    "!!Motdepasse2026!!",
    "dragon12345678",
    "passwordpassword",
    "Password1Password1",
    "abcabcabcabc",
    "aaaaaaaaaaaa",
    "2580258025802580",
    "123456789012",
    "098765432109",
    "abcdefghijklmno",
    "zyxwvutsrqponm",
  ]) {
    test(`that are tried first are refused: ${password}`, () => assert.equal(objection(password), "common"));
  }

  for (const password of [
    "alice.martin2026",
    "Alice-Martin-1!",
    "AliceMartin1987",
    "etude-muller-75",
    "Étude Müller 2026",
    "e\u0301tude mu\u0308ller 1",
    "ÉTUDEMÜLLER!!!",
    "Tabellion2026!",
    "tabellion alice",
  ]) {
    test(`that are little more than what is known of the account are refused: ${password}`, () =>
      assert.equal(objection(password), "context"));
  }

  for (const password of [
    "correct horse battery staple",
    "the lamp stands by the window",
    "Alice had seven green umbrellas",
    "une étude de la neige en juin",
    "dragon of the 7 wells",
    "k7#pVw0!qZ2m",
    "九つの橋を渡る夜明けの猫たち",
  ]) {
    test(`that are long enough and nobody's first guess are taken: ${password}`, () =>
      assert.equal(objection(password), null));
  }

  test("are refused with the reason, by a code that tells length from what is guessed", () => {
    const rules = createPasswordRules();
    assert.throws(
      () => rules.refuse("password1234", context),
      (error: unknown) => isAppError(error, "members", "password_guessable") && error.message.includes("Many people"),
    );
    assert.throws(
      () => rules.refuse("short", context),
      (error: unknown) => isAppError(error, "members", "password_refused"),
    );
    rules.refuse("the lamp stands by the window", context);
  });

  test("are compared with a list below 200 kB, each word once and in the form that is compared", async () => {
    assert.ok((await stat(new URL("common-passwords.txt", import.meta.url))).size < 200_000);
    assert.ok(listed.size > 20_000);
    for (const word of listed) {
      assert.equal(word, word.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC").trim());
      assert.ok(word.length >= 4);
    }
  });
});

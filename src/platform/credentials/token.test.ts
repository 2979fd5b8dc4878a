import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newToken, parseToken, tokenPrefixes } from "./token.ts";

const CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. ";
const SAMPLES = 20;

describe("tokens", () => {
  test("have the form that scanners look for, and say product, environment and look-up id", () => {
    for (const prefix of Object.values(tokenPrefixes)) {
      for (const isLive of [true, false]) {
        const { token, lookupId } = newToken(prefix, isLive);
        assert.match(token, /^[a-z]{3}_(?:live|test)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
        assert.deepEqual(parseToken(token), { prefix, isLive, lookupId });
      }
    }
  });

  test("with any one character changed, left out or doubled are none, without a look into the database", () => {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const { token } = newToken("sfk", true);
      for (let place = 0; place < token.length; place++) {
        const [before, own, behind] = [token.slice(0, place), token[place], token.slice(place + 1)];
        const changed = CHARACTERS.split("")
          .filter((other) => other !== own)
          .map((other) => before + other + behind);
        assert.deepEqual(
          changed.filter((text) => parseToken(text) !== null),
          [],
        );
        assert.equal(parseToken(before + behind), null);
        assert.equal(parseToken(before + own + own + behind), null);
      }
    }
  });

  test("with two neighbours exchanged are none", () => {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const { token } = newToken("sfk", true);
      for (let place = 0; place < token.length - 1; place++) {
        const turned = `${token.slice(0, place)}${token[place + 1]}${token[place]}${token.slice(place + 2)}`;
        if (turned !== token) assert.equal(parseToken(turned), null, turned);
      }
    }
  });

  test("never repeat, and use every character about as often", () => {
    const tokens = Array.from({ length: 5_000 }, () => newToken("sfk", true));
    assert.equal(new Set(tokens.map(({ lookupId }) => lookupId)).size, tokens.length);
    const secrets = tokens.map(({ token }) => token.slice(22, 22 + 43)).join("");
    const counts = new Map<string, number>();
    for (const character of secrets) counts.set(character, (counts.get(character) ?? 0) + 1);
    const mean = secrets.length / 62;
    assert.equal(counts.size, 62);
    // Six standard deviations of a fair draw.
    for (const [character, count] of counts) assert.ok(Math.abs(count - mean) < 6 * Math.sqrt(mean), character);
  });
});

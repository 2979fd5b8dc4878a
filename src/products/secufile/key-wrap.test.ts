import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { builtInKeyId, keyReference } from "./key-wrap.ts";

const ID = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";

describe("key_wrap", () => {
  test("SF-15 the reference of a built-in key leads back to its id", () => {
    assert.equal(keyReference(ID), `vault://kms/key/${ID}`);
    assert.equal(builtInKeyId(keyReference(ID)), ID);
  });

  const elsewhere = [
    ...[
      "vault://kms/key/01HX...",
      "",
      ID,
      `vault://kms/key/${ID}/`,
      `vault://kms/key/${ID}\n`,
      ` vault://kms/key/${ID}`,
    ],
    ...[`vault://kms/key/${ID.toLowerCase()}`, `vault://kms/key/8${ID.slice(1)}`, `vault://other/key/${ID}`],
    ...[
      `VAULT://kms/key/${ID}`,
      "aws-kms://eu-west-1/1",
      "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    ],
  ];
  for (const reference of elsewhere) {
    test(`SF-15 ${JSON.stringify(reference)} names a key kept elsewhere`, () =>
      assert.equal(builtInKeyId(reference), null));
  }
});

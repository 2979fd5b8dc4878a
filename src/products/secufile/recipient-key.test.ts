import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { Decrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import { compactDecrypt, decodeProtectedHeader, type JWK } from "jose";
import { readRecipientKey, RecipientKeyError, releaseTo } from "./recipient-key.ts";

const DATA_KEY = createHash("sha256").update("data key").digest();

async function openedJwe(jwe: string, privateKey: KeyObject): Promise<Buffer> {
  return Buffer.from((await compactDecrypt(jwe, privateKey)).plaintext);
}

function jwkOf(key: KeyObject): JWK {
  return key.export({ format: "jwk" });
}

async function refusal(given: unknown): Promise<string> {
  try {
    await releaseTo(readRecipientKey(given), DATA_KEY);
  } catch (error) {
    assert.ok(error instanceof RecipientKeyError, String(error));
    return error.message;
  }
  return assert.fail("it was taken");
}

describe("keys for recipients", () => {
  test("SF-48 an age recipient, plain or hybrid, can read the data key", async () => {
    for (const identity of [await generateX25519Identity(), await generateHybridIdentity()]) {
      const released = await releaseTo(readRecipientKey(await identityToRecipient(identity)), DATA_KEY);
      assert.equal(released.algorithm, "age");
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const plain = await decrypter.decrypt(Buffer.from(released.encryptedKey, "base64"));
      assert.deepEqual(Buffer.from(plain), DATA_KEY);
    }
  });

  const pairs: [string, string, { publicKey: KeyObject; privateKey: KeyObject }][] = [
    ["RSA of 2048 bits", "RSA-OAEP-256", generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ["P-256", "ECDH-ES+A256KW", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["P-384", "ECDH-ES+A256KW", generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["P-521", "ECDH-ES+A256KW", generateKeyPairSync("ec", { namedCurve: "P-521" })],
    ["X25519", "ECDH-ES+A256KW", generateKeyPairSync("x25519")],
  ];
  for (const [kind, algorithm, { publicKey, privateKey }] of pairs) {
    test(`SF-48 a JWK of ${kind} can read the data key, whatever else the JWK says it is for`, async () => {
      const jwk = jwkOf(publicKey);
      const said = { ...jwk, alg: "none", use: "sig", kid: "1", ext: true, key_ops: [] };
      for (const form of [jwk, JSON.stringify(jwk), said]) {
        const released = await releaseTo(readRecipientKey(form), DATA_KEY);
        assert.equal(released.algorithm, algorithm);
        const { alg, enc } = decodeProtectedHeader(released.encryptedKey);
        assert.deepEqual([alg, enc], [algorithm, "A256GCM"]);
        assert.deepEqual(await openedJwe(released.encryptedKey, privateKey), DATA_KEY);
      }
    });
  }

  test("SF-48 two releases of one key are not alike", async () => {
    const recipient = readRecipientKey(jwkOf(generateKeyPairSync("x25519").publicKey));
    const [one, two] = [await releaseTo(recipient, DATA_KEY), await releaseTo(recipient, DATA_KEY)];
    assert.notEqual(one.encryptedKey, two.encryptedKey);
  });

  test("SF-48 a private or secret key is refused before anything is done with it, and is not repeated", async () => {
    const { privateKey } = generateKeyPairSync("x25519");
    const jwk = jwkOf(privateKey);
    for (const given of [jwk, JSON.stringify(jwk), { kty: "oct", k: randomBytes(32).toString("base64url") }]) {
      const message = await refusal(given);
      assert.match(message, /public key/);
      assert.equal(message.includes(jwk.d ?? "no d"), false);
    }
    assert.match(await refusal(await generateX25519Identity()), /age recipient/);
  });

  test("SF-48 RSA below 2048 bits, also when its number is padded, and curves for signing are refused", async () => {
    const weak = jwkOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey);
    assert.match(await refusal(weak), /2048 bits/);
    const padded = Buffer.concat([Buffer.alloc(200), Buffer.from(weak.n ?? "", "base64url")]).toString("base64url");
    assert.match(await refusal({ ...weak, n: padded }), /valid JWK|2048/);
    assert.match(await refusal(jwkOf(generateKeyPairSync("ed25519").publicKey)), /type RSA, EC/);
    assert.match(
      await refusal(jwkOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey)),
      /type RSA, EC/,
    );
  });

  test("SF-48 a point off its curve and the zero point are refused", async () => {
    const point = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
    assert.match(await refusal({ ...point, x: point.y }), /valid JWK/);
    for (const first of [0, 1]) {
      const x = Buffer.alloc(32);
      x[0] = first;
      assert.match(await refusal({ kty: "OKP", crv: "X25519", x: x.toString("base64url") }), /valid JWK/);
    }
  });

  const malformed: unknown[] = [
    ...[undefined, null, 7, true, "", "age1", "{", "[]", "null", [], {}, { kty: "EC" }, { kty: "EC", crv: "P-256" }],
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q",
    `age1pq1${"q".repeat(500)}`,
    { kty: ["RSA"], n: "x" },
    { kty: "RSA", n: "!".repeat(400), e: "AQAB" },
    { kty: "RSA", n: { length: 400 }, e: "AQAB" },
  ];
  for (const given of malformed) {
    test(`SF-48 ${(JSON.stringify(given) ?? "nothing").slice(0, 60)} is refused with a reason`, async () => {
      assert.ok((await refusal(given)).length > 10);
    });
  }
});

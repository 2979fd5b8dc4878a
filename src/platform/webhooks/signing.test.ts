import assert from "node:assert/strict";
import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { flip, settleSecrets, type SecretColumns } from "./secrets.ts";
import { legacySignature, privateKeyOf, publicKeyForm, signedHeaders, standardKey } from "./signing.ts";

const vectors = z
  .object({
    signing_key: z.string(),
    public_key: z.string(),
    signatures: z.array(
      z.object({
        name: z.string(),
        family: z.enum(["Secufile", "Secuscan"]),
        secrets: z.array(z.string()),
        standard_keys_hex: z.array(z.string()),
        body: z.string(),
        headers: z.record(z.string(), z.string()),
      }),
    ),
    verifications: z.array(z.object({ name: z.string(), result: z.string() })),
  })
  .parse(JSON.parse(readFileSync(new URL("../../../sdk/vectors/webhooks.json", import.meta.url), "utf8")));

const seed = Buffer.from(vectors.signing_key.slice("whsk_".length), "base64").subarray(0, 32);

describe("webhook signatures", () => {
  for (const vector of vectors.signatures) {
    test(`frozen vector: ${vector.name}`, () => {
      const header = (name: string) => vector.headers[name] ?? "";
      const prefix = `x-${vector.family.toLowerCase()}`;
      const made = signedHeaders(
        vector.family,
        { legacySecret: vector.secrets[0] ?? "", standardSecrets: vector.secrets, privateKey: privateKeyOf(seed) },
        {
          eventId: header("webhook-id"),
          eventType: header(`${prefix}-event`),
          deliveryId: header(`${prefix}-delivery`),
          attemptAt: new Date(Number(header("webhook-timestamp")) * 1000),
          body: Buffer.from(vector.body),
        },
      );
      assert.deepEqual(
        Object.fromEntries(Object.entries(made).map(([name, value]) => [name.toLowerCase(), value])),
        vector.headers,
      );
      assert.deepEqual(
        vector.secrets.map((secret) => standardKey(secret).toString("hex")),
        vector.standard_keys_hex,
      );
    });

    test(`others compute the same for: ${vector.name}`, () => {
      const at = new Date(Number(vector.headers["webhook-timestamp"]) * 1000);
      const id = vector.headers["webhook-id"] ?? "";
      const entries = vector.headers["webhook-signature"]?.split(" ") ?? [];
      vector.standard_keys_hex.forEach((key, index) => {
        const library = new Webhook(Buffer.from(key, "hex"), { format: "raw" });
        assert.equal(library.sign(id, at, vector.body), entries[index]);
      });
      const expected = createHmac("sha256", vector.secrets[0] ?? "")
        .update(vector.body)
        .digest("hex");
      assert.equal(vector.headers[`x-${vector.family.toLowerCase()}-signature`], `sha256=${expected}`);
      const der = Buffer.concat([
        Buffer.from("302a300506032b6570032100", "hex"),
        Buffer.from(vectors.public_key.slice("whpk_".length), "base64"),
      ]);
      const signed = Buffer.from(`${id}.${vector.headers["webhook-timestamp"]}.${vector.body}`);
      const key = createPublicKey({ key: der, format: "der", type: "spki" });
      assert.equal(verify(null, signed, key, Buffer.from(entries.at(-1)?.slice(4) ?? "", "base64")), true);
    });
  }

  test("a generated secret is taken by the reference library as it is shown", () => {
    const vector = vectors.signatures.find((entry) => entry.name === "generated secret");
    assert.ok(vector);
    const at = new Date(Number(vector.headers["webhook-timestamp"]) * 1000);
    const signature = new Webhook(vector.secrets[0] ?? "").sign(vector.headers["webhook-id"] ?? "", at, vector.body);
    assert.equal(signature, vector.headers["webhook-signature"]?.split(" ")[0]);
  });

  test("the signature header always has 71 characters, so that a comparison of equal lengths never throws", () => {
    for (const secret of ["x".repeat(16), `whsec_${"A".repeat(43)}=`, "ä".repeat(20)]) {
      const signature = legacySignature(secret, Buffer.from("{}"));
      assert.equal(signature.length, 71);
      assert.equal(
        timingSafeEqual(Buffer.from(signature), Buffer.from(legacySignature(secret, Buffer.from("{}")))),
        true,
      );
    }
  });

  test("an empty secret signs nothing", () => {
    assert.throws(() => legacySignature("", Buffer.from("{}")), /empty/);
    assert.throws(() => standardKey(""), /empty/);
  });

  test("the public key of the vectors belongs to their signing key", () => {
    assert.equal(publicKeyForm(privateKeyOf(seed)), vectors.public_key);
    assert.ok(vectors.verifications.length > 20);
  });
});

describe("when secrets change places", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  const at = (ms: number) => new Date(now.getTime() + ms);
  const [one, two] = [Buffer.from("1"), Buffer.from("2")];
  const pending: SecretColumns = {
    secret: one,
    pending_secret: two,
    pending_flips_at: now,
    previous_secret: null,
    previous_ends_at: null,
  };

  test("a pending secret takes over at its instant, and the one before it lives a day longer", () => {
    assert.deepEqual(settleSecrets(pending, at(-1)), pending);
    const flipped = { ...flip(pending, two, now) };
    assert.deepEqual(settleSecrets(pending, now), flipped);
    assert.deepEqual(flipped.previous_secret, one);
    const dayMs = 86_400_000;
    assert.deepEqual(settleSecrets(pending, at(dayMs - 1)).previous_secret, one);
    assert.deepEqual(settleSecrets(pending, at(dayMs)).previous_secret, null);
    assert.deepEqual(settleSecrets(pending, at(dayMs)).secret, two);
  });
});

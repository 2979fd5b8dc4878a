import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { linkIn, openMailbox, type Mailbox } from "../support/mailbox.ts";
import { clientOf, eventually, expected, storedDocument, type Client, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { visitorOf } from "../support/sign-visitor.ts";
import { checkProof, readCheckpoint, readKey } from "../support/tlog-verifier.ts";

const SIGNERS = ["ada-of-evidence@example.com", "bob-of-evidence@example.com"];
const sha256 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe("evidence before a court", () => {
  let mailbox: Mailbox;
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  let bundle: Json;
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    api = clientOf(server.origin, server.apiKey);
    const documentId = await storedDocument(api, Buffer.from("ciphertext"));
    const signers = SIGNERS.map((email) => ({ email, role: "buyer" }));
    const made = expected(await api.post(`/documents/${documentId}/signatures`, { signers }), 201);
    const visitor = visitorOf(server.origin);
    for (const [at, email] of SIGNERS.entries()) {
      const path = linkIn(await mailbox.mailTo(email));
      await visitor.send(path, { act: "open" });
      await visitor.send(path, { act: "sign", name: at === 0 ? "Ada" : "علی\u200cرضا", consent: "yes" });
    }
    bundle = await eventually("a checkpoint covers both", async () => {
      const answer = await api.get(`/signatures/${made.signature_id}/evidence.json`);
      const found: Json = JSON.parse(answer.bytes.toString());
      return found.records.length === 2 && found.records.every((record: Json) => record.audit.proof !== null)
        ? found
        : null;
    });
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  /** What a stranger checks, with node:crypto alone. `published` is what the server told before, not the bundle. */
  function refusalOf(given: Json, published: { keys: Json[]; logKey: string }): string | null {
    try {
      for (const record of given.records) {
        const pem = published.keys.find((key) => key.key_id === record.key_id)?.public_key_pem;
        if (pem === undefined) return "unknown key";
        const text = Buffer.from(String(record.signed_text), "utf8");
        if (!verify(null, text, createPublicKey(pem), Buffer.from(record.signature, "base64"))) return "signature";
        const facts = JSON.parse(record.signed_text);
        if (facts.signature_id !== given.signature_id) return "another request";
        if (facts.document.document_id !== given.document_id) return "another document";
        const { proof } = record.audit;
        const entry = sha256(Buffer.from(proof.salt, "base64"), proof.event);
        if (checkProof(proof.tlog_proof, entry, readKey(published.logKey)).index !== proof.index) return "index";
        readCheckpoint(proof.checkpoint, readKey(published.logKey));
        const event = JSON.parse(proof.event);
        if (event.details.evidence_sha256 !== sha256(text).toString("hex")) return "another record in the log";
        if (event.action !== "secufile.signDocument" || event.details.signer_id !== facts.signer.signer_id)
          return "another act";
      }
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : "thrown";
    }
  }

  async function published(): Promise<{ keys: Json[]; logKey: string }> {
    const { data } = expected(await clientOf(server.origin, "").get("/signature-keys"), 200);
    return { keys: data, logKey: bundle.audit_log_key };
  }

  test("SF-49 records, log and the checkpoint's signature verify with node:crypto and nothing of the server's code", async () => {
    assert.equal(refusalOf(bundle, await published()), null);
    const [first, second] = bundle.records.map((record: Json) => JSON.parse(record.signed_text));
    assert.deepEqual([first.typed_name, second.typed_name], ["Ada", "علی\u200cرضا"]);
    // The checkpoint by hand, as C2SP signed-note writes it: text, blank line, dash, name, key id and signature.
    const note: string = bundle.records[0].audit.proof.checkpoint;
    const text = note.slice(0, note.indexOf("\n\n") + 1);
    const [, name, blob = ""] = note
      .slice(note.indexOf("\n\n") + 2)
      .trim()
      .split(" ");
    const [keyName, keyId, ...rest] = String(bundle.audit_log_key).split("+");
    const raw = Buffer.from(rest.join("+"), "base64").subarray(1);
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
    const signed = Buffer.from(blob, "base64");
    assert.deepEqual([name, signed.subarray(0, 4).toString("hex")], [keyName, keyId]);
    assert.equal(verify(null, Buffer.from(text), key, signed.subarray(4)), true);
    assert.equal(verify(null, Buffer.from(text.replace(/\n\d+\n/, "\n1\n")), key, signed.subarray(4)), false);
  });

  test("SF-49 whatever is changed, exchanged or left out, it no longer verifies", async () => {
    const known = await published();
    const attacks: Readonly<Record<string, (copy: Json) => void>> = {
      "another name": ({ records }) => (records[0].signed_text = records[0].signed_text.replace('"Ada"', '"Eve"')),
      "another moment": ({ records }) =>
        (records[0].signed_text = records[0].signed_text.replace('"signed_at":"2', '"signed_at":"3')),
      "another hash": ({ records }) =>
        (records[0].signed_text = records[0].signed_text.replace(/"ciphertext_sha256":"./, '"ciphertext_sha256":"_')),
      "the other's signature": ({ records }) => (records[0].signature = records[1].signature),
      "the other's place in the log": ({ records }) => (records[0].audit = records[1].audit),
      "another key's id": ({ records }) => (records[0].key_id = "sgk_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
      "another request": (copy) => (copy.signature_id = "sig_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
      "another document": (copy) => (copy.document_id = "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
      "another event": ({ records }) =>
        (records[0].audit.proof.event = records[0].audit.proof.event.replace("signDocument", "viewSignature")),
      "another salt": ({ records }) => (records[0].audit.proof.salt = Buffer.alloc(32).toString("base64")),
      "another index": ({ records }) => (records[0].audit.proof.index += 1),
      "another root": ({ records }) => {
        const { proof } = records[0].audit;
        const root = proof.checkpoint.split("\n")[2];
        proof.tlog_proof = proof.tlog_proof.replace(root, Buffer.alloc(32).toString("base64"));
      },
    };
    for (const [name, attack] of Object.entries(attacks)) {
      const copy = structuredClone(bundle);
      attack(copy);
      assert.notDeepEqual(copy, bundle, name);
      assert.notEqual(refusalOf(copy, known), null, name);
    }
  });

  test("SF-49 evidence names no secret of the signing", () => {
    const text = JSON.stringify(bundle);
    for (const { text: mail } of mailbox.mails) {
      assert.equal(text.includes(linkIn({ to: "", text: mail }).slice("/sign/".length)), false);
    }
    assert.doesNotMatch(text, /PRIVATE KEY|code_mac|token/i);
  });
});

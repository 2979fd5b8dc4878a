import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { inflateSync } from "node:zlib";
import { allPlaced, allRecords } from "../support/audit-reader.ts";
import { linkIn, openMailbox, type Mailbox } from "../support/mailbox.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  storedDocument,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { visitorOf } from "../support/sign-visitor.ts";
import { checkProof, readCheckpoint, readKey } from "../support/tlog-verifier.ts";

/** The parts of a bundle that a stranger reads, as he finds them. */
type Proof = {
  index: number;
  event: string;
  salt: string;
  checkpoint: string;
  tlog_proof: string;
};
type SignedRecord = { signed_text: string; signature: string; key_id: string; audit: { proof: Proof | null } };
type Bundle = { signature_id: string; document_id: string; audit_log_key: string; records: SignedRecord[] };
type Known = { readonly keys: readonly Record<string, string>[]; readonly logKey: string };

const SIGNERS = ["ada-of-evidence@example.com", "bob-of-evidence@example.com"];
const sha256 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

function proofOf(record: SignedRecord | undefined): Proof {
  if (record === undefined || record.audit.proof === null) throw new Error("there is no proof");
  return record.audit.proof;
}

describe("evidence before a court", () => {
  let mailbox: Mailbox;
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  let bundle: Bundle;
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
      const found: Bundle = JSON.parse(answer.bytes.toString());
      return found.records.length === 2 && found.records.every((record) => record.audit.proof !== null) ? found : null;
    });
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  /** What a stranger checks, with node:crypto alone. `known` is what the server told before, not the bundle. */
  function refusalOf(given: Bundle, known: Known): string | null {
    try {
      for (const record of given.records) {
        const pem = known.keys.find((key) => key["key_id"] === record.key_id)?.["public_key_pem"];
        if (pem === undefined) return "unknown key";
        const text = Buffer.from(record.signed_text, "utf8");
        if (!verify(null, text, createPublicKey(pem), Buffer.from(record.signature, "base64"))) return "signature";
        const facts: Json = JSON.parse(record.signed_text);
        if (facts.signature_id !== given.signature_id) return "another request";
        if (facts.document.document_id !== given.document_id) return "another document";
        const proof = proofOf(record);
        const entry = sha256(Buffer.from(proof.salt, "base64"), proof.event);
        if (checkProof(proof.tlog_proof, entry, readKey(known.logKey)).index !== proof.index) return "index";
        readCheckpoint(proof.checkpoint, readKey(known.logKey));
        const event: Json = JSON.parse(proof.event);
        if (event.details.evidence_sha256 !== sha256(text).toString("hex")) return "another record in the log";
        if (event.action !== "secufile.signDocument" || event.details.signer_id !== facts.signer.signer_id)
          return "another act";
      }
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : "thrown";
    }
  }

  async function published(): Promise<Known> {
    const { data } = expected(await clientOf(server.origin, "").get("/signature-keys"), 200);
    return { keys: data, logKey: bundle.audit_log_key };
  }

  test("SF-49 records, log and the checkpoint's signature verify with node:crypto and nothing of the server's code", async () => {
    assert.equal(refusalOf(bundle, await published()), null);
    const [first, second] = bundle.records.map((record): Json => JSON.parse(record.signed_text));
    assert.deepEqual([first.typed_name, second.typed_name], ["Ada", "علی\u200cرضا"]);
    // The checkpoint by hand, as C2SP signed-note writes it: text, blank line, dash, name, key id and signature.
    const { checkpoint: note } = proofOf(bundle.records[0]);
    assert.ok(bundle.records.every((record) => proofOf(record).checkpoint === note));
    const text = note.slice(0, note.indexOf("\n\n") + 1);
    const [, name, blob = ""] = note
      .slice(note.indexOf("\n\n") + 2)
      .trim()
      .split(" ");
    const [keyName, keyId, ...rest] = bundle.audit_log_key.split("+");
    const raw = Buffer.from(rest.join("+"), "base64").subarray(1);
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
    const signed = Buffer.from(blob, "base64");
    assert.deepEqual([name, signed.subarray(0, 4).toString("hex")], [keyName, keyId]);
    assert.equal(verify(null, Buffer.from(text), key, signed.subarray(4)), true);
    assert.equal(verify(null, Buffer.from(text.replace(/\n\d+\n/, "\n1\n")), key, signed.subarray(4)), false);
  });

  test("SF-49 whatever is changed, exchanged or left out, it no longer verifies", async () => {
    const known = await published();
    const text =
      (change: (text: string) => string) =>
      (_copy: Bundle, [first]: readonly SignedRecord[]) => {
        if (first !== undefined) first.signed_text = change(first.signed_text);
      };
    const place = (change: (proof: Proof) => void) => (copy: Bundle) => change(proofOf(copy.records[0]));
    const attacks: Readonly<Record<string, (copy: Bundle, records: readonly SignedRecord[]) => void>> = {
      "another name": text((one) => one.replace('"Ada"', '"Eve"')),
      "another moment": text((one) => one.replace('"signed_at":"2', '"signed_at":"3')),
      "another hash": text((one) => one.replace(/"ciphertext_sha256":"./, '"ciphertext_sha256":"_')),
      "the other's signature": (_copy, [first, second]) => Object.assign(first ?? {}, { signature: second?.signature }),
      "the other's place in the log": (_copy, [first, second]) => Object.assign(first ?? {}, { audit: second?.audit }),
      "another key's id": (_copy, [first]) => Object.assign(first ?? {}, { key_id: "sgk_01KB2Q6V9XJ4M8T3RZ5C7D1E0F" }),
      "another request": (copy) => (copy.signature_id = "sig_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
      "another document": (copy) => (copy.document_id = "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
      "another event": place((proof) => (proof.event = proof.event.replace("signDocument", "viewSignature"))),
      "another salt": place((proof) => (proof.salt = Buffer.alloc(32).toString("base64"))),
      "another index": place((proof) => (proof.index += 1)),
      "another root": place((proof) => {
        const root = proof.checkpoint.split("\n")[2] ?? "";
        proof.tlog_proof = proof.tlog_proof.replace(root, Buffer.alloc(32).toString("base64"));
      }),
    };
    for (const [name, attack] of Object.entries(attacks)) {
      const copy = structuredClone(bundle);
      attack(copy, copy.records);
      assert.notDeepEqual(copy, bundle, name);
      assert.notEqual(refusalOf(copy, known), null, name);
    }
  });

  /** The file attached to a PDF, out of its bytes alone. */
  function attachedTo(pdf: Buffer): string {
    const text = pdf.toString("latin1");
    const [at = 0, ...others] = [...text.matchAll(/\/EmbeddedFile\b/g)].map(({ index }) => index);
    assert.deepEqual(others, [], "one file");
    const head = text.slice(text.lastIndexOf(" obj", at), text.indexOf("stream", at));
    const start = /stream\r?\n/.exec(text.slice(at));
    const length = Number(/\/Length (\d+)/.exec(head)?.[1]);
    assert.ok(at > 0 && start !== null && length > 0, head);
    const from = at + start.index + start[0].length;
    const bytes = pdf.subarray(from, from + length);
    return (head.includes("/FlateDecode") ? inflateSync(bytes) : bytes).toString("utf8");
  }

  test("SF-49 the file in the certificate is evidence.json, and verifies by itself", async () => {
    const at = `/signatures/${bundle.signature_id}/evidence`;
    // Between two answers there may be a newer checkpoint, which proofs are then against.
    const [pdf, json] = await eventually("both are of one checkpoint", async () => {
      const [one, other] = await Promise.all([api.get(`${at}.pdf`), api.get(`${at}.json`)]);
      const found: Bundle = JSON.parse(attachedTo(one.bytes));
      const same: Bundle = JSON.parse(other.bytes.toString());
      const isOne = proofOf(found.records[0]).checkpoint === proofOf(same.records[0]).checkpoint;
      return isOne ? ([one, other] as const) : null;
    });
    assert.equal(pdf.headers.get("content-type"), "application/pdf");
    assert.equal(attachedTo(pdf.bytes), json.bytes.toString());
    const attached: Bundle = JSON.parse(attachedTo(pdf.bytes));
    const known = await published();
    assert.equal(attached.records.length, 2);
    assert.equal(refusalOf(attached, known), null);
    const [record] = attached.records;
    if (record !== undefined) record.signed_text = record.signed_text.replace('"Ada"', '"Eve"');
    assert.notEqual(refusalOf(attached, known), null);
  });

  test("SF-49 after both keys were exchanged, evidence of before and of after verifies by the published keys", async () => {
    const operator = clientOf(server.origin, server.operatorToken);
    const { key_id } = expected(await operator.post("/v1/platform/evidence-key/rotate"), 200);
    const days = { overlap_days: 0 };
    expected(await operator.post("/v1/platform/log-key/rotate", days), 200);
    const known = await published();
    const [older, newer] = known.keys.slice(-2);
    assert.equal(newer?.["key_id"], key_id);
    assert.deepEqual([older?.["signs_until"], newer?.["signs_until"]], [newer?.["signs_from"], null]);
    assert.equal(refusalOf(bundle, known), null);
    const documentId = await storedDocument(api, Buffer.from("ciphertext"));
    const email = "eve-of-rotation@example.com";
    const signers = [{ email, role: "buyer" }];
    const made = expected(await api.post(`/documents/${documentId}/signatures`, { signers }), 201);
    const path = linkIn(await mailbox.mailTo(email));
    await visitorOf(server.origin).send(path, { act: "open" });
    await visitorOf(server.origin).send(path, { act: "sign", name: "Eve", consent: "yes" });
    const later = await eventually("a checkpoint of the new key covers it", async () => {
      const answer = await api.get(`/signatures/${made.signature_id}/evidence.json`);
      const found: Bundle = JSON.parse(answer.bytes.toString());
      const isProved = found.records.length === 1 && found.records.every((record) => record.audit.proof !== null);
      return isProved && found.audit_log_key !== bundle.audit_log_key ? found : null;
    });
    assert.deepEqual(
      later.records.map((record) => record.key_id),
      [key_id],
    );
    assert.equal(refusalOf(later, { ...known, logKey: later.audit_log_key }), null);
    assert.notEqual(refusalOf(later, known), null, "the old log key signs no more");
    // The same evidence, asked for again: its proof is against a checkpoint of the new key, its signature of the old.
    const again: Bundle = JSON.parse(
      (await api.get(`/signatures/${bundle.signature_id}/evidence.json`)).bytes.toString(),
    );
    assert.deepEqual(
      again.records.map((record) => record.signature),
      bundle.records.map((record) => record.signature),
    );
    assert.equal(refusalOf(again, { ...known, logKey: again.audit_log_key }), null);
    const log = expected(await api.get("/audit/log/key"), 200);
    assert.deepEqual(log.audit, [later.audit_log_key, bundle.audit_log_key]);
    expectedProblem(await api.post("/v1/platform/log-key/rotate", days), 401, "unauthorized");
  });

  /** Who did what to a request, from where and with what, as the log tells it under the bucket of its document. */
  async function stepsOf(bucket: string, id: string): Promise<Json[]> {
    await allPlaced(server.database.superUrl);
    const records = await allRecords(api, `&bucket=${bucket}`);
    const row = (await api.get(`/audit?resource=signature:${id}&limit=100`)).body.data;
    const steps = records.filter(({ resource }) => resource.type === "signature" && resource.id === id);
    assert.deepEqual(steps, row, "no step is without the bucket");
    return steps.map(({ action, outcome, actor, details }) => [
      `${String(action).slice("secufile.".length)} ${outcome}`,
      actor.type,
      actor.email ?? details.email ?? null,
      actor.ip ?? null,
      details.user_agent ?? null,
    ]);
  }
  const IP = "127.0.0.1";
  const sent = (step: string, email: string): Json => [`${step} success`, "system", email, null, null];
  const seen = (step: string, email: string): Json => [step, "signer", email, IP, "TestBrowser/1"];

  test("SF-49 SF-51 each step from the request to the signature is on record, with who, from where and by what", async () => {
    const [email, bucket] = ["trail@example.com", "deeds-of-trail"];
    const visitor = visitorOf(server.origin);
    const documentId = await storedDocument(api, Buffer.from("ciphertext"), { bucket });
    const order = { signers: [{ email, role: "buyer" }], require_code: true };
    const made = expected(await api.post(`/documents/${documentId}/signatures`, order), 201);
    await mailbox.mailTo(email);
    await visitor.send(new URL(made.signature_url).pathname, { act: "ask", email: "nobody@example.com" });
    await visitor.send(new URL(made.signature_url).pathname, { act: "ask", email });
    const path = linkIn(await mailbox.mailTo(email, 2));
    await visitor.look(path);
    await visitor.send(path, { act: "open" });
    await visitor.send(path, { act: "code" });
    const code = /\b(\d{6})\b/.exec((await mailbox.mailTo(email, 3)).text)?.[1] ?? "";
    const form = { act: "sign", name: "Ada", consent: "yes" };
    await visitor.send(path, { ...form, code: code === "000000" ? "000001" : "000000" });
    await visitor.send(path, { ...form, code });
    await mailbox.mailTo(email, 4);
    assert.deepEqual(await stepsOf(bucket, made.signature_id), [
      ["createSignature success", "token", null, IP, null],
      sent("inviteSigner", email),
      ["askForLink denied", "visitor", null, IP, "TestBrowser/1"],
      ["askForLink success", "visitor", email, IP, "TestBrowser/1"],
      sent("inviteSigner", email),
      ["showSignPage success", "signer", email, IP, "node"],
      seen("viewSignature success", email),
      seen("sendCode success", email),
      seen("checkCode denied", email),
      seen("checkCode success", email),
      seen("signDocument success", email),
      ["completeSignature success", "signer", email, IP, null],
      sent("tellSigner", email),
    ]);
    assert.deepEqual(await allRecords(api, `&bucket=another-bucket&resource=signature:${made.signature_id}`), []);
  });

  test("SF-49 SF-51 so is each step of naming another person, who declines; the document's end changes no row", async () => {
    const [email, other, bucket] = ["trail-one@example.com", "trail-two@example.com", "deeds-of-decline"];
    const visitor = visitorOf(server.origin);
    const documentId = await storedDocument(api, Buffer.from("ciphertext"), { bucket });
    const order = { signers: [{ email, role: "buyer" }], delegation: true };
    const { signature_id: id } = expected(await api.post(`/documents/${documentId}/signatures`, order), 201);
    for (const [who, act] of [
      [email, { act: "delegate", name: "Bob", email: other }],
      [other, { act: "decline", reason: "A secret reason" }],
    ] as const) {
      const path = linkIn(await mailbox.mailTo(who));
      await visitor.send(path, { act: "open" });
      await visitor.send(path, act);
    }
    expected(await api.call("DELETE", `/documents/${documentId}`), 204);
    expected(await api.get(`/signatures/${id}`), 200);
    assert.deepEqual(await stepsOf(bucket, id), [
      ["createSignature success", "token", null, IP, null],
      sent("inviteSigner", email),
      seen("viewSignature success", email),
      seen("delegateSignature success", email),
      sent("inviteSigner", other),
      seen("viewSignature success", other),
      seen("declineSignature success", other),
      ["getSignature success", "token", null, IP, null],
    ]);
    const rows = await allRecords(api, `&resource=signature:${id}`);
    assert.equal(JSON.stringify(rows).includes("A secret reason"), false);
  });

  test("SF-52 what a signer did is found by address, however it is written, and by id: the same records", async () => {
    const facts: { signer: { signer_id: string } }[] = bundle.records.map((record) => JSON.parse(record.signed_text));
    for (const [at, email] of SIGNERS.entries()) {
      const byAddress = await allRecords(api, `&user=${email.toUpperCase()}`);
      const signerId = facts[at]?.signer.signer_id;
      assert.deepEqual(
        byAddress.map((record) => [record.action, record.actor.type, record.actor.id, record.actor.email]),
        ["viewSignature", "signDocument", ...(at === 0 ? [] : ["completeSignature"])].map((operation) => [
          `secufile.${operation}`,
          ...["signer", signerId, email],
        ]),
      );
      assert.deepEqual(await allRecords(api, `&user=${signerId}`), byAddress);
    }
  });

  test("SF-49 evidence names no secret of the signing", () => {
    const text = JSON.stringify(bundle);
    const invitations = mailbox.mails.filter((mail) => mail.text.includes("/sign/"));
    assert.ok(invitations.length > 0);
    for (const mail of invitations) {
      assert.equal(text.includes(linkIn(mail).slice("/sign/".length)), false);
    }
    assert.doesNotMatch(text, /PRIVATE KEY|code_mac|token/i);
  });
});

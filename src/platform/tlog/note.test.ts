import assert from "node:assert/strict";
import { randomBytes, verify } from "node:crypto";
import { describe, test } from "node:test";
import { readCheckpoint, readKey } from "../../../test/support/tlog-verifier.ts";
import { noteSigner, openCheckpoint, readVerifierKey, signCheckpoint } from "./note.ts";

/** The key and the signature that the documentation of Go's note package prints. */
const NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SAID = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNED = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

describe("signed notes (C2SP signed-note)", () => {
  test("a published key is read, and its published signature verifies", () => {
    const verifier = readVerifierKey(NEUMANN);
    assert.ok(verifier !== null);
    const signature = Buffer.from(SIGNED, "base64");
    assert.deepEqual(signature.subarray(0, 4), verifier.keyId);
    assert.equal(verify(null, Buffer.from(SAID), verifier.publicKey, signature.subarray(4)), true);
  });

  test("a checkpoint of ours opens with its key here and in a verifier that shares no code", () => {
    const signer = noteSigner("log.example/audit", randomBytes(32));
    const root = randomBytes(32);
    const note = signCheckpoint([signer], { size: 123_456, root });
    assert.match(note, /^log\.example\/audit\n123456\n[A-Za-z0-9+/]{43}=\n\n\u2014 log\.example\/audit \S+\n$/);
    const verifier = readVerifierKey(signer.verifierKey);
    assert.ok(verifier !== null);
    assert.deepEqual(openCheckpoint(note, verifier), { origin: "log.example/audit", size: 123_456, root });
    assert.deepEqual(readCheckpoint(note, readKey(signer.verifierKey)), {
      origin: "log.example/audit",
      size: 123_456,
      root,
    });
  });

  test("a checkpoint of two keys opens with either, and a wrong signature of one does not harm the other", () => {
    const [older, newer] = [
      noteSigner("log.example/audit", randomBytes(32)),
      noteSigner("log.example/audit", randomBytes(32)),
    ];
    const note = signCheckpoint([newer, older], { size: 5, root: randomBytes(32) });
    assert.match(note, /^\S+\n5\n\S+\n\n\u2014 \S+ \S+\n\u2014 \S+ \S+\n$/);
    for (const { verifierKey } of [older, newer]) {
      const verifier = readVerifierKey(verifierKey);
      assert.ok(verifier !== null);
      assert.equal(openCheckpoint(note, verifier)?.size, 5);
      assert.equal(readCheckpoint(note, readKey(verifierKey)).size, 5);
      assert.equal(openCheckpoint(note.replace("\n5\n", "\n6\n"), verifier), null);
    }
    const stranger = readVerifierKey(noteSigner("log.example/audit", randomBytes(32)).verifierKey);
    assert.ok(stranger !== null);
    assert.equal(openCheckpoint(note, stranger), null);
  });

  test("one seed under two names gives two keys: a checkpoint of one log is none of another", () => {
    const seed = randomBytes(32);
    const [one, other] = [noteSigner("a/1", seed), noteSigner("a/2", seed)];
    const note = signCheckpoint([one], { size: 1, root: randomBytes(32) });
    const verifier = readVerifierKey(other.verifierKey);
    assert.ok(verifier !== null);
    assert.equal(openCheckpoint(note, verifier), null);
  });

  test("whichever single bit of a checkpoint is flipped, it opens no more", () => {
    const signer = noteSigner("log.example/audit", randomBytes(32));
    const verifier = readVerifierKey(signer.verifierKey);
    assert.ok(verifier !== null);
    const note = Buffer.from(signCheckpoint([signer], { size: 9, root: randomBytes(32) }));
    for (let bit = 0; bit < note.length * 8; bit++) {
      const changed = Buffer.from(note);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.equal(openCheckpoint(changed.toString("utf8"), verifier), null, `bit ${bit}`);
    }
  });

  test("what is no key of Ed25519 is refused", () => {
    for (const text of ["", "a", "a+b+c", NEUMANN.replace("c74f20a3", "c74f20a4"), `${NEUMANN}AA`, ` ${NEUMANN}`]) {
      assert.equal(readVerifierKey(text), null, text);
    }
    assert.throws(() => noteSigner("with blank", randomBytes(32)));
    assert.throws(() => noteSigner("with+plus", randomBytes(32)));
  });
});

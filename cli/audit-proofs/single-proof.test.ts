import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { describe, test } from "node:test";
import { ProofError, verifyProof } from "./single-proof.ts";

/** Made here by hand from the texts of C2SP and RFC 6962, so that it shares nothing with the server. */
const ORIGIN = "log.example/audit";
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 3)]),
  format: "der",
  type: "pkcs8",
});
const raw = Buffer.concat([
  Buffer.of(1),
  createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(12),
]);
const sha256 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const keyId = sha256(`${ORIGIN}\n`, raw).subarray(0, 4);
const KEY = `${ORIGIN}+${keyId.toString("hex")}+${raw.toString("base64")}`;
const OTHER_KEY = KEY.replace(/\+([0-9a-f])/, (_, digit: string) => (digit === "0" ? "+1" : "+0"));

function checkpoint(size: number, root: Buffer): string {
  const text = `${ORIGIN}\n${size}\n${root.toString("base64")}\n`;
  return `${text}\n\u2014 ${ORIGIN} ${Buffer.concat([keyId, sign(null, Buffer.from(text), privateKey)]).toString("base64")}\n`;
}

const salt = Buffer.alloc(16, 9);
const event = '{"id":"aud_1"}';
const leaf = sha256(Buffer.of(0), sha256(salt, event));
const sibling = sha256("the other leaf");
const note = checkpoint(2, sha256(Buffer.of(1), sibling, leaf));
const record = {
  ...{ index: 1, leaf_hash: leaf.toString("hex"), salt: salt.toString("base64"), event },
  ...{ path: [sibling.toString("base64")], checkpoint: note, key: KEY },
};
const topLeaf = sha256(Buffer.of(0), sha256(note));
const top = { size: 2, checkpoint: note, index: 0, path: [], top_checkpoint: checkpoint(1, topLeaf), key: KEY };

describe("one proof alone", () => {
  test("a record and a checkpoint are proved, by the key given or by the one that the proof names", () => {
    for (const pinned of [[], [KEY], ["log.example/old+00000000+AQ==", KEY]]) {
      assert.deepEqual(verifyProof(JSON.stringify(record), pinned), {
        ...{ proves: "record", origin: ORIGIN, key: KEY, index: 1, size: 2, content: event },
      });
      const proved = verifyProof(JSON.stringify(top, null, 2), pinned);
      assert.deepEqual([proved.proves, proved.index, proved.content], ["checkpoint", 0, note]);
    }
  });

  test("whatever is changed, exchanged or left out is found", () => {
    const wrong: readonly unknown[] = [
      { ...record, event: '{"id":"aud_2"}' },
      { ...record, salt: Buffer.alloc(16, 8).toString("base64") },
      { ...record, leaf_hash: sibling.toString("hex") },
      { ...record, index: 0 },
      { ...record, index: 2 },
      { ...record, index: -1 },
      { ...record, path: [] },
      { ...record, path: [leaf.toString("base64")] },
      { ...record, path: [...record.path, ...record.path] },
      { ...record, path: ["no base64"] },
      { ...record, checkpoint: checkpoint(2, leaf) },
      { ...record, checkpoint: note.replace("\n2\n", "\n3\n") },
      { ...record, key: OTHER_KEY },
      { ...record, key: undefined },
      { ...top, checkpoint: checkpoint(3, leaf) },
      { ...top, top_checkpoint: note },
      { ...top, top_checkpoint: 1 },
      [],
    ];
    for (const [at, each] of wrong.entries()) {
      assert.throws(() => verifyProof(JSON.stringify(each), []), ProofError, `${at}`);
    }
    assert.throws(() => verifyProof("{", []), ProofError);
    assert.throws(() => verifyProof(JSON.stringify(record), [OTHER_KEY]), /none of those given/);
  });
});

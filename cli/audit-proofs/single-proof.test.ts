import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { describe, test } from "node:test";
import { verifyExport } from "./export-file.ts";
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
const event =
  '{"action":"secufile.getDocument","actor":{"id":"tok_1","type":"token"},"at":"2026-11-22T09:30:00.000Z",' +
  '"bucket":null,"details":{},"id":"aud_1","outcome":"success","resource":null}';
const leaf = sha256(Buffer.of(0), sha256(salt, event));
const sibling = sha256("the other leaf");
const note = checkpoint(2, sha256(Buffer.of(1), sibling, leaf));
const record = {
  ...{ index: 1, leaf_hash: leaf.toString("hex"), salt: salt.toString("base64"), event },
  ...{ path: [sibling.toString("base64")], checkpoint: note, key: KEY },
};
const topLeaf = sha256(Buffer.of(0), sha256(note));
const top = {
  ...{ size: 2, checkpoint: note, entry: sha256(note).toString("base64") },
  ...{ index: 0, path: [], top_checkpoint: checkpoint(1, topLeaf), key: KEY },
};

/** The same bytes in the same order, of which another number counts as the salt. */
function splitAt(bytes: number): Record<string, unknown> {
  const all = Buffer.concat([salt, Buffer.from(event)]);
  return {
    ...record,
    ...{ salt: all.subarray(0, bytes).toString("base64"), event: all.subarray(bytes).toString("utf8") },
  };
}

/** A record of one leaf, signed: only what the leaf says is wrong. */
function recordOf(saltBytes: Buffer, text: string): Record<string, unknown> {
  const only = sha256(Buffer.of(0), sha256(saltBytes, text));
  return {
    ...{ index: 0, leaf_hash: only.toString("hex"), salt: saltBytes.toString("base64"), event: text },
    ...{ path: [], checkpoint: checkpoint(1, only), key: KEY },
  };
}

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
      { ...record, event: event.replace("aud_1", "aud_2") },
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
      splitAt(17),
      recordOf(Buffer.alloc(15, 9), event),
      recordOf(Buffer.alloc(0), event),
      // A leaf of the log over all organisations.
      recordOf(Buffer.from(note).subarray(0, 16), Buffer.from(note).subarray(16).toString("utf8")),
      recordOf(salt, "[]"),
      recordOf(salt, "null"),
      recordOf(salt, '{"id":"aud_1"}'),
      { ...top, checkpoint: checkpoint(3, leaf) },
      { ...top, size: 3 },
      { ...top, size: "2" },
      { ...top, size: undefined },
      { ...top, entry: sibling.toString("base64") },
      { ...top, entry: undefined },
      { ...top, top_checkpoint: note },
      { ...top, top_checkpoint: 1 },
      [],
    ];
    for (const [at, each] of wrong.entries()) {
      assert.throws(() => verifyProof(JSON.stringify(each), []), ProofError, `${at}`);
    }
    assert.equal(verifyProof(JSON.stringify(recordOf(salt, event)), []).proves, "record");
    assert.throws(() => verifyProof(JSON.stringify(splitAt(17)), []), /salt is not 16 bytes/);
    assert.throws(() => verifyProof("{", []), ProofError);
    assert.throws(() => verifyProof(JSON.stringify(record), [OTHER_KEY]), /none of those given/);
  });

  test("in an export, too, bytes that moved between salt and event are found", async () => {
    const head = { type: "tabellion-audit-export", version: 1, key: KEY, checkpoint: note, filters: {}, from: 1 };
    const lines = async function* (line: unknown): AsyncGenerator<Buffer> {
      yield Buffer.from([head, line, ""].map((each) => (each === "" ? "" : JSON.stringify(each))).join("\n"));
    };
    await assert.rejects(verifyExport(lines(record), [KEY]), /the end is missing/);
    for (const bytes of [15, 17]) await assert.rejects(verifyExport(lines(splitAt(bytes)), [KEY]), /line 2: the salt/);
  });
});

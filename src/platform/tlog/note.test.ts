import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { formatProof, openCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { formatVerifierKey, openNote, parseVerifierKey, signNote } from "./note.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
const signer = { name: "log.example/audit/ten_1", publicKey: raw, privateKey };
const checkpoint = { origin: signer.name, size: 20_852_163, root: Buffer.alloc(32, 7) };

describe("signed notes and checkpoints (C2SP)", () => {
  test("the verifier key of the Go checksum database reads and writes back as it is published", () => {
    const published = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    const parsed = parseVerifierKey(published);
    assert.ok(parsed !== null);
    assert.equal(formatVerifierKey(parsed), published);
    assert.equal(parseVerifierKey(published.replace("033de0ae", "033de0af")), null);
  });

  test("a checkpoint opens under its key and origin only", () => {
    const note = signCheckpoint(checkpoint, signer);
    assert.deepEqual(openCheckpoint(note, signer), checkpoint);
    assert.equal(openCheckpoint(note, { ...signer, name: "other.example" }), null);
    assert.equal(openCheckpoint(signNote("other\n1\nAA==\n", signer), signer), null);
    assert.equal(openCheckpoint(signNote(`${signer.name}\n01\n${"A".repeat(43)}=\n`, signer), signer), null);
  });

  test("no change of one bit in a note is accepted", () => {
    const note = Buffer.from(signCheckpoint(checkpoint, signer));
    for (let bit = 0; bit < note.length * 8; bit++) {
      const changed = Buffer.from(note);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.equal(openCheckpoint(changed.toString("utf8"), signer), null, `bit ${bit}`);
    }
  });

  test("signatures of unknown keys are passed over, control characters are refused", () => {
    const note = signNote("text\n", signer);
    const cosigned = `${note}— witness.example ${Buffer.alloc(76, 1).toString("base64")}\n`;
    assert.deepEqual(openNote(cosigned, [signer]), { text: "text\n" });
    assert.throws(() => signNote("a\tb\n", signer), TypeError);
    assert.throws(() => signNote("no newline", signer), TypeError);
  });

  test("a proof has its index, its hashes and the checkpoint verbatim", () => {
    const note = signCheckpoint(checkpoint, signer);
    const hash = Buffer.alloc(32, 1);
    assert.equal(
      formatProof({ index: 0, path: [hash], checkpoint: note, extra: Buffer.from("x") }),
      `c2sp.org/tlog-proof@v1\nextra eA==\nindex 0\n${hash.toString("base64")}\n\n${note}`,
    );
  });
});

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  fillTenant,
  inPieces,
  memoryOutput,
  workingPlace,
  type WorkingPlace,
} from "../../../test/support/backup-place.ts";
import { blobError } from "../blobs/errors.ts";
import { type BackupRecipient, openAge, sealAge } from "./age-file.ts";
import { BackupError } from "./backup-error.ts";
import { createBackup, type BackupSummary } from "./create-backup.ts";
import { decodeRecords } from "./records.ts";
import { verifyBackup, type VerifiedBackup } from "./verify-backup.ts";

const RECIPIENT: BackupRecipient = { passphrase: "correct horse battery", workFactor: 2 };
const IDENTITY = { passphrase: "correct horse battery" };
const FRAME_BYTES = 5;

function verify(bytes: Buffer): Promise<VerifiedBackup> {
  return verifyBackup({ input: inPieces(bytes), identity: IDENTITY });
}

async function refused(bytes: Buffer, what: string): Promise<void> {
  await assert.rejects(verify(bytes), (error) => {
    assert.ok(error instanceof BackupError, `${what}: ${String(error)}`);
    assert.ok(["damaged", "not_a_backup", "wrong_secret"].includes(error.failure), `${what}: ${error.failure}`);
    return true;
  });
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("damage to a backup", () => {
  let place: WorkingPlace;
  let bytes: Buffer;
  let plain: Buffer;
  before(async () => {
    place = await workingPlace();
    await fillTenant(place, 400_000);
    bytes = (await make()).bytes;
    plain = await collect(openAge(inPieces(bytes), IDENTITY));
  });
  after(() => place.dispose());

  async function make(blobs = place.blobs): Promise<{ bytes: Buffer; summary: BackupSummary }> {
    const { output, bytes: written } = memoryOutput();
    const { ownerUrl } = place.database;
    const options = { ownerUrl, blobs, rootKey: place.root, includeRootKey: true, recipient: RECIPIENT, output };
    const summary = await createBackup(options);
    return { bytes: written(), summary };
  }

  test("a file cut off anywhere is refused: in its header, at and inside every chunk, by one byte", async () => {
    const header = bytes.indexOf("\n--- ");
    const chunk = 64 * 1024 + 16;
    const start = bytes.indexOf("\n", header + 1) + 1;
    const lengths = [0, 1, 10, header, start - 1, start, start + 8, start + 16, start + 17, bytes.length - 1];
    for (let end = start + 16 + chunk; end < bytes.length; end += chunk) lengths.push(end - 1, end, end + 1);
    for (const length of lengths) await refused(bytes.subarray(0, length), `${length} of ${bytes.length}`);
  });

  test("a flipped bit anywhere is refused", async () => {
    for (let round = 0; round < 60; round++) {
      const position = round < 40 ? randomInt(bytes.length) : randomInt(300);
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(position) ^ (1 << randomInt(8)), position);
      await refused(flipped, `bit at ${position}`);
    }
  });

  test("a file with something after its end is refused, and so is a file of another kind", async () => {
    await refused(Buffer.concat([bytes, Buffer.of(0)]), "one byte more");
    await refused(Buffer.concat([bytes, bytes]), "twice");
    await refused(Buffer.from("PK\u0003\u0004 something else entirely"), "a zip");
    await refused(await collect(sealAge(inPieces(Buffer.from("hello")), RECIPIENT)), "another age file");
    await refused(await collect(sealAge(inPieces(Buffer.alloc(0)), RECIPIENT)), "an empty age file");
  });

  test("who knows the passphrase and drops, repeats or changes a record is still found out", async () => {
    const cuts: number[] = ["TABELLION-BACKUP\n".length];
    for await (const record of decodeRecords(inPieces(plain))) {
      cuts.push((cuts.at(-1) ?? 0) + FRAME_BYTES + record.payload.length);
    }
    assert.equal(cuts.at(-1), plain.length);
    for (let index = 0; index + 1 < cuts.length; index++) {
      const [from = 0, to = 0] = cuts.slice(index, index + 2);
      const dropped = Buffer.concat([plain.subarray(0, from), plain.subarray(to)]);
      await refused(await collect(sealAge(inPieces(dropped), RECIPIENT)), `without record ${index}`);
      const doubled = Buffer.concat([plain.subarray(0, to), plain.subarray(from)]);
      await refused(await collect(sealAge(inPieces(doubled), RECIPIENT)), `record ${index} twice`);
    }
  });

  test("an object that decayed on the disk is named and left out, and the rest is whole", async () => {
    const damage = blobError("blob_damaged", "a bad sector");
    const decaying = (isAtOnce: boolean): typeof place.blobs => ({
      ...place.blobs,
      list: (tenantId) => place.blobs.list(tenantId),
      async exportSealed(tenantId, ref) {
        if (isAtOnce) throw damage;
        const sealed = await place.blobs.exportSealed(tenantId, ref);
        sealed.stream.once("data", () => sealed.stream.destroy(damage));
        return sealed;
      },
    });
    for (const isAtOnce of [true, false]) {
      const { bytes: made, summary } = await make(decaying(isAtOnce));
      assert.deepEqual([summary.counts.blobs, summary.counts.damagedBlobs, summary.damagedBlobs.length], [0, 1, 1]);
      assert.deepEqual((await verify(made)).counts, summary.counts);
    }
  });

  test("an object that went meanwhile is counted and no failure", async () => {
    const { bytes: made, summary } = await make({
      ...place.blobs,
      list: (tenantId) => place.blobs.list(tenantId),
      exportSealed: () => Promise.reject(blobError("blob_not_found", "gone")),
    });
    assert.deepEqual([summary.counts.blobs, summary.counts.vanishedBlobs], [0, 1]);
    assert.deepEqual((await verify(made)).counts, summary.counts);
  });
});

import assert from "node:assert";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { blobDamageConformance } from "./blob-damage-conformance.ts";
import {
  type BlobStoreUnderTest,
  oneByOne,
  OTHER_TENANT,
  readAll,
  refsOf,
  rejectsWith,
  TENANT,
} from "./blob-under-test.ts";
import type { PutOptions } from "./blobs.ts";
import type { BlobErrorCode } from "./errors.ts";
import { CHUNK_BYTES } from "./sealed-format.ts";

/** Yields `bytes` in pieces of random length from one buffer that it overwrites, as a source may. */
async function* reusingItsBuffer(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
  const buffer = Buffer.alloc(100_000);
  for (let position = 0; position < bytes.length;) {
    const length = bytes.copy(buffer, 0, position, position + randomInt(1, buffer.length));
    position += length;
    yield buffer.subarray(0, length);
    buffer.fill(0xee);
  }
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** The cases that every blob store must pass. */
export function blobConformance(name: string, makeStore: () => Promise<BlobStoreUnderTest>): void {
  void describe(name, () => {
    let made: BlobStoreUnderTest | null = null;
    const underTest = (): BlobStoreUnderTest => {
      assert(made !== null);
      return made;
    };
    before(async () => {
      made = await makeStore();
    });
    after(() => underTest().dispose());

    readingCases(underTest);
    refusalCases(underTest);
    lifeCases(underTest);
    sealedCases(underTest);
    blobDamageConformance(underTest);
  });
}

function readingCases(underTest: () => BlobStoreUnderTest): void {
  const sizes = [0, 1, 4096, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 5_000_001];
  for (const sizeBytes of sizes) {
    void test(`an object of ${sizeBytes} bytes comes back as it was put`, async () => {
      const { store } = underTest();
      const bytes = randomBytes(sizeBytes);
      const receipt = await store.put(TENANT, reusingItsBuffer(bytes));
      assert.match(receipt.ref, /^blb_[0-9A-Z]{26}$/);
      assert.strictEqual(receipt.sizeBytes, sizeBytes);
      assert.deepStrictEqual(receipt.sha256, sha256(bytes));
      const reader = await store.get(TENANT, receipt.ref);
      assert.deepStrictEqual([reader.sizeBytes, reader.start, reader.end], [sizeBytes, 0, sizeBytes - 1]);
      assert((await readAll(reader.stream)).equals(bytes));
      const stat = await store.stat(TENANT, receipt.ref);
      assert.deepStrictEqual([stat.sizeBytes, stat.sha256], [sizeBytes, receipt.sha256]);
      assert.deepStrictEqual(await store.verify(TENANT, receipt.ref), stat);
    });
  }

  void test("a range gives exactly its bytes, an end past the object means its last byte", async () => {
    const { store } = underTest();
    const bytes = randomBytes(3 * CHUNK_BYTES + 17);
    const { ref } = await store.put(TENANT, oneByOne(bytes));
    const edges = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, bytes.length - 1];
    const ranges = edges.flatMap((start) => edges.filter((end) => end >= start).map((end) => ({ start, end })));
    for (let round = 0; round < 40; round++) {
      const start = randomInt(bytes.length);
      ranges.push({ start, end: randomInt(start, bytes.length + 1000) });
    }
    for (const range of ranges) {
      const reader = await store.get(TENANT, ref, range);
      const end = Math.min(range.end, bytes.length - 1);
      assert.deepStrictEqual([reader.start, reader.end], [range.start, end]);
      assert((await readAll(reader.stream)).equals(bytes.subarray(range.start, end + 1)));
    }
  });

  void test("a range that is empty, negative, fractional or past the end is refused", async () => {
    const { store } = underTest();
    const { ref } = await store.put(TENANT, oneByOne(Buffer.from("ten bytes.")));
    const ranges = [
      [10, 10],
      [5, 4],
      [-1, 3],
      [0.5, 3],
      [0, Number.NaN],
      [11, 20],
    ];
    for (const [start = 0, end = 0] of ranges) await rejectsWith("blob_range", store.get(TENANT, ref, { start, end }));
    const empty = await store.put(TENANT, oneByOne());
    await rejectsWith("blob_range", store.get(TENANT, empty.ref, { start: 0, end: 0 }));
  });

  void test("many objects can be put and read at the same time", async () => {
    const { store } = underTest();
    const objects = Array.from({ length: 40 }, (_, index) => randomBytes(index * 20_000));
    const receipts = await Promise.all(objects.map((bytes) => store.put(TENANT, oneByOne(bytes))));
    assert.strictEqual(new Set(receipts.map(({ ref }) => ref)).size, objects.length);
    const readers = await Promise.all(receipts.map(({ ref }) => store.get(TENANT, ref)));
    const read = await Promise.all(readers.map(({ stream }) => readAll(stream)));
    assert(read.every((bytes, index) => bytes.equals(objects[index] ?? Buffer.alloc(0))));
  });

  void test("a stream that is destroyed half-way releases the object, and the object stays readable", async () => {
    const { store } = underTest();
    const bytes = randomBytes(4 * CHUNK_BYTES);
    const { ref } = await store.put(TENANT, oneByOne(bytes));
    const abandoned = await store.get(TENANT, ref);
    for await (const piece of abandoned.stream) {
      assert(piece.length > 0);
      break;
    }
    assert(abandoned.stream.destroyed);
    const reader = await store.get(TENANT, ref);
    assert((await readAll(reader.stream)).equals(bytes));
  });
}

function refusalCases(underTest: () => BlobStoreUnderTest): void {
  /** Puts must fail with `code`, and afterwards the store must hold exactly the files it held before. */
  async function leavesNothing(code: BlobErrorCode, source: AsyncIterable<Uint8Array>, options?: PutOptions) {
    const { store, countFiles } = underTest();
    const filesBefore = await countFiles();
    await rejectsWith(code, store.put(TENANT, source, options));
    assert.deepStrictEqual(await countFiles(), filesBefore);
    assert.strictEqual(filesBefore.incoming, 0);
  }

  void test("a source that throws leaves nothing behind", async () => {
    const failure = new Error("connection reset");
    async function* failing(): AsyncGenerator<Uint8Array, void, void> {
      yield randomBytes(3 * CHUNK_BYTES);
      throw failure;
    }
    await leavesNothing("blob_interrupted", failing());
    await assert.rejects(underTest().store.put(TENANT, failing()), { cause: failure });
  });

  void test("an abort ends the put of a source that hangs, and leaves nothing behind", async () => {
    const controller = new AbortController();
    async function* hanging(): AsyncGenerator<Uint8Array, void, void> {
      yield randomBytes(2 * CHUNK_BYTES);
      setImmediate(() => controller.abort());
      await new Promise(() => {});
    }
    await leavesNothing("blob_interrupted", hanging(), { signal: controller.signal });
    await leavesNothing("blob_interrupted", oneByOne(Buffer.from("a")), { signal: AbortSignal.abort() });
  });

  void test("an object over the limit is refused, one at the limit is not", async () => {
    const bytes = randomBytes(CHUNK_BYTES + 100);
    await leavesNothing("blob_too_large", oneByOne(bytes), { maxBytes: bytes.length - 1 });
    await leavesNothing("blob_too_large", oneByOne(bytes), { maxBytes: 10, expectedSizeBytes: 11 });
    const receipt = await underTest().store.put(TENANT, oneByOne(bytes), { maxBytes: bytes.length });
    assert.strictEqual(receipt.sizeBytes, bytes.length);
  });

  void test("a source without end is cut at the limit", async () => {
    let hasReturned = false;
    async function* endless(): AsyncGenerator<Uint8Array, void, void> {
      try {
        for (;;) yield Buffer.alloc(65_536);
      } finally {
        hasReturned = true;
      }
    }
    await leavesNothing("blob_too_large", endless(), { maxBytes: 1_000_000 });
    assert(hasReturned);
  });

  void test("bytes other than those announced are refused, the announced ones are taken", async () => {
    const bytes = randomBytes(70_000);
    await leavesNothing("blob_mismatch", oneByOne(bytes), { expectedSizeBytes: bytes.length + 1 });
    await leavesNothing("blob_mismatch", oneByOne(bytes), { expectedSizeBytes: bytes.length - 1 });
    await leavesNothing("blob_mismatch", oneByOne(bytes), { expectedSha256: sha256(Buffer.from("other")) });
    const options = { expectedSizeBytes: bytes.length, expectedSha256: sha256(bytes) };
    const receipt = await underTest().store.put(TENANT, oneByOne(bytes), options);
    assert.deepStrictEqual(receipt.sha256, options.expectedSha256);
  });
}

function lifeCases(underTest: () => BlobStoreUnderTest): void {
  void test("an object of one tenant does not exist for another", async () => {
    const { store } = underTest();
    const { ref } = await store.put(TENANT, oneByOne(Buffer.from("mine")));
    await rejectsWith("blob_not_found", store.get(OTHER_TENANT, ref));
    await rejectsWith("blob_not_found", store.stat(OTHER_TENANT, ref));
    await rejectsWith("blob_not_found", store.exportSealed(OTHER_TENANT, ref));
    assert.strictEqual(await store.delete(OTHER_TENANT, ref), false);
    assert(!(await refsOf(store, OTHER_TENANT)).includes(ref));
    assert.strictEqual((await store.stat(TENANT, ref)).sizeBytes, 4);
  });

  void test("a reference that is none names nothing and never leaves the store", async () => {
    const { store } = underTest();
    for (const ref of ["", "blb_", "../../etc/passwd", `blb_${"0".repeat(25)}/`, "doc_01KB3000000000000000000000"]) {
      await rejectsWith("blob_not_found", store.get(TENANT, ref));
      await rejectsWith("blob_not_found", store.importSealed(TENANT, ref, oneByOne()));
      assert.strictEqual(await store.delete(TENANT, ref), false);
    }
    await assert.rejects(store.put("../up", oneByOne()), assert.AssertionError);
  });

  void test("delete is true once, then false, and the object is gone", async () => {
    const { store } = underTest();
    const { ref } = await store.put(TENANT, oneByOne(randomBytes(CHUNK_BYTES * 2)));
    const reader = await store.get(TENANT, ref);
    assert.strictEqual(await store.delete(TENANT, ref), true);
    assert.strictEqual(await store.delete(TENANT, ref), false);
    await rejectsWith("blob_not_found", store.get(TENANT, ref));
    assert.strictEqual((await readAll(reader.stream)).length, CHUNK_BYTES * 2, "a read under way goes on");
  });

  void test("list gives every object of the tenant and when it became durable", async () => {
    const { store } = underTest();
    const tenantId = "ten_listed";
    assert.deepStrictEqual(await refsOf(store, tenantId), []);
    const sources = Array.from({ length: 12 }, () => oneByOne(Buffer.from("x")));
    const receipts = await Promise.all(sources.map((source) => store.put(tenantId, source)));
    assert.deepStrictEqual(await refsOf(store, tenantId), receipts.map(({ ref }) => ref).toSorted());
    for await (const { ref, createdAt } of store.list(tenantId)) {
      assert.deepStrictEqual(createdAt, (await store.stat(tenantId, ref)).createdAt);
      assert(Math.abs(Date.now() - createdAt.getTime()) < 60_000);
    }
  });
}

function sealedCases(underTest: () => BlobStoreUnderTest): void {
  void test("the stored form shows no plaintext and exports as it lies", async () => {
    const { store, readStored } = underTest();
    const plain = Buffer.from("a very secret sentence that repeats. ".repeat(40));
    const { ref } = await store.put(TENANT, oneByOne(plain));
    const stored = await readStored(TENANT, ref);
    for (const fact of [plain.subarray(0, 8), sha256(plain), sha256(plain).subarray(0, 8)])
      assert(!stored.includes(fact));
    const sealed = await store.exportSealed(TENANT, ref);
    assert.strictEqual(sealed.sealedBytes, stored.length);
    assert((await readAll(sealed.stream)).equals(stored));
  });

  void test("equal objects have nothing in common when stored", async () => {
    const { store, readStored } = underTest();
    const plain = Buffer.alloc(1000);
    const first = await readStored(TENANT, (await store.put(TENANT, oneByOne(plain))).ref);
    const second = await readStored(TENANT, (await store.put(TENANT, oneByOne(plain))).ref);
    assert(!first.subarray(-64).equals(second.subarray(-64)));
    assert(!first.subarray(-1000, -900).equals(second.subarray(-1000, -900)));
  });

  void test("an export can be imported again, any number of times", async () => {
    const { store } = underTest();
    const bytes = randomBytes(2 * CHUNK_BYTES + 5);
    const { ref } = await store.put(TENANT, oneByOne(bytes));
    const sealed = await readAll((await store.exportSealed(TENANT, ref)).stream);
    await store.delete(TENANT, ref);
    assert.strictEqual(await store.importSealed(TENANT, ref, reusingItsBuffer(sealed)), true);
    assert.strictEqual(await store.importSealed(TENANT, ref, oneByOne(sealed)), false);
    assert((await readAll((await store.get(TENANT, ref)).stream)).equals(bytes));
  });

  void test("an import under another name, damaged, cut off or over other bytes is refused and leaves nothing", async () => {
    const { store, countFiles, writeStored } = underTest();
    const { ref } = await store.put(TENANT, oneByOne(randomBytes(300_000)));
    const other = await store.put(TENANT, oneByOne(randomBytes(300_000)));
    const sealed = await readAll((await store.exportSealed(TENANT, ref)).stream);
    const flipped = Buffer.from(sealed);
    flipped.writeUInt8(flipped.readUInt8(200_000) ^ 1, 200_000);
    const filesBefore = await countFiles();
    await rejectsWith("blob_damaged", store.importSealed(TENANT, other.ref, oneByOne(sealed)));
    await rejectsWith("blob_damaged", store.importSealed(OTHER_TENANT, ref, oneByOne(sealed)));
    for (const length of [0, 3, 40, sealed.length - 262_144]) {
      await rejectsWith("blob_damaged", store.importSealed(TENANT, ref, oneByOne(sealed.subarray(0, length))));
    }
    await rejectsWith("blob_damaged", store.importSealed(TENANT, ref, oneByOne(flipped)));
    await writeStored(TENANT, ref, flipped);
    await rejectsWith("blob_damaged", readAll((await store.exportSealed(TENANT, ref)).stream));
    await rejectsWith("blob_exists", store.importSealed(TENANT, ref, oneByOne(sealed)));
    await writeStored(TENANT, ref, sealed);
    assert.deepStrictEqual(await countFiles(), filesBefore);
    assert.strictEqual((await store.verify(TENANT, ref)).sizeBytes, 300_000);
  });
}

import assert from "node:assert";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { heldClock, shiftedClock } from "../clock/clock.ts";
import { blobConformance } from "./blob-conformance.ts";
import { type BlobStoreUnderTest, oneByOne, readAll, rejectsWith } from "./blob-under-test.ts";
import type { ObjectKeyring } from "./blobs.ts";
import { createLocalBlobs } from "./local-blobs.ts";
import { singleKeyring } from "./single-keyring.ts";

const TENANT = "ten_local";
const HOUR_MS = 60 * 60 * 1000;

async function makeLocalBlobs(): Promise<BlobStoreUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), "tabellion-blobs-"));
  const rootKey = randomBytes(32);
  const open = () => createLocalBlobs({ directory, keyring: singleKeyring(rootKey) });
  const reopen = async () => {
    // Long after: what a killed process left is removed only when nobody can be writing it any more.
    await createLocalBlobs({ directory, keyring: singleKeyring(rootKey), clock: shiftedClock(2 * HOUR_MS) });
    return open();
  };
  const pathOf = (tenantId: string, ref: string) => join(directory, tenantId, ref.slice(-2), ref);
  return {
    store: await open(),
    reopen,
    readStored: (tenantId, ref) => readFile(pathOf(tenantId, ref)),
    async writeStored(tenantId, ref, bytes) {
      await mkdir(dirname(pathOf(tenantId, ref)), { recursive: true });
      await writeFile(pathOf(tenantId, ref), bytes);
    },
    async countFiles() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      const incoming = files.filter((entry) => entry.parentPath.endsWith(".incoming")).length;
      return { incoming, objects: files.length - incoming };
    },
    crashingWriter: (tenantId) => ({
      file: join(import.meta.dirname, "crashing-writer.ts"),
      args: [directory, tenantId, rootKey.toString("hex")],
    }),
    dispose: () => rm(directory, { recursive: true }),
  };
}

blobConformance("local blobs", makeLocalBlobs);

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "tabellion-blobs-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("files and directories are for the owner only, and named by tenant and ref alone", async () => {
  await withDirectory(async (directory) => {
    const root = join(directory, "deep", "blobs");
    const store = await createLocalBlobs({ directory: root, keyring: singleKeyring(randomBytes(32)) });
    const { ref } = await store.put(TENANT, oneByOne(Buffer.from("x")));
    const path = join(root, TENANT, ref.slice(-2), ref);
    assert.strictEqual((await stat(path)).mode & 0o777, 0o600);
    for (const made of [root, join(root, TENANT), dirname(path), join(root, ".incoming")]) {
      assert.strictEqual((await stat(made)).mode & 0o777, 0o700);
    }
  });
});

test("the keys that the store held are zeroed after put, get and a failure", async () => {
  await withDirectory(async (directory) => {
    const seen: Buffer[] = [];
    const ring = singleKeyring(randomBytes(32));
    const keyring: ObjectKeyring = {
      wrap(tenantId, objectKey, context) {
        seen.push(objectKey);
        return ring.wrap(tenantId, objectKey, context);
      },
      async unwrap(tenantId, wrapped, context) {
        const key = await ring.unwrap(tenantId, wrapped, context);
        seen.push(key);
        return key;
      },
    };
    const store = await createLocalBlobs({ directory, keyring });
    const { ref } = await store.put(TENANT, oneByOne(randomBytes(600_000)));
    await readAll((await store.get(TENANT, ref)).stream);
    await store.stat(TENANT, ref);
    await rejectsWith("blob_range", store.get(TENANT, ref, { start: 600_000, end: 600_000 }));
    await rejectsWith("blob_too_large", store.put(TENANT, oneByOne(randomBytes(9)), { maxBytes: 8 }));
    assert.strictEqual(seen.length, 5);
    assert(seen.every((key) => key.length === 32 && key.every((byte) => byte === 0)));
  });
});

test("a key ring that refuses is told apart from damage, and its put leaves nothing", async () => {
  await withDirectory(async (directory) => {
    const store = await createLocalBlobs({ directory, keyring: singleKeyring(randomBytes(32)) });
    const { ref } = await store.put(TENANT, oneByOne(Buffer.from("x")));
    const sealedService = new Error("the key service is sealed");
    const refusing: ObjectKeyring = {
      wrap: () => Promise.reject(sealedService),
      unwrap: () => Promise.reject(sealedService),
    };
    const locked = await createLocalBlobs({ directory, keyring: refusing });
    await rejectsWith("blob_key_refused", locked.get(TENANT, ref));
    await assert.rejects(locked.put(TENANT, oneByOne()), { code: "blob_key_refused", cause: sealedService });
    const exported = await readAll((await locked.exportSealed(TENANT, ref)).stream);
    assert.strictEqual(await locked.importSealed(TENANT, ref, oneByOne(exported)), false);
    assert.deepStrictEqual(await readdir(join(directory, ".incoming")), []);
  });
});

test("ref and time of an object come from the clock it was given", async () => {
  await withDirectory(async (directory) => {
    const clock = heldClock(new Date("2031-05-06T07:08:09.000Z"));
    const store = await createLocalBlobs({ directory, keyring: singleKeyring(randomBytes(32)), clock });
    const { ref } = await store.put(TENANT, oneByOne(Buffer.from("x")));
    assert.deepStrictEqual((await store.stat(TENANT, ref)).createdAt, clock.now());
    clock.advance(1000);
    assert((await store.put(TENANT, oneByOne())).ref > ref);
  });
});

test("a disk that refuses makes an error, and a later put works again", async () => {
  await withDirectory(async (directory) => {
    const store = await createLocalBlobs({ directory, keyring: singleKeyring(randomBytes(32)) });
    // A file where the tenant's directory belongs stands in for a disk that says no at the last step.
    await writeFile(join(directory, TENANT), "");
    await rejectsWith("blob_io", store.put(TENANT, oneByOne(randomBytes(1000))));
    assert.deepStrictEqual(await readdir(join(directory, ".incoming")), []);
    await rm(join(directory, TENANT));
    assert.strictEqual((await store.put(TENANT, oneByOne(randomBytes(1000)))).sizeBytes, 1000);
  });
});

test("opening a store leaves alone what another process is writing, and removes what was left an hour ago", async () => {
  await withDirectory(async (directory) => {
    const keyring = singleKeyring(randomBytes(32));
    const store = await createLocalBlobs({ directory, keyring });
    const incoming = join(directory, ".incoming");
    await writeFile(join(incoming, "left-behind"), "x");
    await utimes(join(incoming, "left-behind"), new Date(), new Date(Date.now() - HOUR_MS));
    let openedMeanwhile: string[] = [];
    const source = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield randomBytes(600_000);
      await createLocalBlobs({ directory, keyring });
      openedMeanwhile = await readdir(incoming);
      yield randomBytes(600_000);
    };
    const { ref } = await store.put(TENANT, source());
    assert.strictEqual(openedMeanwhile.length, 1);
    assert(openedMeanwhile.every((name) => name.startsWith(ref)));
    assert.strictEqual((await store.verify(TENANT, ref)).sizeBytes, 1_200_000);
  });
});

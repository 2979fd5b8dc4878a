import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv } from "node:process";
import type { BlobStore } from "../src/platform/blobs/blobs.ts";
import { createLocalBlobs } from "../src/platform/blobs/local-blobs.ts";
import { singleKeyring } from "../src/platform/blobs/single-keyring.ts";

/*
 * Speed of the local blob store beside the limits of this machine, measured in the same run. Use: node bench/blobs.ts
 * [--short] [directory]. UV_THREADPOOL_SIZE bounds how many disk operations run at once; Node's default is 4.
 */
const isShort = argv.includes("--short");
const parent = argv.slice(2).find((argument) => !argument.startsWith("--")) ?? tmpdir();

const TENANT = "ten_bench";
const CHUNK_BYTES = 256 * 1024;
const PIECE_BYTES = 64 * 1024;
const LARGE_BYTES = 64 * 1024 * 1024;
const SMALL_BYTES = 4096;
const LARGE_COUNT = isShort ? 4 : 16;
const SMALL_COUNT = isShort ? 1000 : 8000;
const IN_FLIGHT = 16;
/** The first round is not counted: it warms up both sides and makes the directories. */
const SMALL_ROUNDS = 5;
/** As many directories as the store has shards, because files of one directory wait for each other. */
const RAW_DIRECTORIES = isShort ? 128 : 1024;

const piece = randomBytes(PIECE_BYTES);
const chunk = randomBytes(CHUNK_BYTES);
const smallBlock = piece.subarray(0, SMALL_BYTES);

async function secondsOf(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

function row(name: string, rate: number, unit: string, limit?: number): void {
  const ratio =
    limit === undefined ? "" : `  ${((100 * rate) / limit).toFixed(0).padStart(3)} % of the limit ${limit.toFixed(0)}`;
  console.log(`${name.padEnd(46)}${rate.toFixed(0).padStart(8)} ${unit.padEnd(6)}${ratio}`);
}

async function* source(sizeBytes: number): AsyncGenerator<Uint8Array, void, void> {
  for (let left = sizeBytes; left > 0; left -= PIECE_BYTES) {
    yield left >= PIECE_BYTES ? piece : piece.subarray(0, left);
  }
}

/** Runs `work` `count` times, `inFlight` at a time. */
async function repeat(count: number, inFlight: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

function sealAndHash(rounds: number): void {
  const key = randomBytes(32);
  const hash = createHash("sha256");
  for (let round = 0; round < rounds; round++) {
    hash.update(chunk);
    const cipher = createCipheriv("aes-256-gcm", key, randomBytes(12));
    cipher.update(chunk);
    cipher.final();
  }
}

function openSealed(rounds: number): void {
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = cipher.update(chunk);
  cipher.final();
  for (let round = 0; round < rounds; round++) {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce);
    decipher.setAuthTag(cipher.getAuthTag());
    decipher.update(sealed);
    decipher.final();
  }
}

/** One file written in order, then synced. */
async function writeFileDurably(path: string, block: Buffer, blocks: number): Promise<void> {
  const handle = await open(path, "w");
  for (let index = 0; index < blocks; index++) await handle.write(block);
  await handle.datasync();
  await handle.close();
}

/** The system calls that a durable new file cannot do without, and nothing else: write, sync, rename, sync the name. */
async function createFileDurably(directory: string, name: string): Promise<void> {
  await writeFileDurably(join(directory, `${name}.new`), smallBlock, 1);
  await rename(join(directory, `${name}.new`), join(directory, name));
  const handle = await open(directory, "r");
  await handle.sync();
  await handle.close();
}

async function readFileWhole(path: string): Promise<void> {
  const handle = await open(path, "r");
  const block = Buffer.alloc(CHUNK_BYTES);
  while ((await handle.read(block, 0, CHUNK_BYTES, null)).bytesRead > 0);
  await handle.close();
}

async function drain(store: BlobStore, ref: string): Promise<void> {
  for await (const part of (await store.get(TENANT, ref)).stream) if (part.length === 0) break;
}

async function large(store: BlobStore, directory: string): Promise<void> {
  const megabytes = (LARGE_BYTES * LARGE_COUNT) / 1e6;
  const rounds = (LARGE_BYTES * LARGE_COUNT) / CHUNK_BYTES;
  const path = (index: number): string => join(directory, `plain-${index}`);
  const rateOf = async (work: () => unknown): Promise<number> => megabytes / (await secondsOf(work));
  const seal = await rateOf(() => sealAndHash(rounds));
  const unseal = await rateOf(() => openSealed(rounds));
  const refs: string[] = [];
  // Disk and store take turns, so that a neighbour's load falls on both.
  let diskSeconds = 0;
  let putSeconds = 0;
  for (let index = 0; index < LARGE_COUNT; index++) {
    diskSeconds += await secondsOf(() => writeFileDurably(path(index), chunk, LARGE_BYTES / CHUNK_BYTES));
    putSeconds += await secondsOf(async () => refs.push((await store.put(TENANT, source(LARGE_BYTES))).ref));
  }
  const disk = megabytes / diskSeconds;
  const read = await rateOf(() => repeat(LARGE_COUNT, 1, (index) => readFileWhole(path(index))));
  row("limit: AES-256-GCM + SHA-256, one thread", seal, "MB/s");
  row("limit: AES-256-GCM open, one thread", unseal, "MB/s");
  row("limit: write 64 MiB + fdatasync", disk, "MB/s");
  row("limit: read 64 MiB, cached", read, "MB/s");
  row("put 64 MiB, durable", megabytes / putSeconds, "MB/s", Math.min(seal, disk));
  const get = await rateOf(() => repeat(LARGE_COUNT, 1, (index) => drain(store, refs[index] ?? "")));
  row("get 64 MiB", get, "MB/s", Math.min(unseal, read));
  await Promise.all(refs.map((ref) => store.delete(TENANT, ref)));
}

async function small(store: BlobStore, directory: string, inFlight: number): Promise<void> {
  const raw = (index: number): string => join(directory, `raw-${inFlight}-${index % RAW_DIRECTORIES}`);
  await repeat(RAW_DIRECTORIES, inFlight, async (index) => {
    await mkdir(raw(index));
  });
  const refs: string[] = [];
  const works = {
    create: (index: number) => createFileDurably(raw(index), `small-${index}`),
    put: async (index: number) => {
      refs[index] = (await store.put(TENANT, source(SMALL_BYTES))).ref;
    },
    read: (index: number) => readFileWhole(join(raw(index), `small-${index}`)),
    get: (index: number) => drain(store, refs[index] ?? ""),
  };
  const seconds = { create: 0, put: 0, read: 0, get: 0 };
  const perRound = SMALL_COUNT / SMALL_ROUNDS;
  // Limit and store take turns, so that a neighbour's load and a slow phase of the disk fall on both.
  for (let round = 0; round < SMALL_ROUNDS; round++) {
    for (const name of ["create", "put", "read", "get"] as const) {
      const work = (index: number): Promise<void> => works[name](round * perRound + index);
      const taken = await secondsOf(() => repeat(perRound, inFlight, work));
      if (round > 0) seconds[name] += taken;
    }
  }
  const rateOf = (taken: number): number => (perRound * (SMALL_ROUNDS - 1)) / taken;
  row(`limit: new 4 KiB file, durable, ${inFlight} in flight`, rateOf(seconds.create), "/s");
  row(`limit: read 4 KiB file, ${inFlight} in flight`, rateOf(seconds.read), "/s");
  row(`put 4 KiB, durable, ${inFlight} in flight`, rateOf(seconds.put), "/s", rateOf(seconds.create));
  row(`get 4 KiB, ${inFlight} in flight`, rateOf(seconds.get), "/s", rateOf(seconds.read));
}

const directory = await mkdtemp(join(parent, "tabellion-bench-"));
try {
  const store = await createLocalBlobs({
    directory: join(directory, "blobs"),
    keyring: singleKeyring(randomBytes(32)),
  });
  await large(store, directory);
  await small(store, directory, IN_FLIGHT);
  await small(store, directory, 1);
} finally {
  await rm(directory, { recursive: true });
}

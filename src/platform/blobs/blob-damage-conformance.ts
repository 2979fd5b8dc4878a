import assert from "node:assert";
import { spawn } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import {
  type BlobStoreUnderTest,
  oneByOne,
  OTHER_TENANT,
  readAll,
  refsOf,
  rejectsWith,
  TENANT,
} from "./blob-under-test.ts";
import type { BlobRange, BlobStore } from "./blobs.ts";
import { isBlobError } from "./errors.ts";
import { CHUNK_BYTES, TAG_BYTES, TAIL_BYTES } from "./sealed-format.ts";

const FLIPS_AT_EACH_END = 160;
const FLIPS_BETWEEN = 160;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
/** Acknowledged puts after which the writer is killed, in each round. */
const KILL_AFTER = [1, 7, 25];

type Victim = { readonly ref: string; readonly plain: Buffer; readonly stored: Buffer };

/** What a store must do when its disk lies, or its process dies. */
export function blobDamageConformance(underTest: () => BlobStoreUnderTest): void {
  async function makeVictim(sizeBytes: number): Promise<Victim> {
    const { store, readStored } = underTest();
    const plain = randomBytes(sizeBytes);
    const { ref } = await store.put(TENANT, oneByOne(plain));
    return { ref, plain, stored: await readStored(TENANT, ref) };
  }

  /** Stored as `bytes`, the victim must not be readable in whole, nor any part of it be wrong. */
  async function refuses(victim: Victim, bytes: Buffer, what: string): Promise<void> {
    const { store, writeStored } = underTest();
    await writeStored(TENANT, victim.ref, bytes);
    await assert.rejects(read(store, victim.ref), (error) => isBlobError(error, "blob_damaged"), what);
    await assert.rejects(store.verify(TENANT, victim.ref), (error) => isBlobError(error, "blob_damaged"), what);
    const start = randomInt(victim.plain.length);
    const range = { start, end: Math.min(start + 1000, victim.plain.length - 1) };
    try {
      const part = await read(store, victim.ref, range);
      assert(part.equals(victim.plain.subarray(range.start, range.end + 1)), `wrong bytes: ${what}`);
    } catch (error) {
      if (!isBlobError(error, "blob_damaged")) throw error;
    }
  }

  void test("a flipped bit anywhere is noticed before a wrong byte is given out", async () => {
    for (const victim of [await makeVictim(2 * CHUNK_BYTES + 1000), await makeVictim(100)]) {
      for (const position of flipPositions(victim.stored.length)) {
        const bytes = Buffer.from(victim.stored);
        bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << randomInt(8)), position);
        await refuses(victim, bytes, `bit flipped at ${position} of ${bytes.length}`);
      }
    }
  });

  void test("an object that was cut off or grew is noticed by whatever touches it", async () => {
    const { store, writeStored } = underTest();
    const victim = await makeVictim(2 * CHUNK_BYTES + 1000);
    const { length } = victim.stored;
    const cuts = [1, 15, 16, 17, 55, 56, 57, 72, 1016, 1072, 1073, SEALED_CHUNK_BYTES, 2 * SEALED_CHUNK_BYTES, length];
    const lengths = [...cuts.map((cut) => length - cut), ...Array.from({ length: 30 }, () => randomInt(length))];
    const changed = lengths.map((cut) => victim.stored.subarray(0, cut));
    for (const extra of [1, 16, 56, SEALED_CHUNK_BYTES])
      changed.push(Buffer.concat([victim.stored, randomBytes(extra)]));
    changed.push(Buffer.concat([victim.stored, victim.stored]));
    for (const bytes of changed) {
      await refuses(victim, bytes, `length ${bytes.length} instead of ${length}`);
      await rejectsWith("blob_damaged", store.stat(TENANT, victim.ref));
      await rejectsWith("blob_damaged", store.get(TENANT, victim.ref, { start: 0, end: 9 }));
    }
    await writeStored(TENANT, victim.ref, victim.stored);
    assert((await read(store, victim.ref)).equals(victim.plain));
  });

  void test("chunks that change places, repeat or go missing are noticed", async () => {
    const victim = await makeVictim(4 * CHUNK_BYTES);
    const { head, chunks, footer } = takeApart(victim, 4);
    const orders = [[1, 0, 2, 3], [0, 1, 3, 2], [0, 0, 2, 3], [0, 1, 2, 2], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3, 3], [3]];
    for (const order of orders) {
      const bytes = Buffer.concat([head, ...order.map((index) => chunks[index] ?? Buffer.alloc(0)), footer]);
      await refuses(victim, bytes, `chunks ${order.join()}`);
    }
  });

  void test("an object in the place of another, in whole or in part, is noticed", async () => {
    const { store, writeStored } = underTest();
    const victim = await makeVictim(2 * CHUNK_BYTES);
    const donor = await makeVictim(2 * CHUNK_BYTES);
    await refuses(victim, donor.stored, "the whole of another object");
    const [mine, theirs] = [takeApart(victim, 2), takeApart(donor, 2)];
    const mixes = [
      [theirs.head, ...mine.chunks, mine.footer],
      [mine.head, ...theirs.chunks, mine.footer],
      [mine.head, ...mine.chunks, theirs.footer],
      [mine.head, ...theirs.chunks, theirs.footer],
      [mine.head, ...mine.chunks.slice(0, 1), ...theirs.chunks.slice(1), mine.footer],
    ];
    for (const mix of mixes) await refuses(victim, Buffer.concat(mix), "parts of another object");
    await writeStored(OTHER_TENANT, donor.ref, donor.stored);
    await rejectsWith("blob_damaged", store.get(OTHER_TENANT, donor.ref));
    assert.strictEqual(await store.delete(TENANT, victim.ref), true, "a damaged object can be deleted");
  });

  void test("killed in the middle of puts, it keeps what it acknowledged whole and nothing half", async () => {
    for (const [round, killAfter] of KILL_AFTER.entries()) {
      const tenantId = `ten_crash_${round}`;
      const acknowledged = await runUntilKilled(underTest().crashingWriter(tenantId), killAfter);
      const store = await underTest().reopen();
      assert.strictEqual((await underTest().countFiles()).incoming, 0);
      const refs = await refsOf(store, tenantId);
      for (const [ref, hash] of acknowledged) {
        assert(refs.includes(ref), `${ref} was acknowledged`);
        assert.strictEqual(
          createHash("sha256")
            .update(await read(store, ref, undefined, tenantId))
            .digest("hex"),
          hash,
        );
      }
      for (const ref of refs) await store.verify(tenantId, ref);
    }
  });
}

async function read(store: BlobStore, ref: string, range?: BlobRange, tenantId = TENANT): Promise<Buffer> {
  return readAll((await store.get(tenantId, ref, range)).stream);
}

/** Dense at both ends, where header and footer lie, and scattered between. */
function flipPositions(length: number): number[] {
  const positions = new Set<number>();
  for (let step = 0; step < FLIPS_AT_EACH_END; step++) {
    positions.add(Math.min(step, length - 1));
    positions.add(Math.max(0, length - 1 - step));
  }
  for (let step = 0; step < FLIPS_BETWEEN; step++) positions.add(randomInt(length));
  return [...positions];
}

/** The parts of a stored object of `count` full chunks, found from its end so that any header will do. */
function takeApart({ stored }: Victim, count: number): { head: Buffer; chunks: Buffer[]; footer: Buffer } {
  const tailAt = stored.length - TAIL_BYTES;
  const chunksAt = tailAt - count * SEALED_CHUNK_BYTES;
  const chunks = Array.from({ length: count }, (_, index) => {
    const start = chunksAt + index * SEALED_CHUNK_BYTES;
    return stored.subarray(start, start + SEALED_CHUNK_BYTES);
  });
  return { head: stored.subarray(0, chunksAt), chunks, footer: stored.subarray(tailAt) };
}

/** Lets the writer put until it printed `killAfter` lines, kills it, and returns all it printed: ref and SHA-256. */
async function runUntilKilled(
  writer: { readonly file: string; readonly args: readonly string[] },
  killAfter: number,
): Promise<Map<string, string>> {
  const child = spawn(process.execPath, [writer.file, ...writer.args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const acknowledged = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [ref, hash] = line.split(" ");
    // The kill may cut the last line; what was not told whole was not acknowledged.
    if (ref !== undefined && hash?.length === 64) acknowledged.set(ref, hash);
    if (acknowledged.size >= killAfter) child.kill("SIGKILL");
  }
  await exited;
  assert.strictEqual(child.signalCode, "SIGKILL", "the writer was to run until killed");
  return acknowledged;
}

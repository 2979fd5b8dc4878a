import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { TreeReader } from "./tree-reader.ts";

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const parent = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.of(1), left, right);
const leaf = (index: number): Buffer => sha256(Buffer.of(0), Buffer.from(String(index)));

/** The definition of RFC 6962, section 2.1, as it stands there. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return parent(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

/** Tiles of C2SP tlog-tiles, as far as they are full. */
function tilesOf(leaves: readonly Buffer[]): (level: number, tile: number) => Promise<Buffer> {
  const levels: Buffer[][] = [[...leaves]];
  for (let below = levels[0] ?? []; below.length >= 256;) {
    const above: Buffer[] = [];
    for (let at = 0; at + 256 <= below.length; at += 256) above.push(rootOf(below.slice(at, at + 256)));
    levels.push(above);
    below = above;
  }
  return async (level, tile) => Buffer.concat((levels[level] ?? []).slice(tile * 256, tile * 256 + 256));
}

/** RFC 9162, section 2.1.3.2. */
function climbed(hash: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer {
  let [place, last] = [index, size - 1];
  let found = hash;
  for (const sibling of path) {
    if (place % 2 === 1 || place === last) {
      found = parent(sibling, found);
      while (place % 2 === 0 && place !== 0) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
    } else found = parent(found, sibling);
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  assert.equal(last, 0);
  return found;
}

const COUNT = 1100;
const leaves = Array.from({ length: COUNT }, (_, index) => leaf(index));
const reader = new TreeReader(tilesOf(leaves));

describe("proofs from tiles", () => {
  test("every leaf of trees of many sizes is proved to be in", async () => {
    for (const size of [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 1024, COUNT]) {
      const root = rootOf(leaves.slice(0, size));
      for (let index = 0; index < size; index += size > 64 ? 37 : 1) {
        const path = await reader.inclusionPath(index, size);
        assert.deepEqual(climbed(leaf(index), index, size, path), root, `${index} of ${size}`);
      }
    }
  });

  test("the consistency of two trees: the examples of RFC 6962, section 2.1.3", async () => {
    const seven = Array.from({ length: 7 }, (_, index) => leaf(index));
    const node = (start: number, end: number): Buffer => rootOf(seven.slice(start, end));
    const proofs = new TreeReader(tilesOf(seven));
    assert.deepEqual(await proofs.consistencyPath(3, 7), [node(2, 3), node(3, 4), node(0, 2), node(4, 7)]);
    assert.deepEqual(await proofs.consistencyPath(4, 7), [node(4, 7)]);
    assert.deepEqual(await proofs.consistencyPath(6, 7), [node(4, 6), node(6, 7), node(0, 4)]);
    assert.deepEqual(await proofs.consistencyPath(7, 7), []);
  });
});

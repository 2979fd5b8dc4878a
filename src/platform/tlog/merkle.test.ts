import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  consistencyRanges,
  emptyRoot,
  hashLeaf,
  hashNode,
  hashRange,
  inclusionRanges,
  isConsistent,
  isIncluded,
} from "./merkle.ts";
import { appendLeaves, edgeTiles, entryBundle, tilePath, TileSet, tileWidth } from "./tiles.ts";

/** The eight entries of the published test data of RFC 6962's reference implementation, and roots of 1 to 8 of them. */
const entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const roots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** MTH as section 2.1 of RFC 6962 writes it down, without tiles. */
function plainRoot(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return emptyRoot();
  if (leaves.length === 1) return first;
  let middle = 1;
  while (middle * 2 < leaves.length) middle *= 2;
  return hashNode(plainRoot(leaves.slice(0, middle)), plainRoot(leaves.slice(middle)));
}

function treeOf(size: number, step = size): { leaves: Buffer[]; tiles: TileSet } {
  const leaves = Array.from({ length: size }, (_, index) => hashLeaf(Buffer.from(String(index))));
  const tiles = new TileSet();
  for (let at = 0; at < size; at += step) appendLeaves(tiles, at, leaves.slice(at, at + step));
  return { leaves, tiles };
}

const pair = fc.integer({ min: 1, max: 1_500 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    index: fc.integer({ min: 0, max: size - 1 }),
    from: fc.integer({ min: 0, max: size }),
  }),
);

describe("the Merkle tree (RFC 6962)", () => {
  test("roots of the published eight entries come out", () => {
    for (const [place, root] of roots.entries()) {
      const tiles = new TileSet();
      const leaves = entries.slice(0, place + 1).map((entry) => hashLeaf(Buffer.from(entry, "hex")));
      appendLeaves(tiles, 0, leaves);
      assert.equal(hashRange({ start: 0, end: place + 1 }, tiles.read).toString("hex"), root);
    }
    assert.equal(emptyRoot().toString("hex"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("tiles give the same root as the definition, whatever the steps in which leaves came", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_500 }), fc.integer({ min: 1, max: 700 }), (size, step) => {
        const { leaves, tiles } = treeOf(size, step);
        assert.deepEqual(hashRange({ start: 0, end: size }, tiles.read), plainRoot(leaves));
      }),
      { numRuns: 40 },
    );
  });

  test("the right edge alone is enough to add leaves", () => {
    const { leaves, tiles } = treeOf(70_000);
    const edge = new TileSet(
      edgeTiles(66_000).map((place) => {
        const hashes = tiles.get(place)?.subarray(0, tileWidth(place, 66_000) * 32);
        return { ...place, hashes: hashes ?? Buffer.alloc(0) };
      }),
    );
    appendLeaves(edge, 66_000, leaves.slice(66_000));
    const range = { start: 0, end: 70_000 };
    assert.deepEqual(hashRange(range, edge.read), hashRange(range, tiles.read));
  });

  test("a proof of inclusion is accepted for its leaf and index, and for no other", () => {
    fc.assert(
      fc.property(pair, ({ size, index }) => {
        const { leaves, tiles } = treeOf(size);
        const path = inclusionRanges(index, size).map((range) => hashRange(range, tiles.read));
        const leafHash = leaves[index] ?? Buffer.alloc(0);
        const claim = { index, size, leafHash, path, root: plainRoot(leaves) };
        assert.equal(isIncluded(claim), true);
        assert.equal(isIncluded({ ...claim, leafHash: Buffer.alloc(32) }), false);
        assert.equal(isIncluded({ ...claim, root: Buffer.alloc(32) }), false);
        assert.equal(isIncluded({ ...claim, path: [...path, Buffer.alloc(32)] }), false);
        if (size > 1) {
          assert.equal(isIncluded({ ...claim, index: (index + 1) % size }), false);
          assert.equal(isIncluded({ ...claim, path: path.slice(1) }), false);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a proof of consistency is accepted for its two roots, and for no others", () => {
    fc.assert(
      fc.property(pair, ({ size, from }) => {
        const { leaves, tiles } = treeOf(size);
        const path = consistencyRanges(from, size).map((range) => hashRange(range, tiles.read));
        const fromRoot = plainRoot(leaves.slice(0, from));
        const claim = { from, to: size, fromRoot, toRoot: plainRoot(leaves), path };
        assert.equal(isConsistent(claim), true);
        assert.equal(isConsistent({ ...claim, fromRoot: Buffer.alloc(32) }), false);
        if (from > 0) assert.equal(isConsistent({ ...claim, toRoot: Buffer.alloc(32) }), false);
        if (path.length > 0) assert.equal(isConsistent({ ...claim, path: path.slice(1) }), false);
        assert.equal(isConsistent({ ...claim, path: [...path, Buffer.alloc(32)] }), false);
      }),
      { numRuns: 60 },
    );
  });
});

describe("tiles (C2SP tlog-tiles)", () => {
  test("paths are written in groups of three digits, partial tiles with their width", () => {
    assert.equal(tilePath(0, 1_234_067), "tile/0/x001/x234/067");
    assert.equal(tilePath("entries", 0, 7), "tile/entries/000.p/7");
    assert.equal(tilePath(2, 1_000), "tile/2/x001/000");
  });

  test("a tree of 70,000 leaves has the tiles that the specification counts", () => {
    const widths = [tileWidth({ level: 0, index: 273 }, 70_000), tileWidth({ level: 1, index: 1 }, 70_000)];
    assert.deepEqual([...widths, tileWidth({ level: 2, index: 0 }, 70_000)], [112, 17, 1]);
    assert.deepEqual([tileWidth({ level: 0, index: 0 }, 256), tileWidth({ level: 1, index: 0 }, 256)], [256, 1]);
    assert.equal(tileWidth({ level: 0, index: 274 }, 70_000), 0);
  });

  test("entries stand in a bundle after their lengths", () => {
    assert.equal(entryBundle([Buffer.from("ab"), Buffer.alloc(0)]).toString("hex"), "000261620000");
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hashOfLeaf, rootOfLeaves } from "../../../test/support/tlog-verifier.ts";
import { isConsistent, leafHashOf, rootByInclusion } from "./merkle.ts";
import { openTilesOf, TileWriter, type StoredTile } from "./tile-writer.ts";
import { TreeReader } from "./tree-reader.ts";

/** Entries and roots that Certificate Transparency's own tests use; the nth root is that of the first n entries. */
const ENTRIES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => Buffer.from(hex, "hex"));
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** Keeps tiles as the database does. */
class Shelf {
  readonly tiles = new Map<string, StoredTile>();
  size = 0;
  root = Buffer.alloc(0);

  grow(leaves: readonly Buffer[]): void {
    const open = openTilesOf(this.size).map((place) => this.tiles.get(`${place.level}/${place.index}`));
    const writer = new TileWriter(
      this.size,
      open.filter((tile) => tile !== undefined),
    );
    writer.append(leaves);
    for (const tile of writer.changedTiles()) this.tiles.set(`${tile.level}/${tile.index}`, tile);
    this.size = writer.size;
    this.root = Buffer.from(writer.root());
  }

  reader(): TreeReader {
    return new TreeReader(async (level, index) => this.tiles.get(`${level}/${index}`)?.hashes ?? Buffer.alloc(0));
  }
}

describe("a tree kept as tiles", () => {
  test("roots are those of Certificate Transparency's vectors, one leaf after the other", () => {
    const shelf = new Shelf();
    shelf.grow([]);
    assert.equal(shelf.root.toString("hex"), ROOTS[0]);
    for (const [at, entry] of ENTRIES.entries()) {
      shelf.grow([leafHashOf(entry)]);
      assert.equal(shelf.root.toString("hex"), ROOTS[at + 1]);
    }
  });

  test("however leaves come together, the root is that of the definition, and every proof holds", async () => {
    const leaves = Array.from({ length: 1_400 }, (_, index) => hashOfLeaf(Buffer.from(String(index))));
    const batches = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(), async (sizes, seed) => {
        const shelf = new Shelf();
        const seen = [{ size: 0, root: rootOfLeaves([]) }];
        for (const size of sizes) {
          shelf.grow(leaves.slice(shelf.size, shelf.size + size));
          assert.deepEqual(shelf.root, rootOfLeaves(leaves.slice(0, shelf.size)));
          seen.push({ size: shelf.size, root: shelf.root });
        }
        const reader = shelf.reader();
        for (const { size, root } of seen.slice(1)) {
          const index = seed % size;
          const path = await reader.inclusionPath(index, size);
          assert.deepEqual(rootByInclusion(leaves[index] ?? Buffer.alloc(0), { index, size }, path), root);
        }
        for (const [at, from] of seen.entries()) {
          for (const to of seen.slice(at)) {
            const path = await reader.consistencyPath(from.size, to.size);
            assert.equal(isConsistent(from, to, path), true, `${from.size} to ${to.size}`);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test("full tiles have 256 hashes and never change again", () => {
    const shelf = new Shelf();
    shelf.grow(Array.from({ length: 256 * 256 + 3 }, (_, index) => hashOfLeaf(Buffer.from(String(index)))));
    const before = shelf.tiles.get("1/0");
    assert.equal(before?.hashes.length, 8192);
    assert.equal(shelf.tiles.get("2/0")?.hashes.length, 32);
    assert.equal(shelf.tiles.get("0/256")?.hashes.length, 96);
    shelf.grow([hashOfLeaf(Buffer.from("more"))]);
    assert.equal(shelf.tiles.get("1/0"), before);
  });

  test("open tiles that are not those of the size are refused", () => {
    assert.throws(() => new TileWriter(3, []), /tile 0\/0/);
    const hashes = Buffer.alloc(64);
    assert.throws(() => new TileWriter(3, [{ level: 0, index: 0, hashes }]), /tile 0\/0/);
  });

  test("proofs that are too long, too short, of another place or another root do not hold", async () => {
    const leaves = Array.from({ length: 300 }, (_, index) => hashOfLeaf(Buffer.from(String(index))));
    const shelf = new Shelf();
    shelf.grow(leaves);
    const [leaf] = leaves.slice(77);
    assert.ok(leaf !== undefined);
    const path = await shelf.reader().inclusionPath(77, 300);
    const wrong = [
      rootByInclusion(leaf, { index: 77, size: 300 }, path.slice(1)),
      rootByInclusion(leaf, { index: 77, size: 300 }, [...path, path[0] ?? leaf]),
      rootByInclusion(leaf, { index: 78, size: 300 }, path),
      rootByInclusion(leaf, { index: 300, size: 300 }, path),
      rootByInclusion(leaf, { index: -1, size: 300 }, path),
    ];
    for (const root of wrong) assert.notDeepEqual(root, shelf.root);
    const from = { size: 200, root: rootOfLeaves(leaves.slice(0, 200)) };
    const to = { size: 300, root: shelf.root };
    const grown = await shelf.reader().consistencyPath(200, 300);
    assert.equal(isConsistent(from, to, grown), true);
    assert.equal(isConsistent(from, to, grown.slice(1)), false);
    assert.equal(isConsistent(from, to, [...grown, leaf]), false);
    assert.equal(isConsistent({ ...from, root: leaf }, to, grown), false);
    assert.equal(isConsistent(from, { ...to, root: leaf }, grown), false);
    assert.equal(isConsistent(to, from, grown), false);
    assert.equal(isConsistent(to, to, grown), false);
  });
});

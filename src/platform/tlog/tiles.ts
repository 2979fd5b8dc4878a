import assert from "node:assert/strict";
import { HASH_BYTES, hashNode, type HashReader, type Range, type Subtree, subtreesOf } from "./merkle.ts";

/** Hashes of a full tile: height 8 (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const MAX_ENTRY_BYTES = 65_535;

/** A tile's place: hashes of level L stand for 256^L leaves each. */
export type TilePlace = { readonly level: number; readonly index: number };

/** A tile as far as it is full. */
export type Tile = TilePlace & { readonly hashes: Buffer };

/** `x001/x234/067`: groups of three digits, all but the last with an `x` before. */
export function tileNumber(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/\d{3}/g) ?? [];
  return groups.map((group, place) => (place === groups.length - 1 ? group : `x${group}`)).join("/");
}

/** `tile/<L>/<N>[.p/<W>]`; L is `entries` for a bundle of entries. */
export function tilePath(level: number | "entries", index: number, width: number = TILE_WIDTH): string {
  return `tile/${level}/${tileNumber(index)}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** How many hashes a tile has in a tree of `size` leaves: 0 when there is no such tile. */
export function tileWidth(place: TilePlace, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** place.level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - place.index * TILE_WIDTH));
}

/** Entries, each after its length in two bytes, big-endian. */
export function entryBundle(entries: readonly Uint8Array[]): Buffer {
  const parts = entries.flatMap((entry) => {
    assert(entry.length <= MAX_ENTRY_BYTES, "an entry is too long for a bundle");
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    return [length, entry];
  });
  return Buffer.concat(parts);
}

/** The partial tiles at the right edge of a tree: what is needed to add leaves and to hash its root. */
export function edgeTiles(size: number): TilePlace[] {
  const places: TilePlace[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    if (hashes % TILE_WIDTH !== 0) places.push({ level, index: Math.floor(hashes / TILE_WIDTH) });
  }
  return places;
}

/** Tiles by their places. */
export class TileSet {
  readonly #tiles = new Map<string, Buffer>();

  constructor(tiles: readonly Tile[] = []) {
    for (const tile of tiles) this.set(tile);
  }

  set(tile: Tile): void {
    this.#tiles.set(`${tile.level}/${tile.index}`, tile.hashes);
  }

  get(place: TilePlace): Buffer | undefined {
    return this.#tiles.get(`${place.level}/${place.index}`);
  }

  /** Reads a complete subtree's hash; throws when its tile is missing or too short. */
  readonly read: HashReader = (subtree) => {
    const place = tileOf(subtree);
    const hashes = this.get(place);
    const count = 2 ** (subtree.height % TILE_HEIGHT);
    const from = ((subtree.index * count) % TILE_WIDTH) * HASH_BYTES;
    const part = hashes?.subarray(from, from + count * HASH_BYTES);
    assert(part?.length === count * HASH_BYTES, `tile ${place.level}/${place.index} does not reach far enough`);
    return hashOfComplete(part);
  };
}

function tileOf(subtree: Subtree): TilePlace {
  const level = Math.floor(subtree.height / TILE_HEIGHT);
  const count = 2 ** (subtree.height % TILE_HEIGHT);
  return { level, index: Math.floor((subtree.index * count) / TILE_WIDTH) };
}

/** The tiles from which the hashes of `ranges` are computed, each once. */
export function tilesOf(ranges: readonly Range[]): TilePlace[] {
  const places = ranges.flatMap(subtreesOf).map(tileOf);
  return [...new Map(places.map((place) => [`${place.level}/${place.index}`, place])).values()];
}

/** The hash over a power of two of hashes. */
function hashOfComplete(hashes: Buffer): Buffer {
  let row = Array.from({ length: hashes.length / HASH_BYTES }, (_, place) =>
    hashes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES),
  );
  while (row.length > 1) {
    const below = row;
    row = Array.from({ length: below.length / 2 }, (_, place) =>
      hashNode(below[place * 2] ?? Buffer.alloc(0), below[place * 2 + 1] ?? Buffer.alloc(0)),
    );
  }
  return Buffer.from(row[0] ?? Buffer.alloc(0));
}

/**
 * Adds leaves to a tree of `size` whose edge is in `tiles`; puts the tiles that changed into `tiles` and answers them.
 * Full tiles are hashed into the level above, partial ones are not.
 */
export function appendLeaves(tiles: TileSet, size: number, leafHashes: readonly Buffer[]): Tile[] {
  const changed: Tile[] = [];
  let [start, added] = [size, leafHashes];
  for (let level = 0; added.length > 0; level++) {
    const above: Buffer[] = [];
    for (let taken = 0; taken < added.length;) {
      const index = Math.floor((start + taken) / TILE_WIDTH);
      const width = (start + taken) % TILE_WIDTH;
      const before = width === 0 ? Buffer.alloc(0) : tiles.get({ level, index })?.subarray(0, width * HASH_BYTES);
      assert(before?.length === width * HASH_BYTES, `tile ${level}/${index} is not as wide as the tree says`);
      const part = added.slice(taken, taken + TILE_WIDTH - width);
      const tile = { level, index, hashes: Buffer.concat([before, ...part]) };
      tiles.set(tile);
      changed.push(tile);
      if (width + part.length === TILE_WIDTH) above.push(hashOfComplete(tile.hashes));
      taken += part.length;
    }
    [start, added] = [Math.floor(start / TILE_WIDTH), above];
  }
  return changed;
}

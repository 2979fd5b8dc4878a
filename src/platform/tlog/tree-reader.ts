import { HASH_BYTES, parentOf, TILE_HASHES, TILE_HEIGHT } from "./merkle.ts";

/** What a reader remembers: enough for the neighbours of a leaf on all levels. */
const MAX_NODES = 16_384;
const MAX_TILES = 64;

/** The stored hashes of one tile, as far as it is full; throws when it is not there. */
export type TileSource = (level: number, tileIndex: number) => Promise<Buffer>;

/**
 * Proofs of one log, read from its tiles, for trees that were signed before it was made: a tile only ever grows at its end. Levels count from the leaves; the node at `level`, `place` covers the leaves from
 * `place * 2 ** level` on.
 */
export class TreeReader {
  readonly #tiles: TileSource;
  readonly #nodes = new Map<string, Buffer>();
  readonly #tilesRead = new Map<string, Buffer>();

  constructor(tiles: TileSource) {
    this.#tiles = tiles;
  }

  /** RFC 6962, section 2.1.1: the hashes beside the way from a leaf to the root of the first `size` leaves. */
  async inclusionPath(index: number, size: number): Promise<Buffer[]> {
    return this.#path(index, { start: 0, end: size });
  }

  /** RFC 6962, section 2.1.2: that the tree of `to` leaves begins with the one of `from` leaves. */
  async consistencyPath(from: number, to: number): Promise<Buffer[]> {
    return from === 0 || from === to ? [] : this.#consistency(from, { start: 0, end: to }, true);
  }

  async #path(index: number, { start, end }: Span): Promise<Buffer[]> {
    if (end - start === 1) return [];
    const middle = start + largestPowerBelow(end - start);
    const [near, far] =
      index < middle
        ? [
            { start, end: middle },
            { start: middle, end },
          ]
        : [
            { start: middle, end },
            { start, end: middle },
          ];
    return [...(await this.#path(index, near)), await this.#root(far)];
  }

  async #consistency(from: number, { start, end }: Span, isWhole: boolean): Promise<Buffer[]> {
    if (from === end) return isWhole ? [] : [await this.#root({ start, end })];
    const middle = start + largestPowerBelow(end - start);
    if (from <= middle) {
      const inner = await this.#consistency(from, { start, end: middle }, isWhole);
      return [...inner, await this.#root({ start: middle, end })];
    }
    const inner = await this.#consistency(from, { start: middle, end }, false);
    return [...inner, await this.#root({ start, end: middle })];
  }

  /** The root of the leaves of a span that begins where a subtree of its size does. */
  async #root({ start, end }: Span): Promise<Buffer> {
    const length = end - start;
    const level = Math.log2(length);
    if (Number.isInteger(level)) return this.#node(level, start / length);
    const middle = start + largestPowerBelow(length);
    return parentOf(await this.#root({ start, end: middle }), await this.#root({ start: middle, end }));
  }

  /** A whole subtree. Only every eighth level is stored; those between are hashed anew, each once while it is remembered. */
  async #node(level: number, place: number): Promise<Buffer> {
    const key = `${level}/${place}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const made =
      level % TILE_HEIGHT === 0
        ? hashAt(await this.#tile(level / TILE_HEIGHT, Math.floor(place / TILE_HASHES)), place % TILE_HASHES)
        : parentOf(await this.#node(level - 1, place * 2), await this.#node(level - 1, place * 2 + 1));
    if (this.#nodes.size >= MAX_NODES) this.#nodes.clear();
    this.#nodes.set(key, made);
    return made;
  }

  async #tile(level: number, tileIndex: number): Promise<Buffer> {
    const key = `${level}/${tileIndex}`;
    const known = this.#tilesRead.get(key);
    if (known !== undefined) return known;
    const read = await this.#tiles(level, tileIndex);
    if (this.#tilesRead.size >= MAX_TILES) this.#tilesRead.clear();
    this.#tilesRead.set(key, read);
    return read;
  }
}

type Span = { readonly start: number; readonly end: number };

function hashAt(tile: Buffer, at: number): Buffer {
  const hash = tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
  if (hash.length !== HASH_BYTES) throw new Error("a tile of the audit log holds fewer hashes than its tree needs");
  return hash;
}

/** The largest power of two below `length`, which is 2 or more. */
function largestPowerBelow(length: number): number {
  return 2 ** (Math.ceil(Math.log2(length)) - 1);
}

import { EMPTY_ROOT, HASH_BYTES, parentOf, TILE_HASHES } from "./merkle.ts";

/** A tile as it is kept: its place and its hashes so far, one after the other. */
export type StoredTile = { readonly level: number; readonly index: number; readonly hashes: Buffer };

export type TilePlace = { readonly level: number; readonly index: number };

/** Levels of tiles that a tree can reach whose size is a safe integer. */
const MAX_LEVELS = 7;

/** The tiles of a tree of `size` leaves that are not full: all that must be read before leaves are added to it. */
export function openTilesOf(size: number): TilePlace[] {
  const places: TilePlace[] = [];
  let below = size;
  for (let level = 0; level < MAX_LEVELS && below > 0; level++) {
    if (below % TILE_HASHES > 0) places.push({ level, index: Math.floor(below / TILE_HASHES) });
    below = Math.floor(below / TILE_HASHES);
  }
  return places;
}

/**
 * Adds leaves to a tree of which it holds only the open tiles. Throws when these are not the open tiles of a tree of that
 * size. Not to be used after that.
 */
export class TileWriter {
  /** Hashes of the open tile of each level. */
  readonly #open: Buffer[][] = [];
  /** How many tiles of each level are full. */
  readonly #full: number[] = [];
  readonly #changed = new Map<string, StoredTile>();
  #size: number;

  constructor(size: number, open: readonly StoredTile[]) {
    this.#size = size;
    let below = size;
    for (let level = 0; level < MAX_LEVELS; level++) {
      const index = Math.floor(below / TILE_HASHES);
      const hashes = open.find((tile) => tile.level === level && tile.index === index)?.hashes ?? Buffer.alloc(0);
      if (hashes.length !== (below % TILE_HASHES) * HASH_BYTES) {
        throw new Error(`tile ${level}/${index} holds ${hashes.length} bytes, which is not what ${size} leaves need`);
      }
      this.#full.push(index);
      this.#open.push(splitHashes(hashes));
      below = index;
    }
  }

  get size(): number {
    return this.#size;
  }

  append(leafHashes: readonly Buffer[]): void {
    for (const hash of leafHashes) this.#push(0, hash);
    this.#size += leafHashes.length;
  }

  #push(level: number, hash: Buffer): void {
    const open = this.#open[level];
    const index = this.#full[level];
    if (open === undefined || index === undefined) throw new Error("the tree is larger than a tree can be");
    open.push(hash);
    if (open.length < TILE_HASHES) {
      this.#changed.set(`${level}/${index}`, { level, index, hashes: Buffer.alloc(0) });
      return;
    }
    this.#changed.set(`${level}/${index}`, { level, index, hashes: Buffer.concat(open) });
    this.#open[level] = [];
    this.#full[level] = index + 1;
    this.#push(level + 1, rootOfPerfect(open));
  }

  /** Every tile that has grown, whole. */
  changedTiles(): StoredTile[] {
    return [...this.#changed.values()].map((tile) =>
      tile.hashes.length > 0 ? tile : { ...tile, hashes: Buffer.concat(this.#open[tile.level] ?? []) },
    );
  }

  /**
   * The Merkle tree hash of all leaves. A tree is a row of perfect subtrees that get smaller to the right; its root joins
   * them from the right (RFC 6962, section 2.1).
   */
  root(): Buffer {
    let root: Buffer | null = null;
    for (const open of this.#open) {
      let end = open.length;
      for (let width = 1; width < TILE_HASHES; width *= 2) {
        if ((open.length & width) === 0) continue;
        const subtree = rootOfPerfect(open.slice(end - width, end));
        root = root === null ? subtree : parentOf(subtree, root);
        end -= width;
      }
    }
    return root ?? EMPTY_ROOT;
  }
}

/** `hashes` is a power of two in number. */
function rootOfPerfect(hashes: readonly Buffer[]): Buffer {
  let row = hashes;
  while (row.length > 1) {
    const above: Buffer[] = [];
    for (let at = 0; at < row.length; at += 2) above.push(parentOf(row[at] ?? EMPTY_ROOT, row[at + 1] ?? EMPTY_ROOT));
    row = above;
  }
  return row[0] ?? EMPTY_ROOT;
}

function splitHashes(hashes: Buffer): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += HASH_BYTES) list.push(hashes.subarray(at, at + HASH_BYTES));
  return list;
}

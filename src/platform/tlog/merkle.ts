import { createHash } from "node:crypto";

/** Hashes of a full tile of C2SP tlog-tiles. */
export const TILE_HASHES = 256;
export const TILE_HEIGHT = 8;
export const HASH_BYTES = 32;
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** RFC 6962, section 2.1: the hash of an entry. */
export function leafHashOf(entry: Uint8Array): Buffer {
  return createHash("sha256").update(LEAF).update(entry).digest();
}

/** RFC 6962, section 2.1: the hash of two neighbours. */
export function parentOf(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash("sha256").update(NODE).update(left).update(right).digest();
}

/** The root of a tree without leaves (RFC 6962, section 2.1). */
export const EMPTY_ROOT: Buffer = createHash("sha256").digest();

/**
 * The root that an inclusion path leads to, or null when the path has not the length that such a leaf's path has. The
 * proof holds when the root is the signed one (RFC 9162, section 2.1.3.2).
 */
export function rootByInclusion(
  leafHash: Uint8Array,
  place: { readonly index: number; readonly size: number },
  path: readonly Uint8Array[],
): Buffer | null {
  const { index, size } = place;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return null;
  let [node, last] = [index, size - 1];
  let hash: Buffer = Buffer.from(leafHash);
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      hash = parentOf(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else {
      hash = parentOf(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : null;
}

/**
 * Whether the tree of `to.size` leaves begins with the one of `from.size` leaves (RFC 9162, section 2.1.4.2).
 */
export function isConsistent(
  from: { readonly size: number; readonly root: Uint8Array },
  to: { readonly size: number; readonly root: Uint8Array },
  path: readonly Uint8Array[],
): boolean {
  if (from.size > to.size) return false;
  if (from.size === 0) return path.length === 0;
  if (from.size === to.size) return path.length === 0 && Buffer.compare(from.root, to.root) === 0;
  const isWhole = Number.isInteger(Math.log2(from.size));
  const [first, ...rest] = isWhole ? [from.root, ...path] : path;
  if (first === undefined) return false;
  let [node, last] = [from.size - 1, to.size - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let [fromHash, toHash]: [Buffer, Buffer] = [Buffer.from(first), Buffer.from(first)];
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      [fromHash, toHash] = [parentOf(hash, fromHash), parentOf(hash, toHash)];
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else {
      toHash = parentOf(toHash, hash);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && Buffer.compare(fromHash, from.root) === 0 && Buffer.compare(toHash, to.root) === 0;
}

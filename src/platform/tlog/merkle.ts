import { createHash } from "node:crypto";

/** Bytes of a SHA-256 hash. */
export const HASH_BYTES = 32;

/** Leaves from `start` to before `end`; the word of RFC 6962 is D[start:end]. */
export type Range = { readonly start: number; readonly end: number };

/** A subtree all of whose 2^height leaves are there; the `index`-th of its height. */
export type Subtree = { readonly height: number; readonly index: number };

/** Gives the hash of a complete subtree. */
export type HashReader = (subtree: Subtree) => Buffer;

/** The hash of a leaf: SHA-256 of 0x00 and the entry (RFC 6962, section 2.1). */
export function hashLeaf(entry: Uint8Array): Buffer {
  return createHash("sha256").update(Buffer.of(0)).update(entry).digest();
}

/** The hash of an inner node: SHA-256 of 0x01, left and right (RFC 6962, section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}

/** The root of a tree without leaves: the hash of nothing. */
export function emptyRoot(): Buffer {
  return createHash("sha256").digest();
}

/** The complete subtrees that make up a range of RFC 6962, from left to right; such ranges fall in height. */
export function subtreesOf(range: Range): Subtree[] {
  const found: Subtree[] = [];
  for (let at = range.start; at < range.end;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= range.end) height += 1;
    found.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return found;
}

/** MTH(D[start:end]) (RFC 6962, section 2.1). */
export function hashRange(range: Range, read: HashReader): Buffer {
  const hashes = subtreesOf(range).map(read);
  const last = hashes.pop();
  return last === undefined ? emptyRoot() : hashes.reduceRight((right, left) => hashNode(left, right), last);
}

/** The ranges whose hashes are the path from a leaf to the root, the leaf's sibling first (RFC 6962, 2.1.1). */
export function inclusionRanges(index: number, size: number): Range[] {
  if (!isIndexIn(index, size)) throw new RangeError("the leaf is not in the tree");
  const ranges: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + split(end - start);
    ranges.push(index < middle ? { start: middle, end } : { start, end: middle });
    [start, end] = index < middle ? [start, middle] : [middle, end];
  }
  return ranges.toReversed();
}

/** The ranges whose hashes prove that the tree of `to` leaves begins with that of `from` (RFC 6962, 2.1.2). */
export function consistencyRanges(from: number, to: number): Range[] {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to) {
    throw new RangeError("a tree is consistent with larger ones only");
  }
  if (from === 0 || from === to) return [];
  const ranges: Range[] = [];
  let [start, end] = [0, to];
  while (from !== end) {
    const middle = start + split(end - start);
    ranges.push(from <= middle ? { start: middle, end } : { start, end: middle });
    [start, end] = from <= middle ? [start, middle] : [middle, end];
  }
  // What the verifier knows already, the whole former tree, is left out.
  if (start !== 0) ranges.push({ start, end });
  return ranges.toReversed();
}

/** The largest power of two that is smaller than `count`. */
function split(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function isIndexIn(index: number, size: number): boolean {
  return Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
}

export type InclusionClaim = {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly root: Uint8Array;
};

/** Whether `path` leads from the leaf to the root (RFC 9162, section 2.1.3.2). */
export function isIncluded(claim: InclusionClaim): boolean {
  if (!isIndexIn(claim.index, claim.size) || claim.path.some((hash) => hash.length !== HASH_BYTES)) return false;
  let [node, last] = [claim.index, claim.size - 1];
  let hash: Buffer = Buffer.from(claim.leafHash);
  for (const sibling of claim.path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = hashNode(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)];
    } else {
      hash = hashNode(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && hash.equals(claim.root);
}

export type ConsistencyClaim = {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly path: readonly Uint8Array[];
};

/** Whether `path` proves that the tree of `to` leaves begins with that of `from` (RFC 9162, section 2.1.4.2). */
export function isConsistent(claim: ConsistencyClaim): boolean {
  const { from, to, path } = claim;
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to) return false;
  if (path.some((hash) => hash.length !== HASH_BYTES)) return false;
  if (from === to) return path.length === 0 && Buffer.from(claim.fromRoot).equals(claim.toRoot);
  if (from === 0) return path.length === 0 && emptyRoot().equals(claim.fromRoot);
  const isPower = subtreesOf({ start: 0, end: from }).length === 1;
  const [first, ...rest] = isPower ? [claim.fromRoot, ...path] : path;
  if (first === undefined) return false;
  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let former: Buffer = Buffer.from(first);
  let later = former;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      [former, later] = [hashNode(sibling, former), hashNode(sibling, later)];
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)];
    } else {
      later = hashNode(later, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && former.equals(claim.fromRoot) && later.equals(claim.toRoot);
}

function half(value: number): number {
  return Math.floor(value / 2);
}

/**
 * A verifier of transparency logs, written from the texts of C2SP (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof)
 * and RFC 6962 alone. It shares no line with the server, so that a mistake of one is not a mistake of both.
 */
import { createHash, createPublicKey, verify } from "node:crypto";

export type Verifier = { readonly name: string; readonly id: Buffer; readonly key: Buffer };
export type SeenCheckpoint = { readonly origin: string; readonly size: number; readonly root: Buffer };

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** RFC 6962, section 2.1. */
export const hashOfLeaf = (entry: Uint8Array): Buffer => sha256(Buffer.from([0x00]), entry);
const hashOfNode = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.from([0x01]), left, right);

/** RFC 6962, section 2.1, word by word: k is the largest power of two smaller than n. `known` remembers whole subtrees. */
function rootBetween(leaves: readonly Buffer[], start: number, end: number, known?: Map<string, Buffer>): Buffer {
  const only = leaves[start];
  if (end > leaves.length || only === undefined) throw new Error("the log is smaller than that");
  if (end - start === 1) return only;
  const found = known?.get(`${start}/${end}`);
  if (found !== undefined) return found;
  let k = 1;
  while (k * 2 < end - start) k *= 2;
  const made = hashOfNode(rootBetween(leaves, start, start + k, known), rootBetween(leaves, start + k, end, known));
  if (k * 2 === end - start) known?.set(`${start}/${end}`, made);
  return made;
}

export function rootOfLeaves(leaves: readonly Buffer[]): Buffer {
  return leaves.length === 0 ? sha256() : rootBetween(leaves, 0, leaves.length);
}

/** The roots of a log's first leaves, each subtree hashed once: for looking at many sizes of one log. */
export function rootReader(leaves: readonly Buffer[]): (size: number) => Buffer {
  const known = new Map<string, Buffer>();
  return (size) => (size === 0 ? sha256() : rootBetween(leaves, 0, size, known));
}

export function readKey(text: string): Verifier {
  const [name = "", id = "", ...rest] = text.split("+");
  const bytes = Buffer.from(rest.join("+"), "base64");
  if (bytes[0] !== 0x01 || bytes.length !== 33) throw new Error("not an Ed25519 key");
  const wanted = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4);
  if (wanted.toString("hex") !== id) throw new Error("the key does not fit its id");
  return { name, id: wanted, key: bytes.subarray(1) };
}

/**
 * Throws unless the note is a checkpoint with a good signature of this key, in its one spelling. Signatures of keys that are
 * not known are passed over, as signed-note demands.
 */
export function readCheckpoint(note: string, by: Verifier): SeenCheckpoint {
  const cut = note.indexOf("\n\n");
  const text = note.slice(0, cut + 1);
  const lines = note.slice(cut + 2).split("\n");
  if (cut < 0 || lines.pop() !== "" || lines.length === 0) throw new Error("not a note with signatures");
  const signatures = lines.map((line) => {
    const [dash, name, base64 = "", ...more] = line.split(" ");
    const bytes = Buffer.from(base64, "base64");
    if (dash !== "\u2014" || name !== by.name || more.length > 0) throw new Error("not a signature line of this log");
    if (bytes.toString("base64") !== base64 || bytes.length !== 68) throw new Error("not a signature");
    return bytes;
  });
  const signature = signatures.find((bytes) => bytes.subarray(0, 4).equals(by.id));
  if (signature === undefined) throw new Error("signed by another key");
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: by.key.toString("base64url") },
    format: "jwk",
  });
  if (!verify(null, Buffer.from(text), key, signature.subarray(4))) throw new Error("the signature is wrong");
  const [origin = "", size = "", root = "", ...rest] = text.split("\n");
  if (origin !== by.name || String(Number(size)) !== size || rest.join("") !== "") throw new Error("not a checkpoint");
  return { origin, size: Number(size), root: Buffer.from(root, "base64") };
}

/** Hashes of a tile: level, index, width. */
export type TileOf = (level: number, index: number, width: number) => Buffer;

/**
 * The root of a tree of `size` leaves from its tiles, every full tile held against the hash that stands for it one level
 * above (tlog-tiles), and the leaf hashes against `leaves`.
 */
export function rootOfTiles(size: number, tileOf: TileOf, leaves: readonly Buffer[]): Buffer {
  let below: readonly Buffer[] = leaves.slice(0, size);
  const open: Buffer[][] = [];
  for (let level = 0; below.length > 0; level++) {
    const above: Buffer[] = [];
    let rest: Buffer[] = [];
    for (let index = 0; index * 256 < below.length; index++) {
      const wanted = below.slice(index * 256, index * 256 + 256);
      if (!tileOf(level, index, wanted.length).equals(Buffer.concat(wanted))) {
        throw new Error(`tile ${level}/${index} is not what stands below it`);
      }
      if (wanted.length === 256) above.push(rootOfLeaves(wanted));
      else rest = wanted;
    }
    open.push(rest);
    below = above;
  }
  let root: Buffer | null = null;
  for (const hashes of open) {
    for (const part of peaksOf(hashes)) root = root === null ? part : hashOfNode(part, root);
  }
  return root ?? sha256();
}

/** The perfect subtrees of a row of less than 256, the rightmost first. */
function peaksOf(hashes: readonly Buffer[]): Buffer[] {
  const peaks: Buffer[] = [];
  let start = 0;
  for (let width = 128; width >= 1; width /= 2) {
    if (hashes.length - start < width) continue;
    peaks.unshift(rootOfLeaves(hashes.slice(start, start + width)));
    start += width;
  }
  return peaks;
}

/** Entries of a bundle; throws when a length does not fit. */
export function readBundle(bytes: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt16BE(at);
    if (at + 2 + length > bytes.length) throw new Error("the bundle is cut off");
    entries.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return entries;
}

/** Throws unless `text` (tlog-proof) proves that the log of `by` holds `entry`; answers where. */
export function checkProof(text: string, entry: Uint8Array, by: Verifier): SeenCheckpoint & { readonly index: number } {
  const cut = text.indexOf("\n\n");
  const [head, place = "", ...path] = text.slice(0, cut).split("\n");
  const [word, number = ""] = place.split(" ");
  const index = Number(number);
  if (head !== "c2sp.org/tlog-proof@v1" || word !== "index" || place !== `index ${index}`)
    throw new Error("not a proof");
  const checkpoint = readCheckpoint(text.slice(cut + 2), by);
  const hashes = path.map((line) => {
    const hash = Buffer.from(line, "base64");
    if (hash.length !== 32 || hash.toString("base64") !== line) throw new Error("not a hash");
    return hash;
  });
  if (index >= checkpoint.size) throw new Error("the index is outside of the tree");
  const root = climb(hashOfLeaf(entry), { index, size: checkpoint.size }, hashes);
  if (!root.equals(checkpoint.root)) throw new Error("the path leads to another root");
  return { ...checkpoint, index };
}

/**
 * Throws unless `path` (base64) proves that the log of `later` begins with the one of `earlier`: RFC 6962, section 2.1.4.2
 * of its successor RFC 9162, word by word.
 */
export function checkConsistency(earlier: SeenCheckpoint, later: SeenCheckpoint, path: readonly string[]): void {
  const given = path.map((text) => Buffer.from(text, "base64"));
  let [place, last] = [earlier.size - 1, later.size - 1];
  // A tree that is a power of two in size is a node of the later one, and not said.
  const hashes = Number.isInteger(Math.log2(earlier.size)) ? [earlier.root, ...given] : given;
  while (place % 2 === 1) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  let [first = Buffer.alloc(0)] = hashes;
  let second = first;
  for (const hash of hashes.slice(1)) {
    if (last === 0) throw new Error("the path is too long");
    if (place % 2 === 1 || place === last) {
      [first, second] = [hashOfNode(hash, first), hashOfNode(hash, second)];
      while (place % 2 === 0 && place !== 0) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
    } else {
      second = hashOfNode(second, hash);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  if (last !== 0 || !first.equals(earlier.root) || !second.equals(later.root))
    throw new Error("the later log does not begin with the earlier one");
}

/** Follows the recursion of RFC 6962, section 2.1.1, downwards, and joins the path's hashes on the way back. */
function climb(leaf: Buffer, { index, size }: { index: number; size: number }, path: readonly Buffer[]): Buffer {
  if (size === 1) {
    if (path.length > 0) throw new Error("the path is too long");
    return leaf;
  }
  const last = path.at(-1);
  if (last === undefined) throw new Error("the path is too short");
  let k = 1;
  while (k * 2 < size) k *= 2;
  return index < k
    ? hashOfNode(climb(leaf, { index, size: k }, path.slice(0, -1)), last)
    : hashOfNode(last, climb(leaf, { index: index - k, size: size - k }, path.slice(0, -1)));
}

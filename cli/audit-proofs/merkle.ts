import { createHash } from "node:crypto";

/** RFC 6962, section 2.1. Written here on its own: who checks a server's proofs should not run the server's code. */
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Bytes of a salt. Of another length, bytes could move between salt and event without changing the hash of both. */
export const SALT_BYTES = 16;

/** The leaf of an event: the log's entry is the salted hash of it, so that the event can be erased and the tree stays. */
export function leafOf(salt: Uint8Array, event: string): Buffer {
  return sha256(LEAF, sha256(salt, Buffer.from(event, "utf8")));
}

/** The leaf of a signed checkpoint in the log above all logs, whose entries are hashes of checkpoints. */
export function leafOfCheckpoint(note: string): Buffer {
  return sha256(LEAF, sha256(Buffer.from(note, "utf8")));
}

/**
 * The root that a tree of `size` leaves must have for `leaf` to stand at `index` of it (RFC 9162, section 2.1.3.2), or null
 * when the path cannot be one of such a tree.
 */
export function rootOf(proof: {
  readonly leaf: Buffer;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Buffer[];
}): Buffer | null {
  if (proof.index >= proof.size) return null;
  let [place, last] = [BigInt(proof.index), BigInt(proof.size - 1)];
  let hash = proof.leaf;
  for (const sibling of proof.path) {
    if (last === 0n) return null;
    if (place % 2n === 1n || place === last) {
      hash = sha256(NODE, sibling, hash);
      while (place % 2n === 0n && place !== 0n) {
        place >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = sha256(NODE, hash, sibling);
    }
    place >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? hash : null;
}

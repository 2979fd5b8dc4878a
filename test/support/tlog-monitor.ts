/**
 * A monitor of a transparency log: it has the log's key and its address, and follows C2SP tlog-tiles by GET alone, like
 * the verifier that it stands on without a line of the server's.
 */
import assert from "node:assert/strict";
import type { Client } from "./secufile-client.ts";
import {
  hashOfLeaf,
  readBundle,
  readCheckpoint,
  rootOfTiles,
  type SeenCheckpoint,
  type Verifier,
} from "./tlog-verifier.ts";

const TILE = 256;
const HASH_BYTES = 32;
const BYTES = "application/octet-stream";

/** A log as its checkpoint says it: all of its leaf hashes, which make the signed root. */
export type ReadLog = { readonly checkpoint: SeenCheckpoint; readonly leaves: readonly Buffer[] };

/** Throws unless checkpoint, every tile of every level and every bundle of entries below `prefix` fit together. */
export async function readLogAt(client: Client, prefix: string, by: Verifier): Promise<ReadLog> {
  const note = await bytesOf(client, `${prefix}/checkpoint`, {
    type: "text/plain; charset=utf-8",
    caching: /no-store/,
  });
  const checkpoint = readCheckpoint(note.toString("utf8"), by);
  const tiles = new Map<string, Buffer>();
  const leaves: Buffer[] = [];
  const immutable = { type: BYTES, caching: /\bimmutable\b/ };
  let hashes = checkpoint.size;
  for (let level = 0; hashes > 0; level++) {
    for (const { index, width } of tilesOf(hashes)) {
      const path = pathOf(index, width);
      const tile = await bytesOf(client, `${prefix}/tile/${level}/${path}`, immutable);
      assert.equal(tile.length, width * HASH_BYTES, `${level}/${path}`);
      tiles.set(`${level}/${index}`, tile);
      if (level === 0)
        leaves.push(...readBundle(await bytesOf(client, `${prefix}/tile/entries/${path}`, immutable)).map(hashOfLeaf));
    }
    hashes = Math.floor(hashes / TILE);
  }
  assert.equal(leaves.length, checkpoint.size);
  const root = rootOfTiles(
    checkpoint.size,
    (level, index) => tiles.get(`${level}/${index}`) ?? Buffer.alloc(0),
    leaves,
  );
  assert.ok(root.equals(checkpoint.root), "the tiles make another root than the signed one");
  return { checkpoint, leaves };
}

/** The tiles of a level that holds so many hashes; the last one may be partial. */
function tilesOf(hashes: number): { index: number; width: number }[] {
  return Array.from({ length: Math.ceil(hashes / TILE) }, (_none, index) => ({
    index,
    width: Math.min(TILE, hashes - index * TILE),
  }));
}

/** `x001/x234/067.p/12`: three digits an element, all but the last behind an `x`. */
function pathOf(index: number, width: number): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  const last = groups.pop() ?? "";
  return [...groups.map((group) => `x${group}`), last].join("/") + (width === TILE ? "" : `.p/${width}`);
}

async function bytesOf(client: Client, path: string, wanted: { type: string; caching: RegExp }): Promise<Buffer> {
  const answer = await client.get(path);
  assert.equal(answer.status, 200, `${path}: ${answer.bytes.toString("utf8").slice(0, 300)}`);
  assert.equal(answer.headers.get("content-type"), wanted.type, path);
  assert.match(answer.headers.get("cache-control") ?? "", wanted.caching, path);
  return answer.bytes;
}

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readLog, readTopLog, type AuditWorld } from "./audit-world.ts";
import type { SeenLog, SeenTopLog } from "./log-rows.ts";
import { hashOfLeaf, readCheckpoint, rootReader, rootOfTiles, type Verifier } from "./tlog-verifier.ts";

/** What of a tenant's log does not fit together: indexes, hashes, tiles, and every checkpoint that was ever signed. */
export function objectionsToLog(log: SeenLog, verifier: Verifier): string[] {
  const hashes = log.leaves.map((leaf) => hashOfLeaf(leaf.entry));
  const objections = log.leaves.flatMap(({ index, event, salt, entry, leaf_hash }, at) => {
    const salted = createHash("sha256").update(salt).update(event).digest();
    const isFit = salted.equals(entry) && hashes[at]?.equals(leaf_hash);
    return [
      ...(Number(index) === at ? [] : [`the index ${index} stands in the place of ${at}`]),
      ...(isFit === true ? [] : [`the event of the index ${index} is not what was hashed`]),
    ];
  });
  const rootAt = rootReader(hashes);
  try {
    if (!rootOfTiles(hashes.length, log.tileOf, hashes).equals(rootAt(hashes.length)))
      objections.push("the tiles make another root than the leaves");
  } catch (error) {
    objections.push(error instanceof Error ? error.message : "the tiles cannot be read");
  }
  for (const { size, root, note } of log.checkpoints) {
    objections.push(...objectionsToNote(note, verifier, rootAt));
    if (!rootAt(Number(size)).equals(root)) objections.push(`the kept root of ${size} is not the one of the leaves`);
  }
  const signed = Number(log.checkpoints.at(-1)?.size ?? 0);
  if (signed !== hashes.length) objections.push(`${hashes.length} leaves, and the newest checkpoint covers ${signed}`);
  return objections;
}

/** Whether a signed checkpoint is one of the log that `rootAt` knows; it may be one that was kept outside. */
export function objectionsToNote(note: string, verifier: Verifier, rootAt: (size: number) => Buffer): string[] {
  try {
    const seen = readCheckpoint(note, verifier);
    return rootAt(seen.size).equals(seen.root) ? [] : [`the signed checkpoint of ${seen.size} is contradicted`];
  } catch (error) {
    return [`a checkpoint: ${error instanceof Error ? error.message : "cannot be read"}`];
  }
}

/** What of the log above does not fit: every checkpoint of every tenant stands in it once. */
export function objectionsToTopLog(top: SeenTopLog, verifier: Verifier): string[] {
  const noteOf = new Map(top.below.map((row) => [`${row.tenant_id}/${row.size}`, row.note]));
  const objections = top.leaves.flatMap(({ index, log_tenant_id, log_size, entry }, at) => {
    const name = `${log_tenant_id}/${log_size}`;
    const isFit = createHash("sha256")
      .update(noteOf.get(name) ?? "")
      .digest()
      .equals(entry);
    return [
      ...(Number(index) === at ? [] : [`the index ${index} of the top log stands in the place of ${at}`]),
      ...(isFit ? [] : [`the top log holds another checkpoint of ${name}`]),
    ];
  });
  if (top.leaves.length !== top.below.length)
    objections.push(`${top.below.length} checkpoints were signed, the top log holds ${top.leaves.length}`);
  const rootAt = rootReader(top.leaves.map((leaf) => hashOfLeaf(leaf.entry)));
  return [...objections, ...top.notes.flatMap((note) => objectionsToNote(note, verifier, rootAt))];
}

export async function assertSound(world: AuditWorld, tenantId: string): Promise<SeenLog> {
  const log = await readLog(world, tenantId);
  assert.deepEqual(objectionsToLog(log, await world.verifier(tenantId)), [], tenantId);
  return log;
}

export async function assertTopSound(world: AuditWorld): Promise<void> {
  const top = await readTopLog(world);
  assert.deepEqual(objectionsToTopLog(top, await world.verifier("server", "top")), []);
}

import { createHash } from "node:crypto";
import { noteSigner, signCheckpoint } from "../../src/platform/tlog/note.ts";
import { hashOfLeaf, rootOfLeaves } from "../support/tlog-verifier.ts";
import type { FoundLogs } from "./checker.ts";

const sha256 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Logs that fit: events under two checkpoints, and these in the log above. */
export function faultlessLogs(eventIds: readonly string[]): FoundLogs {
  const signers = { audit: noteSigner("a/audit", Buffer.alloc(32, 1)), top: noteSigner("a/top", Buffer.alloc(32, 1)) };
  const leaves = eventIds.map((id, index) => {
    const entry = sha256(Buffer.from(id), "{}");
    const leafHash = hashOfLeaf(entry);
    return { index: `${index}`, event_id: id, entry, event: "{}", salt: Buffer.from(id), leaf_hash: leafHash };
  });
  const hashes = leaves.map((leaf) => leaf.leaf_hash);
  const checkpoints = [1, leaves.length].map((size) => {
    const root = rootOfLeaves(hashes.slice(0, size));
    return { size: `${size}`, root, note: signCheckpoint([signers.audit], { size, root }) };
  });
  const top = checkpoints.map(({ size, note }, index) => ({
    ...{ index: `${index}`, log_tenant_id: "ten_1", log_size: size },
    entry: sha256(note),
  }));
  const topRoot = rootOfLeaves(top.map((leaf) => hashOfLeaf(leaf.entry)));
  const tile = Buffer.concat(hashes);
  const notes = [signCheckpoint([signers.top], { size: top.length, root: topRoot })];
  return {
    audit: {
      ...{ leaves, checkpoints, tiles: new Map([["0/0", tile]]) },
      tileOf: (level, index, width) => (level + index === 0 ? tile.subarray(0, width * 32) : Buffer.alloc(0)),
    },
    top: { leaves: top, notes, below: checkpoints.map(({ size, note }) => ({ tenant_id: "ten_1", size, note })) },
    keys: { audit: signers.audit.verifierKey, top: signers.top.verifierKey },
    handedOut: { audit: checkpoints.map(({ note }) => note), top: notes },
  };
}

/** What a server would have signed that has lost or changed an event since. */
export function foreignCheckpoint(log: "audit" | "top", size: number): string {
  return signCheckpoint([noteSigner(`a/${log}`, Buffer.alloc(32, 1))], { size, root: sha256("other") });
}

import { leafHashOf } from "../tlog/merkle.ts";
import { openCheckpoint, type Checkpoint, type NoteVerifier } from "../tlog/note.ts";
import { openTilesOf, TileWriter, type StoredTile } from "../tlog/tile-writer.ts";
import { HASH_BYTES, TILE_HASHES } from "../tlog/merkle.ts";
import type { Database, Tx } from "../db/tx.ts";
import { saltedHash } from "./audit.ts";
import { findingsAbove, type Finding } from "./verify-above.ts";
import {
  countLostEvents,
  findHead,
  listCheckpoints,
  listLeaves,
  listTiles,
  type CheckpointRow,
  type LeafWithColumns,
  type LogName,
} from "./store/tree.ts";
import { listTopEntries } from "./store/queue.ts";

const PAGE_LEAVES = 2_000;
const PAGE_CHECKPOINTS = 500;
const MAX_FINDINGS = 20;
/** Fewer than all, so that the log itself is looked at as well. */
const MAX_FINDINGS_ABOVE = 5;

/** One log of those that stand behind a tenant's wall. */
export type CheckedLog = { readonly tenantId: string; readonly log: LogName };

export type LogFacts = {
  verifiers(origin: string): Promise<readonly NoteVerifier[]>;
  /** Asked where an event is gone: only those of a shredded tenant are erased. */
  isShredded(tenantId: string): Promise<boolean>;
};

/** A leaf of the log above is the hash of a checkpoint, and has no event. */
type CheckedLeaf = Pick<LeafWithColumns, "index" | "entry"> & Partial<LeafWithColumns>;
const leafReaders: Readonly<Record<LogName, typeof listTopEntries | typeof listLeaves>> = {
  audit: listLeaves,
  top: listTopEntries,
};

/**
 * Hashes a log anew, from the rows to every checkpoint that was signed, and holds a tenant's checkpoints against the log
 * above. A page at a time, each in a transaction
 * of its own: what is behind it cannot change, and if it does the next run finds it. `verifiers` are asked for once the size
 * is known: so they hold the key of every checkpoint up to it, whatever is rotated meanwhile.
 */
export async function verifyLog(
  db: Database,
  of: CheckedLog,
  { verifiers, isShredded }: LogFacts,
): Promise<{ readonly size: number; readonly findings: readonly Finding[] }> {
  const { tenantId, log } = of;
  const findings: Finding[] = [];
  const head = await db.tenant(tenantId, (tx) => findHead(tx, tenantId, log));
  const lost = log === "top" ? 0 : await db.tenant(tenantId, (tx) => countLostEvents(tx, tenantId));
  if (lost > 0) findings.push({ what: `${lost} events have no place and wait for none`, index: 0 });
  if (log === "audit") findings.push(...(await findingsAbove(db, tenantId)).slice(0, MAX_FINDINGS_ABOVE));
  if (head === null) return { size: 0, findings };
  const size = Number(head.size);
  const keys = await verifiers(head.origin);
  let lastSigned = 0;
  for (let from = 0; from < size && findings.length < MAX_FINDINGS; from += PAGE_LEAVES) {
    const to = Math.min(from + PAGE_LEAVES, size);
    const page = await db.tenant(tenantId, (tx) => readPage(tx, of, { from, to }));
    if (page === null) {
      findings.push({ what: "leaves or tiles are missing", index: from });
      break;
    }
    findings.push(...rowFindings(page.leaves), ...treeFindings(page, keys));
    const gone = page.leaves.find((leaf) => leaf.event === null);
    if (gone !== undefined && !(await isShredded(tenantId)))
      findings.push({ what: "an event is gone", index: Number(gone.index) });
    lastSigned = Number(page.checkpoints.at(-1)?.size ?? lastSigned);
  }
  if (lastSigned !== size && findings.length === 0)
    findings.push({ what: "the newest leaves are under no checkpoint", index: lastSigned });
  return { size, findings };
}

type Page = {
  readonly from: number;
  readonly leaves: readonly CheckedLeaf[];
  /** The tiles that were open at `from`, as they were then. */
  readonly open: readonly StoredTile[];
  /** Tiles that hold hashes of this page, as they are now. */
  readonly now: readonly StoredTile[];
  readonly checkpoints: readonly CheckpointRow[];
};

async function readPage(tx: Tx, of: CheckedLog, range: { from: number; to: number }): Promise<Page | null> {
  const { tenantId, log } = of;
  const { from, to } = range;
  const leaves: readonly CheckedLeaf[] = await leafReaders[log](tx, tenantId, { from, count: to - from });
  if (leaves.length !== to - from || leaves.some((leaf, at) => Number(leaf.index) !== from + at)) return null;
  const open = openTilesOf(from);
  const stored = await listTiles(tx, tenantId, log, open);
  const cut = stored.map((tile) => ({
    ...tile,
    hashes: tile.hashes.subarray(0, widthAt(tile.level, from) * HASH_BYTES),
  }));
  if (
    stored.length !== open.length ||
    cut.some((tile) => tile.hashes.length !== widthAt(tile.level, from) * HASH_BYTES)
  ) {
    return null;
  }
  const now = await listTiles(tx, tenantId, log, placesBetween(from, to));
  const checkpoints = await listAllCheckpoints(tx, of, range);
  return { from, leaves, open: cut, now, checkpoints };
}

function widthAt(level: number, size: number): number {
  return Math.floor(size / TILE_HASHES ** level) % TILE_HASHES;
}

function placesBetween(from: number, to: number): { level: number; index: number }[] {
  const places: { level: number; index: number }[] = [];
  for (let level = 0; Math.floor((to - 1) / TILE_HASHES ** level) > 0 || level === 0; level++) {
    const span = TILE_HASHES ** (level + 1);
    for (let index = Math.floor(from / span); index <= Math.floor((to - 1) / span); index++)
      places.push({ level, index });
  }
  return places;
}

async function listAllCheckpoints(
  tx: Tx,
  of: CheckedLog,
  range: { from: number; to: number },
): Promise<CheckpointRow[]> {
  const all: CheckpointRow[] = [];
  for (let after = range.from; ;) {
    const page = await listCheckpoints(tx, of.tenantId, of.log, { after, limit: PAGE_CHECKPOINTS });
    const inside = page.filter((row) => Number(row.size) <= range.to);
    all.push(...inside);
    if (inside.length < PAGE_CHECKPOINTS) return all;
    after = Number(inside.at(-1)?.size);
  }
}

/** Rows against their leaves, as far as they are there. */
function rowFindings(leaves: readonly CheckedLeaf[]): Finding[] {
  return leaves.flatMap((leaf) => {
    const { index, entry, event = null, salt = null, leaf_hash: leafHash = null } = leaf;
    if (event === null || salt === null || leafHash === null) return [];
    const isFit = saltedHash(salt, event).equals(entry) && leafHashOf(entry).equals(leafHash);
    if (!isFit) return [{ what: "the event is not what was hashed", index: Number(index) }];
    const isSame = saidByColumns(leaf) === saidByEvent(event);
    return isSame ? [] : [{ what: "a column does not say what the event says", index: Number(index) }];
  });
}

/** What readers look for records by. It is no part of what was hashed, so it has to repeat the event. */
function saidByColumns(leaf: CheckedLeaf): string {
  const { at, action, actor_type, actor_id, bucket, resource_type, resource_id, outcome } = leaf;
  return JSON.stringify([at, action, actor_type, actor_id, bucket, resource_type, resource_id, outcome]);
}

function saidByEvent(event: string): string {
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- its hash fits: it is what `recordAudit` wrote
  const { at, action, actor, bucket, resource, outcome }: Said = JSON.parse(event);
  const { type = null, id = null } = resource ?? {};
  return JSON.stringify([at, action, actor.type, actor.id, bucket, type, id, outcome]);
}

type Said = {
  readonly at: string;
  readonly action: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly bucket: string | null;
  readonly resource: { readonly type: string; readonly id: string } | null;
  readonly outcome: string;
};

/** Leaves against tiles, and the roots that they make against the signed ones. */
function treeFindings(page: Page, keys: readonly NoteVerifier[]): Finding[] {
  const findings: Finding[] = [];
  const writer = new TileWriter(page.from, page.open);
  const hashes = page.leaves.map((leaf) => leafHashOf(leaf.entry));
  for (const checkpoint of page.checkpoints) {
    const size = Number(checkpoint.size);
    writer.append(hashes.slice(writer.size - page.from, size - page.from));
    const signed = openByAny(checkpoint.note, keys);
    const root = writer.root();
    if (signed === null || signed.size !== size || !signed.root.equals(root) || !checkpoint.root.equals(root)) {
      findings.push({ what: "a signed checkpoint is not the root of what stands there", index: size });
    }
  }
  writer.append(hashes.slice(writer.size - page.from));
  for (const tile of writer.changedTiles()) {
    const stored = page.now.find((each) => each.level === tile.level && each.index === tile.index);
    if (stored?.hashes.subarray(0, tile.hashes.length).equals(tile.hashes) !== true) {
      findings.push({ what: `tile ${tile.level}/${tile.index} does not hold its leaves`, index: tile.index });
    }
  }
  return findings;
}

function openByAny(note: string, keys: readonly NoteVerifier[]): Checkpoint | null {
  for (const key of keys) {
    const opened = openCheckpoint(note, key);
    if (opened !== null) return opened;
  }
  return null;
}

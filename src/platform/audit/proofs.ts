import type { Database, Tx } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { formatProof } from "../tlog/checkpoint.ts";
import { consistencyRanges, hashLeaf, hashRange, inclusionRanges, type Range } from "../tlog/merkle.ts";
import { formatVerifierKey } from "../tlog/note.ts";
import { findCheckpoint, findOrigin, listKeys, listTiles, type LogName } from "../tlog/store.ts";
import { entryBundle, TILE_WIDTH, TileSet, tilesOf, tileWidth, type TilePlace } from "../tlog/tiles.ts";
import { findProvedEvent, findTopLeaf, listAuditEntries, listTopEntries } from "./store.ts";

/** Everything that shows, without the server, that an event is in its tenant's log. */
export type AuditProof = {
  readonly index: number;
  readonly leafHash: Buffer;
  /** SHA-256 of salt and event: what stands in the log. */
  readonly entry: Buffer;
  readonly salt: Buffer;
  /** Canonical JSON, as it was hashed. */
  readonly event: string;
  /** The leaf's sibling first. */
  readonly path: Buffer[];
  /** C2SP signed note. */
  readonly checkpoint: string;
  /** C2SP tlog-proof. */
  readonly proofText: string;
};

/** Null until the event has its index and a signed checkpoint, and once its salt and content were erased. */
export async function proveEvent(db: Database, tenantId: string, eventId: string): Promise<AuditProof | null> {
  return db.tenant(tenantId, async (tx) => {
    const row = await findProvedEvent(tx, tenantId, eventId);
    if (row === null) return null;
    const { entry, salt, event } = row;
    const proof = await proveIndex(tx, { tenantId, log: "audit", index: Number(row.index) });
    return proof === null ? null : { leafHash: hashLeaf(entry), entry, salt, event, ...proof };
  });
}

/** The place of one entry in a log, with the newest checkpoint. */
export type InclusionProof = Pick<AuditProof, "index" | "path" | "checkpoint" | "proofText">;

/**
 * Proves that the checkpoint which a tenant's log had at `size` is in the top log, whose entry is SHA-256 of that
 * checkpoint's note. Null until it is, and for a size at which no checkpoint was signed.
 */
export async function proveCheckpoint(db: Database, tenantId: string, size: number): Promise<InclusionProof | null> {
  return db.tenant(SERVER_TENANT, async (tx) => {
    const row = await findTopLeaf(tx, SERVER_TENANT, { tenantId, size });
    return row === null ? null : proveIndex(tx, { tenantId: SERVER_TENANT, log: "top", index: Number(row.index) });
  });
}

/** The newest checkpoint, or the one of exactly `size`, as a signed note. Null when there is none. */
export async function readCheckpoint(
  db: Database,
  tenantId: string,
  log: LogName,
  size: number | null = null,
): Promise<string | null> {
  const row = await db.tenant(tenantId, (tx) => findCheckpoint(tx, tenantId, log, size));
  return row?.note ?? null;
}

/** A tile or bundle of a log: the full one, or its first `width` hashes or entries. */
export type PartWanted = { readonly tenantId: string; readonly log: LogName; readonly width?: number };

/** Hashes of a tile, 32 bytes each. Null when no signed checkpoint covers that much of it. */
export async function readTile(db: Database, wanted: PartWanted & TilePlace): Promise<Buffer | null> {
  const { tenantId, log, level, index, width = TILE_WIDTH } = wanted;
  return db.tenant(tenantId, async (tx) => {
    if (!(await isCovered(tx, wanted, { level, index }, width))) return null;
    const [tile] = await listTiles(tx, tenantId, log, [{ level, index }]);
    return tile?.hashes.subarray(0, width * 32) ?? null;
  });
}

/** Entries of a tile of level 0, each after its length. Null when no signed checkpoint covers that many. */
export async function readEntryBundle(
  db: Database,
  wanted: PartWanted & { readonly index: number },
): Promise<Buffer | null> {
  const { tenantId, log, index, width = TILE_WIDTH } = wanted;
  return db.tenant(tenantId, async (tx) => {
    if (!(await isCovered(tx, wanted, { level: 0, index }, width))) return null;
    const range = { start: index * TILE_WIDTH, limit: width };
    const list = log === "top" ? listTopEntries : listAuditEntries;
    return entryBundle(await list(tx, tenantId, range));
  });
}

/**
 * The hashes that show that the log of `to` entries begins with that of `from` (RFC 6962, section 2.1.2). Null when
 * `to` is beyond the newest checkpoint, or `from` beyond `to`.
 */
export async function consistencyProof(
  db: Database,
  tenantId: string,
  log: LogName,
  sizes: { readonly from: number; readonly to: number },
): Promise<Buffer[] | null> {
  return db.tenant(tenantId, async (tx) => {
    const newest = await findCheckpoint(tx, tenantId, log, null);
    if (newest === null || sizes.from > sizes.to || sizes.to > Number(newest.size)) return null;
    return hashesOf(tx, { tenantId, log }, consistencyRanges(sizes.from, sizes.to));
  });
}

/** The key that signs a log's checkpoints, as `<origin>+<id>+<key>`. Null before the log's first checkpoint. */
export async function verifierKey(db: Database, tenantId: string, log: LogName): Promise<string | null> {
  const found = await db.tenant(tenantId, async (tx) => ({
    name: await findOrigin(tx, tenantId, log),
    keyId: (await findCheckpoint(tx, tenantId, log, null))?.key_id,
  }));
  const keys = await db.tenant(SERVER_TENANT, (tx) => listKeys(tx, SERVER_TENANT));
  const key = keys.find((each) => each.id === found.keyId);
  if (found.name === null || key === undefined) return null;
  return formatVerifierKey({ name: found.name, publicKey: key.public_key });
}

type LogPlace = { readonly tenantId: string; readonly log: LogName };

async function isCovered(tx: Tx, wanted: LogPlace, place: TilePlace, width: number): Promise<boolean> {
  const newest = await findCheckpoint(tx, wanted.tenantId, wanted.log, null);
  return newest !== null && width >= 1 && width <= tileWidth(place, Number(newest.size));
}

async function proveIndex(tx: Tx, wanted: LogPlace & { index: number }): Promise<InclusionProof | null> {
  const { tenantId, log, index } = wanted;
  const newest = await findCheckpoint(tx, tenantId, log, null);
  if (newest === null || index >= Number(newest.size)) return null;
  const path = await hashesOf(tx, wanted, inclusionRanges(index, Number(newest.size)));
  const checkpoint = newest.note;
  return { index, path, checkpoint, proofText: formatProof({ index, path, checkpoint }) };
}

async function hashesOf(tx: Tx, wanted: LogPlace, ranges: readonly Range[]): Promise<Buffer[]> {
  const tiles = new TileSet(await listTiles(tx, wanted.tenantId, wanted.log, tilesOf(ranges)));
  return ranges.map((range) => hashRange(range, tiles.read));
}

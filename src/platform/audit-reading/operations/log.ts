import type { Tx } from "../../db/tx.ts";
import { platformError } from "../../errors/platform-errors.ts";
import { SERVER_TENANT } from "../../keys/keyring.ts";
import type { Call } from "../../product.ts";
import { auditReadingError } from "../errors.ts";
import { publishedKeysOf } from "../log-key.ts";
import type { LogKeysView } from "../schema.ts";
import { treeOf } from "../../audit/proofs.ts";
import { listTopEntries } from "../../audit/store/queue.ts";
import { findCheckpoint, findTile, listEntries, type CheckpointRow, type LogName } from "../../audit/store/tree.ts";
import { HASH_BYTES, TILE_HASHES } from "../../tlog/merkle.ts";
import { readTilePath, type TileName } from "../../tlog/tile-path.ts";

/** An entry stands behind its length in two bytes. */
const LENGTH_BYTES = 2;

/** The newest signed checkpoint (C2SP tlog-checkpoint). */
export async function getCheckpoint(call: Call, log: LogName): Promise<string> {
  return inside(call, log, async (tx, wall) => (await checkpointOf(tx, wall, log)).note);
}

/** Hashes of a tile, as a monitor of C2SP tlog-tiles asks for them. */
export async function getTile(call: Call, log: LogName, tile: { level: number; path: string }): Promise<Buffer> {
  const name = nameOf(tile.path);
  return inside(call, log, async (tx, wall) => {
    const hashes = await findTile(tx, wall, { log, level: tile.level, index: name.index });
    const wanted = hashes?.subarray(0, name.width * HASH_BYTES);
    if (wanted?.length !== name.width * HASH_BYTES) throw absent(tile.path);
    return wanted;
  });
}

/** Entries of a log: salted hashes of events, or hashes of checkpoints. They say nothing of what was hashed. */
export async function getEntries(call: Call, log: LogName, path: string): Promise<Buffer> {
  const name = nameOf(path);
  const list = log === "audit" ? listEntries : listTopEntries;
  return inside(call, log, async (tx, wall) => {
    const rows = await list(tx, wall, { from: name.index * TILE_HASHES, count: name.width });
    if (rows.length !== name.width) throw absent(path);
    return Buffer.concat(rows.flatMap(({ entry }) => [lengthOf(entry), entry]));
  });
}

/** Verifier keys of the organisation's log and of the log above it, those of before included. */
export async function getLogKeys(call: Call): Promise<LogKeysView> {
  const [audit = [], top = []] = await publishedKeysOf(call.services, [
    { tenantId: call.caller.tenantId, log: "audit" },
    { tenantId: SERVER_TENANT, log: "top" },
  ]);
  return { audit: audit.map(({ key }) => key), top: top.map(({ key }) => key), validity: { audit, top } };
}

/** That the log of `to` records begins with the one of `from` (RFC 6962, section 2.1.2). */
export async function getConsistency(
  call: Call,
  log: LogName,
  sizes: { from: number; to: number },
): Promise<{ from: number; to: number; path: string[] }> {
  const { from, to } = sizes;
  return inside(call, log, async (tx, wall) => {
    const size = Number((await checkpointOf(tx, wall, log)).size);
    if (from > to || to > size) {
      throw platformError("validation_failed", "The query is not valid.", {
        fields: [{ parameter: from > to ? "from" : "to", reason: `must be at most ${Math.min(to, size)}` }],
      });
    }
    const path = await treeOf(tx, wall, log).consistencyPath(from, to);
    return { from, to, path: path.map((hash) => hash.toString("base64")) };
  });
}

/** The log over all tenants' checkpoints stands behind the server's own wall; its hashes reveal nothing of anybody. */
function inside<T>(call: Call, log: LogName, work: (tx: Tx, wall: string) => Promise<T>): Promise<T> {
  if (log === "audit") return call.read((tx) => work(tx, call.caller.tenantId));
  return call.services.db.tenant(SERVER_TENANT, (tx) => work(tx, SERVER_TENANT));
}

export async function checkpointOf(tx: Tx, tenantId: string, log: LogName): Promise<CheckpointRow> {
  const row = await findCheckpoint(tx, tenantId, log);
  if (row !== null) return row;
  throw notSigned("The first checkpoint is signed within a second or two.");
}

export function notSigned(detail: string): Error {
  return auditReadingError("audit_not_signed", detail, { retryAfterSeconds: 1 });
}

function nameOf(path: string): TileName {
  const name = readTilePath(path);
  if (name === null) throw absent(path);
  return name;
}

function absent(path: string): Error {
  return auditReadingError("audit_tile_not_found", `There is no tile ${path} yet.`);
}

function lengthOf(entry: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(entry.length);
  return length;
}

import type { Database } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { entryOfCheckpoint } from "./place-events.ts";
import { listTopLeavesOf, listTopQueuedOf, type PlacedCheckpoint } from "./store/queue.ts";
import { listCheckpoints, listCheckpointsOfSizes, type CheckpointRow } from "./store/tree.ts";

/** What does not fit, in words for whoever runs the server; of checkpoints their size. */
export type Finding = { readonly what: string; readonly index: number };

type Page = { readonly after: number; readonly limit: number };

const PAGE = 500;

/**
 * Holds the checkpoints of a tenant's log against the log above, whose entries are their hashes. So a log that was written
 * anew and signed with its own key is found, and one of which nothing is left. Each page is read in the order in which rows
 * come to be, so that what is under way is no finding. A page of findings ends it.
 */
export async function findingsAbove(db: Database, tenantId: string): Promise<Finding[]> {
  const gone = await readPages(
    (page) => placedAbove(db, tenantId, page),
    (rows) => goneBelow(db, tenantId, rows),
  );
  const missing = await readPages(
    (page) => db.tenant(tenantId, (tx) => listCheckpoints(tx, tenantId, "audit", page)),
    (rows, after) => missingAbove(db, tenantId, rows, after),
  );
  return [...gone, ...missing];
}

async function readPages<R extends { readonly size: string }>(
  read: (page: Page) => Promise<R[]>,
  check: (rows: readonly R[], after: number) => Promise<Finding[]>,
): Promise<Finding[]> {
  for (let after = 0; ;) {
    const rows = await read({ after, limit: PAGE });
    const findings = await check(rows, after);
    if (findings.length > 0 || rows.length < PAGE) return findings;
    after = Number(rows.at(-1)?.size);
  }
}

function placedAbove(db: Database, tenantId: string, page: Page): Promise<PlacedCheckpoint[]> {
  return db.tenant(SERVER_TENANT, (tx) => listTopLeavesOf(tx, SERVER_TENANT, tenantId, page));
}

/** A checkpoint is there before its place above is. */
async function goneBelow(db: Database, tenantId: string, placed: readonly PlacedCheckpoint[]): Promise<Finding[]> {
  const sizes = placed.map(({ size }) => Number(size));
  const rows = await db.tenant(tenantId, (tx) => listCheckpointsOfSizes(tx, tenantId, "audit", sizes));
  const here = new Set(rows.map(({ size }) => size));
  return placed
    .filter(({ size }) => !here.has(size))
    .map(({ size }) => ({ what: "a checkpoint is gone that the log above holds", index: Number(size) }));
}

/** A checkpoint waits from its own commit on, and its place above comes in the transaction in which it waits no more. */
async function missingAbove(
  db: Database,
  tenantId: string,
  rows: readonly CheckpointRow[],
  after: number,
): Promise<Finding[]> {
  const page = { after, limit: rows.length };
  const waiting = await db.directory((tx) => listTopQueuedOf(tx, tenantId, page));
  const placed = await placedAbove(db, tenantId, page);
  const entries = new Map([...waiting, ...placed].map(({ size, entry }) => [size, entry]));
  return rows.flatMap(({ size, note }) => {
    if (entries.get(size)?.equals(entryOfCheckpoint(note)) === true) return [];
    return [{ what: "a checkpoint neither stands in the log above nor waits for it", index: Number(size) }];
  });
}

import { recordMany } from "../../src/platform/audit-reading/test-log.ts";
import { allPlaced } from "./audit-reader.ts";
import { openDatabase, type TestDatabase } from "./database.ts";

/**
 * Records events in an organisation's log past the server's routes, which would take long for many, and waits until the
 * server has given each its place.
 */
export async function growLog(database: TestDatabase, tenantId: string, count: number): Promise<void> {
  const db = openDatabase(database, 1);
  await recordMany(db, tenantId, count);
  await db.close();
  await allPlaced(database.superUrl);
}

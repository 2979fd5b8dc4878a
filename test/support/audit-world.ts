import { randomBytes } from "node:crypto";
import { recordAudit } from "../../src/platform/audit/audit.ts";
import { startSequencer, type Sequencer } from "../../src/platform/audit/sequencer.ts";
import { systemClock } from "../../src/platform/clock/clock.ts";
import { sql } from "../../src/platform/db/sql.ts";
import type { Database } from "../../src/platform/db/tx.ts";
import { createKeyring, type Keyring } from "../../src/platform/keys/keyring.ts";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "./database.ts";
import { eventually } from "./secufile-client.ts";
import { readKey, type TileOf, type Verifier } from "./tlog-verifier.ts";
import { logSigner } from "../../src/platform/audit/log-key.ts";

export const ORIGIN_HOST = "log.test";

/** A database with audit logs, without a server. */
export type AuditWorld = {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly rootKey: string;
  readonly keyring: Keyring;
  sequencer(options?: { readonly isAlone?: boolean; readonly db?: Database }): Promise<Sequencer>;
  record(tenantId: string, note: string): Promise<string>;
  /** Resolves once no event waits for its index and no checkpoint for its place above. */
  settled(): Promise<void>;
  verifier(tenantId: string, log?: "audit" | "top"): Promise<Verifier>;
  close(): Promise<void>;
};

export async function auditWorld(): Promise<AuditWorld> {
  const database = await createTestDatabase();
  const db = openDatabase(database, 10);
  const key = randomBytes(32);
  const keyring = await createKeyring({ db, root: { newest: { generation: 1, key }, previous: null } });
  const context = { db, keyring, clock: systemClock, originHost: ORIGIN_HOST };
  return {
    database,
    db,
    rootKey: `1:${key.toString("base64")}`,
    keyring,
    sequencer: (options = {}) => startSequencer({ ...context, log: testLog, isAlone: true, ...options }),
    record: (tenantId, note) =>
      db.tenant(tenantId, (tx) =>
        recordAudit(tx, tenantId, {
          action: "test.note",
          at: new Date(),
          actor: { type: "system", id: "test" },
          outcome: "success",
          details: { note },
        }),
      ),
    settled: () =>
      eventually("every event has its index", async () => {
        const waiting = await db.directory((tx) =>
          tx.one(sql<{ count: string }>`
            select (select count(*) from platform.audit_queue) + (select count(*) from platform.top_queue) as count`),
        );
        return waiting?.count === "0" ? true : null;
      }).then(() => undefined),
    async verifier(tenantId, log = "audit") {
      return readKey((await logSigner(context, tenantId, log)).verifierKey);
    },
    async close() {
      await db.close();
      await database.drop();
    },
  };
}

export type SeenLog = {
  readonly leaves: readonly {
    index: string;
    event_id: string;
    entry: Buffer;
    event: string;
    salt: Buffer;
    leaf_hash: Buffer;
  }[];
  readonly tiles: ReadonlyMap<string, Buffer>;
  readonly checkpoints: readonly { size: string; root: Buffer; note: string }[];
  readonly tileOf: TileOf;
};

/** All that is kept of a tenant's log, as a monitor would read it. */
export async function readLog(db: Database, tenantId: string): Promise<SeenLog> {
  return db.tenant(tenantId, async (tx) => {
    const leaves = await tx.many(sql<SeenLog["leaves"][number]>`
      select l.index, l.event_id, l.entry, e.event, e.salt, e.leaf_hash
        from platform.audit_leaves l
        left join platform.audit_events e on e.tenant_id = l.tenant_id and e.id = l.event_id
       where l.tenant_id = ${tenantId} order by l.index`);
    const rows = await tx.many(sql<{ level: number; tile_index: string; hashes: Buffer }>`
      select level, tile_index, hashes from platform.log_tiles where tenant_id = ${tenantId} and log = 'audit'`);
    const checkpoints = await tx.many(sql<SeenLog["checkpoints"][number]>`
      select size, root, note from platform.log_checkpoints
       where tenant_id = ${tenantId} and log = 'audit' order by size`);
    const tiles = new Map(rows.map((row) => [`${row.level}/${row.tile_index}`, row.hashes]));
    const tileOf: TileOf = (level, index, width) =>
      (tiles.get(`${level}/${index}`) ?? Buffer.alloc(0)).subarray(0, width * 32);
    return { leaves, tiles, checkpoints, tileOf };
  });
}

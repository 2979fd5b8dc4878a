import { randomBytes } from "node:crypto";
import { recordAudit } from "../../src/platform/audit/audit.ts";
import { startSequencer, type Sequencer, type SequencerOptions } from "../../src/platform/audit/sequencer.ts";
import { systemClock } from "../../src/platform/clock/clock.ts";
import { sql } from "../../src/platform/db/sql.ts";
import type { Database } from "../../src/platform/db/tx.ts";
import { createKeyring, type Keyring } from "../../src/platform/keys/keyring.ts";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "./database.ts";
import { eventually, look } from "./secufile-client.ts";
import { seenLogOf, seenTopLogOf, type Query, type SeenLog, type SeenTopLog } from "./log-rows.ts";
import { readKey, type Verifier } from "./tlog-verifier.ts";
import { openLogKeys, originOf } from "../../src/platform/audit/log-key.ts";

export const ORIGIN_HOST = "log.test";

/** A database with audit logs, without a server. */
export type AuditWorld = {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly rootKey: string;
  readonly keyring: Keyring;
  sequencer(options?: Partial<Pick<SequencerOptions, "isAlone" | "db" | "pause">>): Promise<Sequencer>;
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
      const [newest] = await openLogKeys(context);
      if (newest === undefined) throw new Error("there is no key");
      return readKey(newest.verifierKey(await originOf(context, tenantId, log)));
    },
    async close() {
      await db.close();
      await database.drop();
    },
  };
}

/** All that is kept of a tenant's log. */
export function readLog(world: AuditWorld, tenantId: string): Promise<SeenLog> {
  return seenLogOf((text, values) => look(world.database.superUrl, text, values), tenantId);
}

export function readTopLog(world: AuditWorld): Promise<SeenTopLog> {
  const query: Query = (text, values) => look(world.database.superUrl, text, values);
  return seenTopLogOf(query, query);
}

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import { sqlState, type Database } from "../db/tx.ts";
import { leafHash, recordAudit, type AuditEntry } from "./audit.ts";

const at = new Date("2026-11-22T12:00:00.123Z");
const entry: AuditEntry = {
  action: "secufile.createDocument",
  at,
  actor: { type: "token", id: "tok_1", ip: "192.0.2.1" },
  bucket: "default",
  resource: { type: "document", id: "doc_1" },
  outcome: "success",
  details: { z: 1, a: "é" },
};

type Row = { id: string; event: string; salt: Buffer; leaf_hash: Buffer; action: string; bucket: string | null };

describe("the audit log", () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const record = (tenantId: string, given: AuditEntry = entry): Promise<string> =>
    db.tenant(tenantId, (tx) => recordAudit(tx, tenantId, given));
  const list = (tenantId: string): Promise<Row[]> =>
    db.tenant(tenantId, (tx) =>
      tx.many(sql<Row>`select * from platform.audit_events where tenant_id = ${tenantId} order by id`),
    );

  test("a leaf is SHA-256 of 0x00 and of the salted event's SHA-256 (RFC 6962, section 2.1)", () => {
    const salt = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
    assert.equal(
      leafHash(salt, '{"id":"aud_1","é":1}').toString("hex"),
      "5193726c096f30de24ee8a15cbb9fc0c8e85a3b27f8f93c44c018b8c5c598b3c",
    );
    assert.notDeepEqual(leafHash(salt, "x"), leafHash(Buffer.alloc(16), "x"));
  });

  test("a row holds the event in canonical form, under a salt of its own, and its leaf hash", async () => {
    const ids = [await record("ten_form"), await record("ten_form")];
    const rows = await list("ten_form");
    assert.deepEqual(
      rows.map((row) => row.id),
      ids.toSorted(),
    );
    for (const row of rows) {
      assert.equal(
        row.event,
        `{"action":"secufile.createDocument","actor":{"id":"tok_1","ip":"192.0.2.1","type":"token"},` +
          `"at":"2026-11-22T12:00:00.123Z","bucket":"default","details":{"a":"é","z":1},"id":"${row.id}",` +
          `"outcome":"success","resource":{"id":"doc_1","type":"document"}}`,
      );
      const salted = createHash("sha256").update(row.salt).update(row.event).digest();
      const leaf = createHash("sha256")
        .update(Buffer.concat([Buffer.of(0), salted]))
        .digest();
      assert.deepEqual(row.leaf_hash, leaf);
      assert.equal(row.salt.length, 16);
    }
    assert.notDeepEqual(rows[0]?.salt, rows[1]?.salt);
  });

  test("what an entry leaves out is written as null or nothing, never left to be guessed", async () => {
    await record("ten_small", { action: "x.y", at, actor: { type: "system", id: "x" }, outcome: "denied" });
    const [row] = await list("ten_small");
    const event = JSON.parse(row?.event ?? "") as Record<string, unknown>;
    assert.deepEqual([event["bucket"], event["resource"], event["details"], row?.bucket], [null, null, {}, null]);
  });

  test("the row and what it tells of become durable together or not at all", async () => {
    await assert.rejects(
      db.tenant("ten_rolled", async (tx) => {
        await recordAudit(tx, "ten_rolled", entry);
        throw new Error("no");
      }),
      /no/,
    );
    assert.deepEqual(await list("ten_rolled"), []);
  });

  test("an entry that has no canonical form fails the transaction that it should have told of", async () => {
    const details = { at: new Date() };
    await assert.rejects(record("ten_odd", { ...entry, details }), TypeError);
    assert.deepEqual(await list("ten_odd"), []);
  });

  test("a tenant sees its own rows only", async () => {
    await record("ten_mine");
    const seen = await db.tenant("ten_other", (tx) => tx.many(sql`select * from platform.audit_events`));
    assert.deepEqual(seen, []);
  });

  const changes = {
    update: sql`update platform.audit_events set outcome = 'denied' where tenant_id = 'ten_fixed'`,
    delete: sql`delete from platform.audit_events where tenant_id = 'ten_fixed'`,
    truncate: sql`truncate platform.audit_events`,
  };
  for (const [what, statement] of Object.entries(changes)) {
    test(`the application may not ${what} rows`, async () => {
      await record("ten_fixed");
      await assert.rejects(
        db.tenant("ten_fixed", (tx) => tx.run(statement)),
        (error) => sqlState(error) === "42501",
      );
    });

    test(`neither the tables' owner nor a superuser can ${what} rows`, async () => {
      await record("ten_fixed");
      for (const connectionString of [database.ownerUrl, database.superUrl]) {
        const client = new pg.Client({ connectionString });
        await client.connect();
        await client.query("select set_config('tabellion.tenant_id', 'ten_fixed', false)");
        await assert.rejects(client.query(statement.text), /the audit log is append-only/);
        await client.end();
      }
      assert.notEqual((await list("ten_fixed")).length, 0);
    });
  }
});

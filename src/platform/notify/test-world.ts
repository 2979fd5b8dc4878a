import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { heldClock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import { createDatabase, type Database } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { createKeyring, type Keyring } from "../keys/keyring.ts";
import { createOutbound, type Outbound } from "../outbound/outbound.ts";
import { testAuthority } from "../outbound/test-servers.ts";
import { enqueueMail, enqueueSms, type NewMail, type NewSms } from "./notify.ts";
import { mailOutbox, smsOutbox } from "./outbox.ts";
import { sendNotification, type Transports, type UnsentByPurpose, type WantedByPurpose } from "./send.ts";
import type { NotificationRow } from "./notification.ts";
import { findNotification } from "./store.ts";

export const sender = { name: "Étude Müller", address: "post@tabellion.test" };
export const startAt = new Date("2026-11-25T08:00:00Z");

/** Real parts of the server, as far as notifications need them. */
export class World {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly keyring: Keyring;
  readonly rootKeyText: string;
  readonly folder: string;
  readonly clock = heldClock(startAt);
  readonly outbound: Outbound = createOutbound({
    allow: ["127.0.0.0/8"],
    userAgent: "Tabellion-Test",
    ca: testAuthority,
    resolver: async () => ["127.0.0.1"],
  });
  readonly tenantId = newId("ten");
  wanted: WantedByPurpose = {};
  unsent: UnsentByPurpose = {};

  private constructor(parts: { database: TestDatabase; db: Database; keyring: Keyring; key: Buffer; folder: string }) {
    this.database = parts.database;
    this.db = parts.db;
    this.keyring = parts.keyring;
    this.rootKeyText = `1:${parts.key.toString("base64")}`;
    this.folder = parts.folder;
  }

  static async open(): Promise<World> {
    const database = await createTestDatabase();
    const { pool } = openDatabase(database);
    const db = createDatabase({ pool, log: testLog });
    const key = randomBytes(32);
    const keyring = await createKeyring({ db, root: { newest: { generation: 1, key }, previous: null } });
    const folder = await mkdtemp(join(tmpdir(), "tabellion-notify-"));
    const world = new World({ database, db, keyring, key, folder });
    await db.directory((tx) => keyring.createTenantKeys(tx, world.tenantId));
    return world;
  }

  async close(): Promise<void> {
    this.outbound.close();
    await this.db.close();
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async mail(given: Partial<NewMail> = {}): Promise<string> {
    const keys = await this.keyring.of(this.tenantId);
    const mail: NewMail = {
      to: "anna@example.org",
      locale: "en",
      subject: "Hello",
      text: "A text.\n",
      purpose: "test.mail",
      at: this.clock.now(),
      ...given,
    };
    return this.db.tenant(this.tenantId, (tx) => enqueueMail(tx, keys, mail));
  }

  async sms(given: Partial<NewSms> = {}): Promise<string> {
    const keys = await this.keyring.of(this.tenantId);
    const sms: NewSms = {
      to: "+33612345678",
      text: "Code 123456",
      purpose: "test.sms",
      at: this.clock.now(),
      ...given,
    };
    return this.db.tenant(this.tenantId, (tx) => enqueueSms(tx, keys, sms));
  }

  files(): Transports {
    return { mail: mailOutbox(this.folder, sender), sms: smsOutbox(this.folder) };
  }

  /** One attempt, as the job makes it; answers what the operator then sees. */
  async attempt(id: string, transports: Partial<Transports> = {}): Promise<NotificationRow> {
    const { db, keyring, clock, tenantId, wanted, unsent } = this;
    const all = { ...this.files(), ...transports };
    const signal = new AbortController().signal;
    await sendNotification({ db, keyring, clock, wanted, unsent, log: testLog }, all, { tenantId, id }, { signal });
    return this.row(id);
  }

  async row(id: string): Promise<NotificationRow> {
    const row = await this.db.tenant(this.tenantId, (tx) => findNotification(tx, this.tenantId, id));
    if (row === null) throw new Error(`no notification ${id}`);
    return row;
  }

  async contents(): Promise<number> {
    const row = await this.db.tenant(this.tenantId, (tx) =>
      tx.one(
        sql<{
          count: string;
        }>`select count(*) as count from platform.notification_contents where tenant_id = ${this.tenantId}`,
      ),
    );
    return Number(row?.count);
  }

  async audits(id: string): Promise<readonly string[]> {
    const rows = await this.db.tenant(this.tenantId, (tx) =>
      tx.many(
        sql<{
          event: string;
        }>`select event from platform.audit_events where tenant_id = ${this.tenantId} and resource_id = ${id}`,
      ),
    );
    return rows.map((row) => row.event);
  }
}

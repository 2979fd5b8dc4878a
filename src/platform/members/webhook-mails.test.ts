import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import { systemClock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { createKeyring, SERVER_TENANT, type Keyring, type TenantKeys } from "../keys/keyring.ts";
import type { Services } from "../product.ts";
import { createTenant, deleteTenant } from "../tenants/operations.ts";
import { disabledWebhookMail } from "./mail.ts";
import { sealText, type MemberRow } from "./member.ts";
import { mailDisabledWebhook, noteDisabledWebhook } from "./operations/webhook-mails.ts";
import { insertMember } from "./store/members.ts";

describe("mails about a webhook that was disabled", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  let keys: TenantKeys;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    const root = { newest: { generation: 1, key: randomBytes(32) }, previous: null };
    keyring = await createKeyring({ db, root });
    const tenant = { name: "Étude", isDemo: false, now: new Date() };
    const { id } = await db.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant));
    keys = await keyring.of(id);
    for (const role of ["owner", "admin", "reader", "auditor"] as const) await member(role);
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  async function member(role: MemberRow["role"]): Promise<string> {
    const now = new Date();
    const id = newId("mem", now);
    await db.tenant(keys.tenantId, (tx) =>
      insertMember(tx, keys.tenantId, {
        id,
        sealed_email: sealText(keys, `${role}@example.org`, `email/${id}`),
        sealed_name: sealText(keys, role, `name/${id}`),
        role,
        locale: "fr",
        password: null,
        now,
      }),
    );
    return id;
  }

  const services = (): Pick<Services, "db" | "keyring" | "clock"> => ({ db, keyring, clock: systemClock });
  const told = async (): Promise<number> =>
    (await look(database.superUrl, "select 1 from platform.notifications where purpose = 'platform.webhookDisabled'"))
      .length;
  const disabled = { endpointId: "whk_1", reason: "it answers 500", at: new Date("2026-11-25T09:00:00.000Z") };

  test("owners and admins are told, once, however often the job runs; others are not", async () => {
    await db.tenant(keys.tenantId, (tx) => noteDisabledWebhook(tx, keys.tenantId, disabled));
    const [queued] = await look(
      database.superUrl,
      `select j.payload from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
        where t.identifier = 'platform.mailDisabledWebhook'`,
    );
    assert.deepEqual(queued.payload, { tenantId: keys.tenantId, ...disabled, at: disabled.at.toISOString() });
    await mailDisabledWebhook(services(), queued.payload);
    assert.equal(await told(), 2);
    await Promise.all([1, 2, 3].map(() => mailDisabledWebhook(services(), queued.payload)));
    assert.equal(await told(), 2);
    await mailDisabledWebhook(services(), { ...queued.payload, at: "2026-11-26T09:00:00.000Z" });
    assert.equal(await told(), 4);
  });

  test("owners and admins are told who came after five hundred others, unless they are suspended", async () => {
    const toldBefore = await told();
    await look(
      database.superUrl,
      `insert into platform.members (tenant_id, id, sealed_email, sealed_name, role, locale, created_at, updated_at)
       select tenant_id, 'mem_00' || n, sealed_email, sealed_name, 'reader', 'en', created_at, updated_at
         from platform.members, generate_series(1, 500) as n where role = 'owner'`,
    );
    await look(database.superUrl, `update platform.members set state = 'suspended' where id = $1`, [
      await member("admin"),
    ]);
    const payload = { tenantId: keys.tenantId, ...disabled };
    await mailDisabledWebhook(services(), { ...payload, at: "2026-11-28T09:00:00.000Z" });
    assert.equal(await told(), toldBefore + 2);
  });

  test("the mail says which webhook and why, in the member's language", () => {
    const order = { to: "a@example.org", endpointId: "whk_1", reason: "it answers 500", at: disabled.at };
    const french = disabledWebhookMail({ ...order, locale: "fr" });
    assert.match(french.text, /whk_1[\s\S]*it answers 500/);
    assert.match(french.subject, /désactivé/);
    assert.match(disabledWebhookMail({ ...order, locale: "en" }).text, /whk_1[\s\S]*it answers 500/);
    assert.match(disabledWebhookMail({ ...order, reason: "gone", locale: "fr" }).text, /a répondu 410/);
    assert.match(disabledWebhookMail({ ...order, reason: "failing", locale: "en" }).text, /every delivery failed/);
  });

  test("of a shredded organisation nobody is told, and the job ends", async () => {
    const toldBefore = await told();
    await db.tenant(SERVER_TENANT, (tx) => deleteTenant(tx, keyring, keys.tenantId, { now: new Date() }));
    await mailDisabledWebhook(services(), {
      tenantId: keys.tenantId,
      ...disabled,
      at: "2026-11-27T09:00:00.000Z",
    });
    assert.equal(await told(), toldBefore);
  });
});

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import type { Database } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { createKeyring, SERVER_TENANT, type Keyring, type TenantKeys } from "../keys/keyring.ts";
import { createTenant } from "../tenants/operations.ts";
import { sealText } from "./member.ts";
import { spendCode } from "./operations/codes.ts";
import { peopleScopes, mayTouch, memberRoles } from "./roles.ts";
import { findMember, insertMember, insertRecoveryCodes, updateTotp, updateTotpConfirmed } from "./store/members.ts";
import { totpAt, totpStep } from "./totp.ts";

const NOW = new Date("2026-11-25T09:00:00Z");

describe("codes of a member", () => {
  let database: TestDatabase;
  let one: Database;
  let two: Database;
  let keyring: Keyring;
  let keys: TenantKeys;
  before(async () => {
    database = await createTestDatabase();
    [one, two] = [openDatabase(database), openDatabase(database)];
    const root = { newest: { generation: 1, key: randomBytes(32) }, previous: null };
    keyring = await createKeyring({ db: one, root });
    const tenant = { name: "Étude", isDemo: false, now: NOW };
    const { id } = await one.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant));
    keys = await keyring.of(id);
  });
  after(async () => {
    await Promise.all([one.close(), two.close()]);
    await database.drop();
  });

  const secret = Buffer.from("12345678901234567890");
  async function member() {
    const id = newId("mem", NOW);
    const { tenantId } = keys;
    await one.tenant(tenantId, async (tx) => {
      await insertMember(tx, tenantId, {
        id,
        sealed_email: sealText(keys, "a@example.org", `email/${id}`),
        sealed_name: sealText(keys, "A", `name/${id}`),
        role: "owner",
        locale: "en",
        password: null,
        now: NOW,
      });
      const sealed = keys.seal("member-secrets", secret, `totp/${id}`);
      await updateTotp(tx, tenantId, { id, sealed, version: 1, now: NOW });
      await updateTotpConfirmed(tx, tenantId, { id, step: totpStep(NOW) - 1, version: 2, now: NOW });
      const hash = keyring.mac("one-time-codes", `recovery/${tenantId}/${id}/AAAABBBBCCCCDDDD`);
      await insertRecoveryCodes(tx, tenantId, { memberId: id, hashes: [hash], now: NOW });
    });
    const row = await one.tenant(tenantId, (tx) => findMember(tx, tenantId, id));
    assert.ok(row !== null);
    return row;
  }

  for (const [kind, code] of [
    ["recovery", "aaaabbbb-ccccdddd"],
    ["totp", totpAt(secret, totpStep(NOW))],
  ] as const) {
    test(`a ${kind} code that 64 show at once on two processes is taken once`, async () => {
      const row = await member();
      const context = { keyring, keys, now: NOW };
      const taken = await Promise.all(
        Array.from({ length: 64 }, (_none, index) =>
          (index % 2 === 0 ? one : two).tenant(keys.tenantId, (tx) => spendCode(tx, row, code, context)),
        ),
      );
      assert.deepEqual(
        taken.filter((each) => each !== null),
        [kind],
      );
    });
  }

  test("only owners and the operator touch owners; every role looks after itself", () => {
    for (const actor of memberRoles) assert.equal(mayTouch(actor, ["owner"]), actor === "owner", actor);
    assert.equal(mayTouch(null, ["owner"]), true);
    for (const role of memberRoles) assert.ok(peopleScopes[role].includes("self"));
  });
});

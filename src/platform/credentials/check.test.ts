import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { heldClock, systemClock, type Clock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import { AppError } from "../errors/errors.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { createTenant } from "../tenants/operations.ts";
import { createTokenCheck, type TokenCheck } from "./check.ts";
import { issueToken, type TokenOrder } from "./operations.ts";
import { updateRevoked } from "./store.ts";
import { newToken, parseToken } from "./token.ts";

const YEAR_MS = 365 * 24 * 3600 * 1000;
const HERE = "192.0.2.1";

/** As anybody can make it who has read how tokens are made. */
function withChecksum(body: string): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let checksum = "";
  for (let rest = crc32(body); checksum.length < 6; rest = Math.floor(rest / 62)) {
    checksum = digits.charAt(rest % 62) + checksum;
  }
  return body + checksum;
}

describe("the check of tokens", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  let tenantId: string;
  const checks: TokenCheck[] = [];
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    keyring = await createKeyring({ db, root: { newest: { generation: 1, key: randomBytes(32) }, previous: null } });
    const tenant = { name: "tokens", isDemo: false, now: new Date() };
    tenantId = (await db.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant))).id;
  });
  after(async () => {
    for (const check of checks) await check.stop();
    await db.close();
    await database.drop();
  });

  const checkOn = (over: { db?: Database; clock?: Clock } = {}): TokenCheck => {
    const check = createTokenCheck({ db, keyring, clock: systemClock, log: testLog, ...over });
    checks.push(check);
    return check;
  };
  const issue = async (change: Partial<TokenOrder> = {}): Promise<{ token: string; id: string; lookupId: string }> => {
    const order: TokenOrder = {
      product: "secufile",
      name: "test",
      scopes: ["documents:read"],
      ipAllow: [],
      isLive: true,
      expiresAt: new Date(Date.now() + YEAR_MS),
      createdBy: "test",
      rotatedFrom: null,
      ...change,
    };
    const { row, token } = await db.tenant(tenantId, (tx) =>
      issueToken(tx, tenantId, order, { keyring, now: new Date() }),
    );
    return { token, id: row.id, lookupId: row.lookup_id };
  };
  const refused = (wire: string, detail?: RegExp) => (error: unknown) =>
    error instanceof AppError && error.row.wire === wire && (detail?.test(error.detail) ?? true);
  const lastUse = async (id: string): Promise<{ last_used_at: Date | null; last_used_ip: string | null } | null> =>
    db.tenant(tenantId, (tx) =>
      tx.one(sql<{ last_used_at: Date | null; last_used_ip: string | null }>`
        select last_used_at, last_used_ip from platform.credentials where tenant_id = ${tenantId} and id = ${id}`),
    );

  test("gives the caller with tenant, scopes and environment", async () => {
    const { token, id } = await issue({ isLive: false });
    assert.deepEqual(await checkOn().bearer(`Bearer ${token}`, HERE), {
      tenantId,
      credentialId: id,
      product: "secufile",
      scopes: new Set(["documents:read"]),
      isLive: false,
    });
  });

  test("says the same of a token that never was and of a wrong secret with a known look-up id", async () => {
    const { token, lookupId } = await issue();
    const stranger = newToken("sfk", true).token;
    const forged = withChecksum(`sfk_live_${lookupId}_${"Q".repeat(43)}`);
    assert.equal(parseToken(forged)?.lookupId, lookupId);
    const check = checkOn();
    for (const wrong of [stranger, forged, `${token}x`, "x"]) {
      await assert.rejects(
        check.bearer(`Bearer ${wrong}`, HERE),
        refused("unauthorized", /^The token is not valid\.$/),
      );
    }
    for (const header of [
      undefined,
      "",
      token,
      `Basic ${token}`,
      "Bearer",
      `Bearer ${token} ${token}`,
      "Bearer ".repeat(99),
    ]) {
      await assert.rejects(check.bearer(header, HERE), refused("unauthorized", /Authorization/));
    }
    await check.bearer(`bearer  ${token} `, HERE);
  });

  test("asks the database once for what is asked twice in a moment, and once for what is not there", async () => {
    let reads = 0;
    const counting: Database = {
      ...db,
      lookup(statement) {
        reads++;
        return db.lookup(statement);
      },
    };
    const check = checkOn({ db: counting });
    const { token } = await issue();
    const startedAtMs = performance.now();
    for (let round = 0; round < 5; round++) await check.bearer(`Bearer ${token}`, HERE);
    // A moment is half a second; on a machine that stood still the token is rightly read again.
    assert.ok(reads <= 1 + (performance.now() - startedAtMs) / 500, `${reads} reads`);
    reads = 0;
    await assert.rejects(check.bearer(`Bearer ${newToken("sfk", true).token}`, HERE));
    assert.equal(reads, 1);
    const otherEnd = token.endsWith("0") ? "1" : "0";
    await assert.rejects(check.bearer(`Bearer ${token.slice(0, -1)}${otherEnd}`, HERE));
    assert.equal(reads, 1, "a token whose checksum is wrong needs no database");
  });

  test("keeps a keyed hash: the database holds neither the token nor a hash that one could make without the key", async () => {
    const { token, lookupId } = await issue();
    const row = await db.lookup(
      sql<{ text: string; mac: Buffer }>`
        select d::text as text, mac from platform.credential_directory d where lookup_id = ${lookupId}`,
    );
    assert.equal(row?.text.includes(token.slice(22)), false);
    for (const part of [token, token.slice(22), token.slice(22, 65)]) {
      assert.notDeepEqual(row?.mac, createHash("sha256").update(part).digest());
    }
    const others = await createKeyring({
      db,
      root: { newest: { generation: 1, key: randomBytes(32) }, previous: null },
    }).catch(() => null);
    assert.equal(others, null, "another root key does not open this database");
  });

  test("a revocation holds on another process within a second, on a pool of its own", async () => {
    const otherDb = openDatabase(database, 2);
    const [here, there] = [checkOn(), checkOn({ db: otherDb })];
    const { token, lookupId } = await issue();
    await Promise.all([here.bearer(`Bearer ${token}`, HERE), there.bearer(`Bearer ${token}`, HERE)]);
    await db.tenant(tenantId, (tx) => updateRevoked(tx, tenantId, lookupId, new Date()));
    here.forget(lookupId);
    const revokedAtMs = performance.now();
    await assert.rejects(here.bearer(`Bearer ${token}`, HERE), refused("unauthorized", /revoked/));
    let lastTakenAtMs = revokedAtMs;
    for (;;) {
      const asked = performance.now();
      const isTaken = await there.bearer(`Bearer ${token}`, HERE).then(
        () => true,
        () => false,
      );
      if (!isTaken) break;
      lastTakenAtMs = asked;
      assert.ok(asked - revokedAtMs < 1_000, "still taken after a second");
    }
    assert.ok(lastTakenAtMs - revokedAtMs < 1_000);
    await there.stop();
    await otherDb.close();
  });

  test("an expired token is refused from its very moment on", async () => {
    const clock = heldClock(new Date());
    const { token } = await issue({ expiresAt: new Date(clock.now().getTime() + 60_000) });
    const check = checkOn({ clock });
    clock.advance(59_999);
    await check.bearer(`Bearer ${token}`, HERE);
    clock.advance(1);
    await assert.rejects(check.bearer(`Bearer ${token}`, HERE), refused("unauthorized", /expired/));
  });

  test("a token bound to networks is taken from them only, IPv6 and mapped IPv4 included", async () => {
    const { token } = await issue({ ipAllow: ["198.51.100.0/24", "2001:db8:1::/48", "203.0.113.9"] });
    const check = checkOn();
    for (const address of ["198.51.100.255", "2001:db8:1:ffff::1", "203.0.113.9", "::ffff:198.51.100.7"]) {
      await check.bearer(`Bearer ${token}`, address);
    }
    for (const address of ["198.51.101.0", "2001:db8:2::1", "203.0.113.8", "::1", "::ffff:203.0.113.8", "", "x"]) {
      await assert.rejects(check.bearer(`Bearer ${token}`, address), refused("address_not_allowed"), address);
    }
  });

  test("the last use is written at most once a minute, and not at all by a refused token", async () => {
    const clock = heldClock(new Date("2026-11-22T09:30:00.000Z"));
    const check = checkOn({ clock });
    const { token, id } = await issue({ ipAllow: [HERE, "192.0.2.2"] });
    await assert.rejects(check.bearer(`Bearer ${token}`, "192.0.2.3"));
    await check.flush();
    assert.deepEqual(await lastUse(id), { last_used_at: null, last_used_ip: null });
    const seen: (string | null | undefined)[] = [];
    for (const second of [0, 30, 59, 60, 90, 121]) {
      clock.advance(new Date("2026-11-22T09:30:00.000Z").getTime() + second * 1000 - clock.now().getTime());
      await check.bearer(`Bearer ${token}`, second < 60 ? HERE : "192.0.2.2");
      await check.flush();
      seen.push((await lastUse(id))?.last_used_at?.toISOString().slice(14, 19));
    }
    assert.deepEqual(seen, ["30:00", "30:00", "30:00", "31:00", "31:00", "32:01"]);
    assert.equal((await lastUse(id))?.last_used_ip, "192.0.2.2");
  });

  test("a last use that cannot be written is written with the next flush", async () => {
    let isAway = true;
    const flaky: Database = {
      ...db,
      tenant: (tenant, work, options) =>
        isAway ? Promise.reject(new Error("away")) : db.tenant(tenant, work, options),
    };
    const check = checkOn({ db: flaky });
    const { token, id } = await issue();
    await check.bearer(`Bearer ${token}`, HERE);
    await assert.rejects(check.flush(), /away/);
    isAway = false;
    await check.flush();
    assert.equal((await lastUse(id))?.last_used_ip, HERE);
  });
});

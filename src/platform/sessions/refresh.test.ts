import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { createTenant } from "../tenants/operations.ts";
import { takeFromWindow } from "../limits/sliding-window.ts";
import {
  IDLE_MS,
  LIFE_MS,
  refreshSession,
  RENEWALS_A_SESSION,
  RETRY_MS,
  startSession,
  type RefreshContext,
} from "./operations.ts";
import { findSession } from "./store.ts";

const START = new Date("2026-11-25T09:00:00Z");
const later = (byMs: number): Date => new Date(START.getTime() + byMs);
const ended = (error: unknown): boolean => isAppError(error, "sessions", "session_ended");

describe("refresh tokens", () => {
  let database: TestDatabase;
  let one: Database;
  let two: Database;
  let keyring: Keyring;
  let tenantId: string;
  before(async () => {
    database = await createTestDatabase();
    one = openDatabase(database);
    two = openDatabase(database);
    keyring = await createKeyring({
      db: one,
      root: { newest: { generation: 1, key: randomBytes(32) }, previous: null },
    });
    const tenant = { name: "Étude", isDemo: false, now: START };
    tenantId = (await one.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant))).id;
  });
  after(async () => {
    await one.close();
    await two.close();
    await database.drop();
  });

  const from = (now: Date, remoteAddress = "192.0.2.1", userAgent = "test"): RefreshContext => ({
    keyring,
    now,
    remoteAddress,
    userAgent,
  });
  const start = () => one.tenant(tenantId, (tx) => startSession(tx, tenantId, "mem_1", { keyring, now: START }));
  const endingsOf = (sessionId: string) =>
    one.tenant(tenantId, (tx) =>
      tx.many(
        sql`select id from platform.audit_events
             where tenant_id = ${tenantId} and event like ${`%${sessionId}%`} and outcome = 'denied'`,
      ),
    );

  test("64 at once on two connections' pools: one successor, the family lives, the successor works once", async () => {
    const { refreshToken, sessionId } = await start();
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, index) => refreshSession(index % 2 ? one : two, refreshToken, from(START))),
    );
    const successors = new Set(answers.map((answer) => answer.refreshToken));
    assert.equal(successors.size, 1);
    const row = await one.tenant(tenantId, (tx) => findSession(tx, tenantId, sessionId));
    assert.equal(row?.generation, 2);
    assert.equal(row.revoked_at, null);
    const next = await refreshSession(two, answers[0]?.refreshToken ?? "", from(later(1000)));
    assert.ok(!successors.has(next.refreshToken));
  });

  test("64 at once from as many clients: one is answered, the family ends, and one row tells of it", async () => {
    const { refreshToken, sessionId } = await start();
    const ends = await Promise.allSettled(
      Array.from({ length: 64 }, (_, index) => refreshSession(one, refreshToken, from(START, `192.0.2.${index + 1}`))),
    );
    const good = ends.filter((end) => end.status === "fulfilled");
    assert.equal(good.length, 1);
    await assert.rejects(refreshSession(two, good[0]?.value.refreshToken ?? "", from(START)), ended);
    assert.equal((await endingsOf(sessionId)).length, 1);
  });

  test("a lost answer is given again to the same client for ten seconds, with the same successor", async () => {
    const { refreshToken } = await start();
    const first = await refreshSession(one, refreshToken, from(START));
    const again = await refreshSession(two, refreshToken, from(later(RETRY_MS)));
    assert.equal(again.refreshToken, first.refreshToken);
  });

  for (const [name, context] of [
    ["after ten seconds", () => from(later(RETRY_MS + 1))],
    ["from another address", () => from(later(1), "192.0.2.2")],
    ["by another user agent", () => from(later(1), "192.0.2.1", "other")],
  ] as const) {
    test(`a spent one ${name} ends the family at once, for every process`, async () => {
      const { refreshToken, sessionId } = await start();
      const next = await refreshSession(one, refreshToken, from(START));
      await assert.rejects(refreshSession(one, refreshToken, context()), ended);
      await assert.rejects(refreshSession(two, next.refreshToken, from(later(2))), ended);
      assert.equal((await endingsOf(sessionId)).length, 1);
    });
  }

  test("one whose successor is spent ends the family also within ten seconds", async () => {
    const { refreshToken } = await start();
    const second = await refreshSession(one, refreshToken, from(START));
    const third = await refreshSession(one, second.refreshToken, from(later(1)));
    await assert.rejects(refreshSession(one, refreshToken, from(later(2))), ended);
    await assert.rejects(refreshSession(one, third.refreshToken, from(later(3))), ended);
  });

  test("guessed ones, of whatever generation, end nobody's session", async () => {
    const { refreshToken } = await start();
    const [, tenant, session] = refreshToken.split("_");
    for (const generation of [1, 2, 99]) {
      const guess = `tbr_${tenant}_${session}_${generation}_${"A".repeat(43)}`;
      await assert.rejects(refreshSession(one, guess, from(START)), ended);
    }
    const proof = refreshToken.slice(-43);
    await assert.rejects(refreshSession(one, `tbr_${tenant}_${session}_2_${proof}`, from(START)), ended);
    await assert.rejects(refreshSession(one, "noise", from(START)), ended);
    await refreshSession(one, refreshToken, from(START));
  });

  test("of one organisation open nothing in another", async () => {
    const tenant = { name: "Other", isDemo: false, now: START };
    const other = (await one.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant))).id;
    const { refreshToken } = await start();
    const moved = refreshToken.replace(tenantId.slice(4), other.slice(4));
    await assert.rejects(refreshSession(one, moved, from(START)), ended);
  });

  test("of an organisation whose keys were destroyed, or that never was, end as all others do", async () => {
    const tenant = { name: "Other", isDemo: false, now: START };
    const other = (await one.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant))).id;
    const { refreshToken } = await one.tenant(other, (tx) => startSession(tx, other, "mem_1", { keyring, now: START }));
    const next = await refreshSession(one, refreshToken, from(START));
    await one.tenant(SERVER_TENANT, (tx) => keyring.shredTenantKeys(tx, other));
    await assert.rejects(refreshSession(one, next.refreshToken, from(START)), ended);
    const nowhere = next.refreshToken.replace(other.slice(4), "01KB2Q6V9XJ4M8T3RZ5C7D1E0F");
    await assert.rejects(refreshSession(one, nowhere, from(START)), ended);
  });

  test("end after seven days of rest, and after thirty days in any case", async () => {
    const rested = await start();
    await assert.rejects(refreshSession(one, rested.refreshToken, from(later(IDLE_MS))), ended);
    let { refreshToken } = await start();
    const stepMs = IDLE_MS - 1000;
    let atMs = stepMs;
    for (; atMs < LIFE_MS; atMs += stepMs) {
      ({ refreshToken } = await refreshSession(one, refreshToken, from(later(atMs))));
    }
    await assert.rejects(refreshSession(one, refreshToken, from(later(LIFE_MS))), ended);
  });

  test("renew a session only so often: a spent one shown again and again leaves bounded rows, and its session lives", async () => {
    const { refreshToken, sessionId } = await start();
    const { limit, windowSeconds } = RENEWALS_A_SESSION;
    assert.ok(limit > 64, "clients that race must all be answered");
    const { refreshToken: next } = await refreshSession(one, refreshToken, from(START));
    const key = `session:renewal:${sessionId}`;
    await takeFromWindow(one, { key, limit, windowSeconds, cost: limit - 2 });
    const renewals = async () =>
      (
        await one.tenant(tenantId, (tx) =>
          tx.many(sql`select id from platform.audit_events
                       where tenant_id = ${tenantId} and resource_id = ${sessionId} and outcome = 'success'`),
        )
      ).length;
    await refreshSession(two, refreshToken, from(START));
    assert.equal(await renewals(), 2);
    for (const token of [refreshToken, next]) {
      await assert.rejects(refreshSession(one, token, from(START)), (error: unknown) => {
        return isAppError(error, "platform", "rate_limited") && (error.retryAfterSeconds ?? 0) > 0;
      });
    }
    assert.equal(await renewals(), 2);
    await one.tenant(tenantId, (tx) => tx.run(sql`delete from platform.rate_windows`));
    await refreshSession(one, next, from(later(1)));
    // Guesses use up nothing of it.
    const guess = `${next.slice(0, -43)}${"A".repeat(43)}`;
    await takeFromWindow(one, { key, limit, windowSeconds, cost: limit - 1 });
    await assert.rejects(refreshSession(one, guess, from(later(2))), ended);
  });

  test("of two sign-ins have sessions of their own", async () => {
    const [first, second] = [await start(), await start()];
    assert.notEqual(first.sessionId, second.sessionId);
    assert.notEqual(first.refreshToken, second.refreshToken);
  });
});

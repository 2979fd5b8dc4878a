import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { recordAudit } from "../audit/audit.ts";
import { sql } from "../db/sql.ts";
import type { Database, Tx } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { createTenant } from "../tenants/operations.ts";
import { claimKey, readIdempotencyKey, type Claim, type ClaimRequest } from "./idempotency.ts";
import { idempotencyJobs } from "./jobs.ts";
import { freeDeadClaims } from "./operations.ts";

const ANSWER = {
  scopes: ["documents:write"],
  answer: { status: 201, headers: { "x-request-id": "req_1", date: "Sun, 22 Nov 2026 09:30:00 GMT" }, body: "{}" },
};

describe("claims of idempotency keys", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  let tenantId: string;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    keyring = await createKeyring({ db, root: { newest: { generation: 1, key: randomBytes(32) }, previous: null } });
    tenantId = await newTenant();
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const newTenant = async (): Promise<string> => {
    const order = { name: "claims", isDemo: false, now: new Date() };
    return (await db.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, order))).id;
  };
  const requestOf = async (change: Partial<ClaimRequest> = {}): Promise<ClaimRequest> => ({
    tenantId,
    keys: await keyring.of(change.tenantId ?? tenantId),
    scope: { operation: "test.create", key: randomUUID() },
    fingerprint: Buffer.alloc(32, 1),
    isSecret: false,
    ...change,
  });
  const claim = async (request: ClaimRequest): Promise<Claim> => {
    const outcome = await claimKey(db, request, testLog);
    assert.ok("claim" in outcome);
    return outcome.claim;
  };
  const effect = (tx: Tx, tenant: string): Promise<string> =>
    recordAudit(tx, tenant, {
      action: "test.create",
      at: new Date(),
      actor: { type: "system", id: "test" },
      outcome: "success",
    });
  const rowsOf = (tenant: string): Promise<{ key: string; state: string; answer: Buffer | null }[]> =>
    db.tenant(tenant, (tx) =>
      tx.many(sql`select key, state, answer from platform.idempotency_keys where tenant_id = ${tenant} order by key`),
    );
  const inFlight = (error: unknown): boolean => isAppError(error, "idempotency", "idempotency_key_in_flight");

  test("idempotency case 10: an answer over the limit rolls the effect back, and the key is free for another try", async () => {
    const tenant = await newTenant();
    const request = await requestOf({ tenantId: tenant });
    const first = await claim(request);
    await assert.rejects(
      db.tenant(tenant, async (tx) => {
        await effect(tx, tenant);
        await first.complete(tx, { ...ANSWER, answer: { ...ANSWER.answer, body: "x".repeat(1024 * 1024) } });
      }),
      /an answer of \d+ bytes cannot be kept/,
    );
    await first.release();
    const [row] = await db.tenant(tenant, (tx) =>
      tx.many(sql<{ count: string }>`select count(*) from platform.audit_events where tenant_id = ${tenant}`),
    );
    assert.equal(Number(row?.count), 0);
    const second = await claim(request);
    await db.tenant(tenant, (tx) =>
      second.complete(tx, { ...ANSWER, answer: { ...ANSWER.answer, body: "x".repeat(1_000_000) } }),
    );
    const replayed = await claimKey(db, request, testLog);
    assert.ok("replay" in replayed);
    assert.equal(replayed.replay.answer.body.length, 1_000_000);
  });

  test("a key has one holder at a time, also while holders free it; whoever holds it can complete it", async () => {
    const request = await requestOf();
    let holders = 0;
    let completed = 0;
    const tryOnce = async (number: number): Promise<void> => {
      const outcome = await claimKey(db, request, testLog).catch((error: unknown) => {
        if (inFlight(error)) return null;
        throw error;
      });
      if (outcome === null || "replay" in outcome) return;
      assert.equal(++holders, 1);
      const isLast = number > 300;
      if (isLast) {
        await db.tenant(tenantId, (tx) => outcome.claim.complete(tx, ANSWER));
        completed++;
      }
      holders--;
      if (!isLast) await outcome.claim.release();
    };
    await Promise.all(
      Array.from({ length: 10 }, async (_, lane) => {
        for (let round = 0; round < 40; round++) await tryOnce(round * 10 + lane);
      }),
    );
    assert.equal(completed, 1);
  });

  test("a claim whose lease is over goes to the same request only, and its old holder cannot complete it", async () => {
    const request = await requestOf();
    const zombie = await claim(request);
    await assert.rejects(claimKey(db, request, testLog), inFlight);
    await db.tenant(tenantId, (tx) =>
      tx.run(sql`update platform.idempotency_keys set lease_until = clock_timestamp() - interval '1 second'
        where tenant_id = ${tenantId} and key = ${request.scope.key}`),
    );
    await assert.rejects(claimKey(db, { ...request, fingerprint: Buffer.alloc(32, 2) }, testLog), (error) =>
      isAppError(error, "idempotency", "idempotency_key_reused"),
    );
    const heir = await claim(request);
    await assert.rejects(
      db.tenant(tenantId, (tx) => zombie.complete(tx, ANSWER)),
      inFlight,
    );
    await zombie.release();
    await db.tenant(tenantId, (tx) => heir.complete(tx, ANSWER));
    const replayed = await claimKey(db, request, testLog);
    assert.ok("replay" in replayed);
    assert.deepEqual(replayed.replay, ANSWER);
  });

  test("the claims of a dead process are freed behind every wall, answers stay", async () => {
    const other = await newTenant();
    for (const wall of [tenantId, other, SERVER_TENANT]) {
      const keys = await keyring.of(wall);
      await claim(await requestOf({ tenantId: wall, keys }));
      const done = await claim(await requestOf({ tenantId: wall, keys }));
      await db.tenant(wall, (tx) => done.complete(tx, ANSWER));
    }
    assert.equal(await freeDeadClaims(db), 3);
    for (const wall of [tenantId, other, SERVER_TENANT]) {
      const states = (await rowsOf(wall)).map((row) => row.state);
      assert.ok(states.length > 0 && states.every((state) => state === "done"), states.join());
    }
  });

  test("the sweep forgets keys after 48 hours and secret answers after 24, behind every wall", async () => {
    const [sweep] = idempotencyJobs(db);
    assert.ok(sweep);
    for (const wall of [await newTenant(), SERVER_TENANT]) {
      const keys = await keyring.of(wall);
      const ages = { "47:59": "done", "48:01": null, "23:59 secret": "done", "24:01 secret": "shown" } as const;
      const wanted = new Map<string, string | null>();
      for (const [age, state] of Object.entries(ages)) {
        const request = await requestOf({ tenantId: wall, keys, isSecret: age.endsWith("secret") });
        const made = await claim(request);
        await db.tenant(wall, (tx) => made.complete(tx, ANSWER));
        wanted.set(request.scope.key, state);
        await db.tenant(wall, (tx) =>
          tx.run(sql`update platform.idempotency_keys
            set created_at = clock_timestamp() - ${age.slice(0, 5)}::interval
            where tenant_id = ${wall} and key = ${request.scope.key}`),
        );
      }
      const run = { jobId: "1", attempt: 1, isLastAttempt: false, signal: new AbortController().signal, log: testLog };
      await sweep.handle({}, run);
      const left = new Map((await rowsOf(wall)).map((row) => [row.key, row]));
      for (const [key, state] of wanted) {
        assert.equal(left.get(key)?.state ?? null, state);
        assert.equal(Buffer.isBuffer(left.get(key)?.answer), state === "done");
      }
    }
  });

  test("idempotency case 12: a key is read bare and as a structured-field string; version 4 where the contract says so", () => {
    const key = randomUUID();
    assert.equal(readIdempotencyKey(undefined, "uuid-v4"), null);
    for (const form of [key, `"${key}"`, ` ${key.toUpperCase()} `]) {
      assert.equal(readIdempotencyKey(form, "uuid-v4"), key);
    }
    const version7 = "019ab1c2-0000-7000-8000-000000000000";
    assert.equal(readIdempotencyKey(version7, "uuid"), version7);
    for (const form of ["", '""', version7, `${key}x`, `"${key}`, key.replaceAll("-", "")]) {
      assert.throws(
        () => readIdempotencyKey(form, "uuid-v4"),
        (error) => isAppError(error, "idempotency", "idempotency_key_invalid"),
      );
    }
  });
});

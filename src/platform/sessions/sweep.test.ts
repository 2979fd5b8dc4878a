import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import type { JobDefinition, JobRun } from "../jobs/jobs.ts";
import { knownHash, rememberAddress } from "../members/known-address.ts";
import { memberJobs } from "../members/jobs.ts";
import { addressHash } from "../members/member.ts";
import { acceptInvitation, inviteMember, withdrawInvitation } from "../members/operations/invitations.ts";
import { KNOWN_DAYS, OVER_KEPT_DAYS, sweepMembers } from "../members/operations/sweep.ts";
import { insertRecoveryCodes, updateRecoveryCodeUsed } from "../members/store/members.ts";
import { PASSWORD, World } from "../members/test-world.ts";
import { sessionJobs } from "./jobs.ts";
import { endSession, IDLE_MS, LIFE_MS, refreshSession, startSession } from "./operations.ts";
import { sweepSessions } from "./sweep.ts";

const DAY_MS = 24 * 3600 * 1000;
const INVITATION_DAYS = 7;
const BATCH = 2;
const owner = { memberId: "mem_1", role: "owner" } as const;

describe("the sweep of what is over", () => {
  let world: World;
  let tenants: readonly string[];
  before(async () => {
    world = await World.open();
    tenants = [await world.tenant("One"), await world.tenant("Two")];
  });
  after(() => world.close());

  const run: JobRun = {
    jobId: "1",
    attempt: 1,
    isLastAttempt: false,
    signal: new AbortController().signal,
    log: testLog,
  };
  const swept = async (): Promise<void> => {
    const services = { db: world.dbs[0], clock: world.clock };
    await sweepMembers(services, run, BATCH);
    await sweepSessions(services, run, BATCH);
  };
  const count = async (table: string, condition = "true"): Promise<number> => {
    const [row] = await look(
      world.database.superUrl,
      `select count(*)::int as count from platform.${table} where ${condition}`,
    );
    return row.count;
  };
  const started = (tenantId: string) => {
    const now = world.clock.now();
    return world.dbs[0].tenant(tenantId, (tx) => startSession(tx, tenantId, "mem_1", { keyring: world.keyring, now }));
  };

  test("removes sessions thirty days after their end, in batches, of every organisation, and no living one", async () => {
    for (const tenantId of tenants) {
      for (let index = 0; index < 2 * BATCH + 1; index++) {
        const { sessionId } = await started(tenantId);
        const now = world.clock.now();
        await world.dbs[0].tenant(tenantId, (tx) => endSession(tx, tenantId, { sessionId, reason: "logout", now }));
      }
      await started(tenantId);
    }
    world.clock.advance(OVER_KEPT_DAYS * DAY_MS);
    await swept();
    assert.equal(await count("sessions"), 2 * (2 * BATCH + 2));
    world.clock.advance(1);
    await swept();
    assert.equal(await count("sessions"), 2);
    // Those that were never refreshed have ended after seven days.
    world.clock.advance(IDLE_MS - 1);
    await swept();
    assert.equal(await count("sessions"), 2);
    world.clock.advance(1);
    await swept();
    assert.equal(await count("sessions"), 0);
  });

  test("removes a session that was refreshed to its end thirty days after that, and its tokens stay nothing", async () => {
    const [tenantId = ""] = tenants;
    const { refreshToken: first } = await started(tenantId);
    const use = (token: string) =>
      refreshSession(world.dbs[0], token, {
        keyring: world.keyring,
        now: world.clock.now(),
        remoteAddress: "192.0.2.1",
        userAgent: "test",
      });
    let last = first;
    for (let day = 6; day < 30; day += 6) {
      world.clock.advance(6 * DAY_MS);
      last = (await use(last)).refreshToken;
    }
    world.clock.advance(LIFE_MS + OVER_KEPT_DAYS * DAY_MS - 24 * DAY_MS);
    await swept();
    assert.equal(await count("sessions"), 1);
    world.clock.advance(1);
    await swept();
    assert.equal(await count("sessions"), 0);
    for (const token of [first, last]) await assert.rejects(use(token), /not valid any more/);
  });

  test("removes invitations and links thirty days after their time, accepted, withdrawn or neither", async () => {
    const [tenantId = ""] = tenants;
    const call = await world.call(tenantId, owner);
    const invite = (name: string) => inviteMember(call, { email: `${name}@example.org`, role: "reader", locale: "en" });
    const [accepted, withdrawn] = [await invite("accepted"), await invite("withdrawn"), await invite("forgotten")];
    const token = await world.linkTo(accepted.invitation_id);
    await acceptInvitation(world.openCall(), world, { token, name: "Guest", password: PASSWORD });
    await withdrawInvitation(call, withdrawn.invitation_id);
    world.clock.advance((INVITATION_DAYS + OVER_KEPT_DAYS) * DAY_MS);
    await swept();
    assert.deepEqual([await count("invitations"), await count("member_links")], [3, 3]);
    const order = { email: "fresh@example.org", role: "reader", locale: "en" } as const;
    const fresh = await inviteMember(await world.call(tenantId, owner), order);
    world.clock.advance(1);
    await swept();
    assert.equal(await count("invitations"), 1);
    assert.equal(await count("member_links", `subject_id = '${fresh.invitation_id}'`), 1);
    assert.equal(await count("member_links"), 1);
    assert.equal(await count("members", "role = 'reader'"), 1);
  });

  test("removes recovery codes thirty days after their use, and no unused one", async () => {
    const [tenantId = ""] = tenants;
    const now = world.clock.now();
    const hashes = ["a", "b", "c", "d"].map((text) => Buffer.from(text));
    await world.dbs[0].tenant(tenantId, async (tx) => {
      await insertRecoveryCodes(tx, tenantId, { memberId: "mem_1", hashes, now });
      for (const hash of hashes.slice(1)) await updateRecoveryCodeUsed(tx, tenantId, { memberId: "mem_1", hash, now });
    });
    world.clock.advance(OVER_KEPT_DAYS * DAY_MS);
    await swept();
    assert.equal(await count("recovery_codes"), 4);
    world.clock.advance(1);
    await swept();
    assert.equal(await count("recovery_codes"), 1);
  });

  test("forgets an address ninety days after the last sign-in from there", async () => {
    const [tenantId = ""] = tenants;
    await look(world.database.superUrl, "delete from platform.known_addresses");
    const remember = (address: string) => {
      const hash = knownHash(world.keyring, addressHash(world.keyring, "a@example.org"), address);
      const seen = { memberId: "mem_1", hash, now: world.clock.now() };
      return world.dbs[0].tenant(tenantId, (tx) => rememberAddress(tx, tenantId, seen));
    };
    for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) await remember(address);
    world.clock.advance(KNOWN_DAYS * DAY_MS);
    await remember("192.0.2.1");
    await swept();
    assert.equal(await count("known_addresses"), 3);
    world.clock.advance(1);
    await swept();
    assert.equal(await count("known_addresses"), 1);
  });

  test("is done every night by two jobs, and stops between batches when the server does", async () => {
    const services = { ...world.openCall().services, db: world.dbs[0] };
    const jobs: JobDefinition[] = [...memberJobs(services), ...sessionJobs(services)];
    for (const name of ["platform.sweepMembers", "platform.sweepSessions"]) {
      const found = jobs.find((each) => each.name === name);
      assert.match(found?.schedule ?? "", /^\d+ 3 \* \* \*$/);
      await found?.handle({}, run);
      await assert.rejects(async () => found?.handle({}, { ...run, signal: AbortSignal.abort() }), /abort/);
    }
  });
});

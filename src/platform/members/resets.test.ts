import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import { isAppError } from "../errors/errors.ts";
import { takeFromWindow } from "../limits/sliding-window.ts";
import { HOURLY_LIMITS } from "../notify/notify.ts";
import { memberJobs } from "./jobs.ts";
import { RESET_HOUR } from "./mail.ts";
import { mailReset, requestReset, RESET_JOB, RESET_MAIL_JOB } from "./operations/passwords.ts";
import { World } from "./test-world.ts";
import { createThrottle } from "./throttle.ts";

const HOUR_MS = 3600 * 1000;

describe("mails with links to a new password", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(() => world.close());

  type Waiting = { payload: { tenantId: string; memberId: string; expiresAt: string }; max_attempts: number };
  const waiting = async (name: string): Promise<Waiting[]> => {
    const text = `select j.payload, j.max_attempts from graphile_worker._private_jobs j
                    join graphile_worker._private_tasks t on t.id = j.task_id
                   where t.identifier = $1 order by j.payload->>'tenantId'`;
    return (await look(world.database.superUrl, text, [name])) as Waiting[];
  };
  /** Does what waits under this name, as the worker would; failures are thrown. */
  async function work(name: string): Promise<void> {
    const one = memberJobs(world.openCall().services).find((each) => each.name === name);
    assert.ok(one !== undefined);
    const run = { jobId: "1", attempt: 1, isLastAttempt: false, signal: new AbortController().signal, log: testLog };
    for (const { payload } of await waiting(name)) await one.handle(payload, run);
  }
  async function ask(email: string): Promise<Waiting[]> {
    const { keyring, clock, dbs } = world;
    await look(world.database.superUrl, "truncate graphile_worker._private_jobs");
    await requestReset(world.openCall(), createThrottle({ db: dbs[0], clock, log: testLog, keyring }), { email });
    await work(RESET_JOB);
    return waiting(RESET_MAIL_JOB);
  }
  const tools = () => ({ db: world.dbs[0], keyring: world.keyring, publicUrl: () => "https://tabellion.test" });
  /** Hashes of the links of a member that still open. */
  const links = async (memberId: string): Promise<string[]> => {
    const text = `select encode(token_hash, 'hex') as hash from platform.member_links
                   where subject_id = $1 and used_at is null and purpose = 'reset'`;
    return (await look(world.database.superUrl, text, [memberId])).map(({ hash }) => String(hash));
  };
  const places = async (email: string): Promise<{ tenantId: string; memberId: string }[]> => {
    const made = [];
    for (let count = 0; count < 3; count++) {
      const tenantId = await world.tenant();
      made.push({ tenantId, memberId: (await world.member(tenantId, "owner", email)).memberId });
    }
    return made.toSorted((one, other) => (one.tenantId < other.tenantId ? -1 : 1));
  };
  const fill = (tenantId: string, key: string, limit: number) =>
    takeFromWindow(world.dbs[0], { key: `notify:mail:${tenantId}${key}`, limit, windowSeconds: 3_600, cost: limit });
  const isFull = (error: unknown): boolean => isAppError(error, "notify", "too_many_notifications");

  test("are a job for each living place of the address, once, however often their maker runs", async () => {
    const [shredded, ...living] = await places("several@example.org");
    assert.ok(shredded !== undefined);
    await world.shred(shredded.tenantId);
    const jobs = await ask("several@example.org");
    const expiresAt = new Date(world.clock.now().getTime() + 4 * HOUR_MS).toISOString();
    assert.deepEqual(
      jobs,
      living.map((place) => ({ payload: { ...place, expiresAt }, max_attempts: 10 })),
    );
    await work(RESET_JOB);
    assert.deepEqual(await waiting(RESET_MAIL_JOB), jobs);
    await work(RESET_MAIL_JOB);
    for (const { memberId } of living) assert.equal((await links(memberId)).length, 1);
  });

  test("that cannot be sent leave the links of other places, and their own of before, as they are", async () => {
    const [one, full] = await places("waiting@example.org");
    assert.ok(one !== undefined && full !== undefined);
    const [job, fullJob] = await ask("waiting@example.org");
    assert.ok(job !== undefined && fullJob !== undefined);
    const now = world.clock.now();
    await mailReset(tools(), job.payload, now);
    await mailReset(tools(), fullJob.payload, now);
    const linksBefore = [await links(one.memberId), await links(full.memberId)];
    await look(world.database.superUrl, "delete from platform.rate_windows");
    await fill(full.tenantId, `:${RESET_HOUR.key}`, RESET_HOUR.limit);
    await assert.rejects(mailReset(tools(), fullJob.payload, now), isFull);
    assert.deepEqual([await links(one.memberId), await links(full.memberId)], linksBefore);
    await look(world.database.superUrl, "delete from platform.rate_windows");
    await mailReset(tools(), fullJob.payload, now);
    assert.deepEqual(await links(one.memberId), linksBefore[0]);
    assert.notDeepEqual(await links(full.memberId), linksBefore[1]);
  });

  test("go out when the organisation's own mails of the hour are used up", async () => {
    const tenantId = await world.tenant();
    const { memberId, email } = await world.member(tenantId);
    await fill(tenantId, "", HOURLY_LIMITS.mail);
    const [job] = await ask(email);
    assert.ok(job !== undefined);
    await mailReset(tools(), job.payload, world.clock.now());
    assert.equal((await links(memberId)).length, 1);
  });

  test("are not sent any more when nobody waits for them, nor for a shredded organisation", async () => {
    const tenantId = await world.tenant();
    const { memberId, email } = await world.member(tenantId);
    const [job] = await ask(email);
    assert.ok(job !== undefined);
    await mailReset(tools(), job.payload, new Date(world.clock.now().getTime() + 4 * HOUR_MS));
    assert.deepEqual(await links(memberId), []);
    await world.shred(tenantId);
    await mailReset(tools(), job.payload, world.clock.now());
    assert.deepEqual(await links(memberId), []);
  });
});

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { z } from "zod";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import type { Database } from "../db/tx.ts";
import { enqueueJob, job, type JobDefinition, type JobRun, type NewJob } from "./jobs.ts";
import { startJobs, type JobRunner, type JobRunnerOptions } from "./runner.ts";
import { countJobs, updateWorkerBeats } from "./store/jobs.ts";

const WAIT_LIMIT_MS = 10_000;
const PACE = { pollMs: 20, beatMs: 50, deadAfterSeconds: 60, stopGraceMs: 100, writeDownMs: 1_000, restartMs: 20 };

type JobRow = {
  id: string;
  attempts: number;
  max_attempts: number;
  last_error: string | null;
  locked_by: string | null;
};
type Runs = { readonly payload: unknown; readonly run: JobRun }[];

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_LIMIT_MS;
  while (!(await isTrue())) {
    assert.ok(performance.now() < deadline, "waited in vain");
    await delay(10);
  }
}

describe("jobs", () => {
  let database: TestDatabase;
  let db: Database;
  const runners: JobRunner[] = [];
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await Promise.all(runners.splice(0).map((runner) => runner.stop()));
    await db.close();
    await database.drop();
  });

  async function start(definitions: JobDefinition[], options: Partial<JobRunnerOptions> = {}): Promise<JobRunner> {
    const runner = await startJobs({
      ...{ db, log: testLog, definitions, concurrency: 2, isAlone: false, pace: PACE },
      ...options,
    });
    runners.push(runner);
    return runner;
  }

  const enqueue = (added: Partial<NewJob> = {}): Promise<void> =>
    db.directory((tx) => enqueueJob(tx, { name: "test.note", payload: {}, ...added }));

  const rows = (): Promise<JobRow[]> =>
    db.directory((tx) =>
      tx.many(sql<JobRow>`
        select id, attempts, max_attempts, last_error, locked_by from graphile_worker.jobs order by id`),
    );

  const areAllDone = (): Promise<boolean> =>
    rows().then(
      (left) => left.length === 0,
      () => false, // the database is away
    );

  /** As time would, without waiting for it. */
  async function superuser(text: string): Promise<void> {
    const client = new pg.Client({ connectionString: database.superUrl });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  const dueNow = (): Promise<void> =>
    superuser("update graphile_worker._private_jobs set run_at = now() where locked_at is null");

  /** A job that notes its runs and does `work`. */
  function noting(
    runs: Runs,
    work: (run: JobRun) => Promise<void> = async () => undefined,
    maxAttempts = 3,
  ): JobDefinition {
    return job({
      name: "test.note",
      payload: z.strictObject({ n: z.number().optional() }),
      maxAttempts,
      async handle(payload, run) {
        runs.push({ payload, run });
        await work(run);
      },
    });
  }

  test("a job runs when its transaction has committed, and never when that was rolled back", async () => {
    const runs: Runs = [];
    await assert.rejects(
      db.directory(async (tx) => {
        await enqueueJob(tx, { name: "test.note", payload: { n: 1 } });
        throw new Error("no");
      }),
      /no/,
    );
    await start([noting(runs)]);
    let isCommitted = false;
    await db.directory(async (tx) => {
      await enqueueJob(tx, { name: "test.note", payload: { n: 2 } });
      await delay(PACE.pollMs * 3);
      assert.equal(runs.length, 0);
      isCommitted = true;
    });
    await until(() => runs.length === 1);
    assert.ok(isCommitted);
    assert.deepEqual(runs[0]?.payload, { n: 2 });
    await until(areAllDone);
  });

  test("of waiting jobs with one key the last one runs, once", async () => {
    const runs: Runs = [];
    for (const n of [1, 2, 3]) await enqueue({ key: "same", payload: { n } });
    await enqueue({ payload: { n: 4 } });
    await start([noting(runs)]);
    await until(() => runs.length === 2);
    await until(areAllDone);
    assert.deepEqual(new Set(runs.map(({ payload }) => (payload as { n: number }).n)), new Set([3, 4]));
  });

  test("a job for later is left alone until then", async () => {
    const runs: Runs = [];
    await enqueue({ payload: { n: 1 }, runAt: new Date(Date.now() + 3_600_000) });
    await start([noting(runs)]);
    await enqueue({ payload: { n: 2 } });
    await until(() => runs.length === 1);
    assert.deepEqual(runs[0]?.payload, { n: 2 });
    await dueNow();
    await until(() => runs.length === 2);
  });

  test("a failed job is tried again, knows its last attempt, then stays for the operator and runs no more", async () => {
    const runs: Runs = [];
    await enqueue({ maxAttempts: 3 });
    await start([
      noting(runs, async () => {
        throw new Error("the reason");
      }),
    ]);
    for (const attempt of [1, 2, 3]) {
      await until(async () => runs.length === attempt && (await rows())[0]?.locked_by === null);
      await dueNow();
    }
    await delay(PACE.pollMs * 5);
    assert.deepEqual(
      runs.map(({ run }) => [run.attempt, run.isLastAttempt]),
      [
        [1, false],
        [2, false],
        [3, true],
      ],
    );
    assert.match((await rows())[0]?.last_error ?? "", /the reason/);
    assert.deepEqual(await db.directory(countJobs), { waiting: 0, exhausted: 1 });
  });

  test("a payload that is not as declared fails its own job and holds up no other", async () => {
    const runs: Runs = [];
    await enqueue({ payload: { n: "poison", secret: "hunter2" }, maxAttempts: 1 });
    await enqueue({ payload: { n: 1 } });
    await start([noting(runs)], { concurrency: 1 });
    await until(() => runs.length === 1);
    await until(async () => (await rows()).length === 1);
    assert.deepEqual(runs[0]?.payload, { n: 1 });
    assert.doesNotMatch((await rows())[0]?.last_error ?? "", /poison|hunter2/);
  });

  test("a job that nobody here knows waits for a process that does", async () => {
    const runs: Runs = [];
    await start([]);
    await enqueue({ payload: { n: 1 } });
    await delay(PACE.pollMs * 3);
    assert.equal((await rows())[0]?.attempts, 0);
    await start([noting(runs)]);
    await until(() => runs.length === 1);
  });

  test("a schedule starts its job by itself, with an empty payload", async () => {
    const runs: Runs = [];
    const definition = { ...noting(runs), schedule: "* * * * *" };
    await start([definition]);
    // What the library's clock does each minute, at once.
    await superuser(
      `select graphile_worker.add_job('test.note', json_build_object('_cron', json_build_object('ts', now())))`,
    );
    await until(() => runs.length === 1);
    assert.deepEqual(runs[0]?.payload, {});
    const known = await db.directory((tx) =>
      tx.one(sql<{ identifier: string }>`select identifier from graphile_worker._private_known_crontabs`),
    );
    assert.equal(known?.identifier, "test.note");
  });

  async function startChild(): Promise<ChildProcess> {
    const program = fileURLToPath(new URL("./crashing-worker.ts", import.meta.url));
    const child = spawn(process.execPath, [program, database.url], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  }

  async function killHolding(): Promise<void> {
    const child = await startChild();
    let printed = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await until(() => printed.includes("took one") && printed.includes("started"));
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  const taking = (runs: Runs): JobDefinition => ({ ...noting(runs), name: "test.hang" });

  test("the job of a killed process is taken over once its heartbeat has stopped, and not before", async () => {
    const runs: Runs = [];
    await enqueue({ name: "test.hang" });
    const child = await startChild();
    await until(async () => (await rows())[0]?.locked_by !== null && (await rows()).length === 1);
    const holder = (await rows())[0]?.locked_by ?? "";
    const age = (): Promise<void> =>
      superuser(`update platform.job_workers set beat_at = now() - interval '1 hour' where worker_id = '${holder}'`);
    await age();
    const beat = sql<{ isFresh: boolean }>`
      select beat_at > now() - interval '1 minute' as "isFresh" from platform.job_workers where worker_id = ${holder}`;
    await until(async () => (await db.directory((tx) => tx.one(beat)))?.isFresh === true);
    await superuser("update graphile_worker._private_jobs set locked_at = locked_at - interval '3 hours'");
    await start([taking(runs)]);
    await delay(PACE.pollMs * 5);
    assert.equal(runs.length, 0, "it was taken from a process that lives");
    child.kill("SIGKILL");
    await once(child, "exit");
    await age();
    await until(() => runs.length === 1);
    assert.equal(runs[0]?.run.attempt, 2);
    await until(areAllDone);
  });

  test("a process that knows itself alone takes over at once", async () => {
    const runs: Runs = [];
    await enqueue({ name: "test.hang" });
    await killHolding();
    await start([taking(runs)], { isAlone: true });
    await until(() => runs.length === 1);
  });

  test("a last attempt that a crash ended is made once more, but not at once", async () => {
    const runs: Runs = [];
    await enqueue({ name: "test.hang", maxAttempts: 1 });
    await killHolding();
    await start([taking(runs)], { isAlone: true });
    await delay(PACE.pollMs * 5);
    assert.equal(runs.length, 0);
    assert.deepEqual(await db.directory(countJobs), { waiting: 1, exhausted: 0 });
    await dueNow();
    await until(() => runs.length === 1);
    assert.equal(runs[0]?.run.isLastAttempt, true);
  });

  test("a stop waits for what is under way and begins nothing more", async () => {
    const runs: Runs = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const pace = { ...PACE, stopGraceMs: 60_000 };
    const runner = await start([noting(runs, () => promise)], { concurrency: 1, pace });
    await enqueue();
    await until(() => runs.length === 1);
    let isStopped = false;
    const stopped = runner.stop().finally(() => {
      isStopped = true;
    });
    await enqueue();
    await delay(PACE.pollMs * 3);
    assert.ok(!isStopped);
    resolve();
    await stopped;
    assert.equal(runs.length, 1);
    assert.deepEqual(
      (await rows()).map((row) => [row.attempts, row.locked_by]),
      [[0, null]],
    );
  });

  test("what a stop cuts short after its grace time is given back and has used up no attempt", async () => {
    const runs: Runs = [];
    const seen: boolean[] = [];
    const hang = noting(runs, async (run) => {
      await new Promise((_resolve, reject) => {
        run.signal.addEventListener("abort", () => reject(run.signal.reason as Error));
      }).catch((error: unknown) => {
        seen.push(run.isLastAttempt);
        throw error;
      });
    });
    await enqueue({ maxAttempts: 1 });
    const runner = await start([hang]);
    await until(() => runs.length === 1);
    assert.equal(runs[0]?.run.isLastAttempt, true);
    await runner.stop();
    assert.deepEqual(seen, [false], "somebody will try again");
    await start([noting(runs)]);
    await until(() => runs.length === 2);
    assert.equal(runs[1]?.run.attempt, 1);
  });

  test("when the database is lost while a job's end is written down, work goes on after it is back", async () => {
    const runs: Runs = [];
    const name = new URL(database.superUrl).pathname.slice(1);
    const lose = `select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and usename <> current_user`;
    const mended: Promise<void>[] = [];
    for (let n = 0; n < 8; n++) await enqueue({ payload: { n } });
    const started = Promise.withResolvers<void>();
    await start([
      noting(runs, async () => {
        if (runs.length !== 3) return;
        await started.promise;
        await superuser(`alter database ${name} connection limit 0`);
        await superuser(lose);
        mended.push(delay(100).then(() => superuser(`alter database ${name} connection limit -1`)));
      }),
    ]);
    started.resolve();
    await until(areAllDone);
    await Promise.all(mended);
    assert.equal(new Set(runs.map(({ payload }) => (payload as { n: number }).n)).size, 8);
  });

  test("a heartbeat that another process wrote keeps its jobs from being taken", async () => {
    const runs: Runs = [];
    await enqueue();
    await superuser(
      `update graphile_worker._private_jobs set locked_by = 'elsewhere', locked_at = now() - interval '1 day'`,
    );
    await db.directory((tx) => updateWorkerBeats(tx, ["elsewhere"]));
    await superuser("update platform.job_workers set beat_at = now() + interval '1 hour'");
    await start([noting(runs)]);
    await delay(PACE.beatMs * 4);
    assert.equal(runs.length, 0);
    await superuser(
      "update platform.job_workers set beat_at = now() - interval '1 hour' where worker_id = 'elsewhere'",
    );
    await until(() => runs.length === 1);
  });
});

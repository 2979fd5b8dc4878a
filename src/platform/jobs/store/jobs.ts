import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";

export type NewJobRow = {
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly key: string | null;
  readonly runAt: Date | null;
  readonly maxAttempts: number;
};

export async function insertJob(tx: Tx, row: NewJobRow): Promise<number> {
  return tx.run(sql`
    select graphile_worker.add_job(
      identifier => ${row.name},
      payload => ${JSON.stringify(row.payload)}::json,
      job_key => ${row.key},
      run_at => ${row.runAt},
      max_attempts => ${row.maxAttempts}::int)`);
}

/** Notes that these workers live; workers not seen before are added. */
export async function updateWorkerBeats(tx: Tx, workerIds: readonly string[]): Promise<number> {
  return tx.run(sql`
    insert into platform.job_workers (worker_id, beat_at)
    select id, clock_timestamp() from unnest(${[...workerIds]}::text[]) as id
    on conflict (worker_id) do update set beat_at = excluded.beat_at`);
}

/** Frees queues that are locked by workers of which nothing was heard for `seconds`. Zero rows: there are none. */
export async function updateQueuesOfDeadWorkers(tx: Tx, seconds: number): Promise<number> {
  return tx.run(sql`
    update graphile_worker._private_job_queues as queue
       set locked_at = null, locked_by = null
     where locked_by is not null
       and not exists (select 1 from platform.job_workers as worker
                        where worker.worker_id = queue.locked_by
                          and worker.beat_at > clock_timestamp() - make_interval(secs => ${seconds}))`);
}

/**
 * Frees jobs that are locked by workers of which nothing was heard for `seconds`. Zero rows: there are none. A last
 * attempt that nobody saw the end of is made once more, but later: it may be what ended its process.
 */
export async function updateJobsOfDeadWorkers(tx: Tx, seconds: number): Promise<number> {
  return tx.run(sql`
    update graphile_worker._private_jobs as job
       set locked_at = null, locked_by = null, attempts = least(attempts, max_attempts - 1),
           run_at = case when attempts < max_attempts then least(run_at, clock_timestamp())
                         else clock_timestamp() + interval '10 minutes' end
     where locked_by is not null
       and locked_at < clock_timestamp() - make_interval(secs => least(2, ${seconds}))
       and not exists (select 1 from platform.job_workers as worker
                        where worker.worker_id = job.locked_by
                          and worker.beat_at > clock_timestamp() - make_interval(secs => ${seconds}))`);
}

/**
 * Frees jobs that a worker holds for `seconds` without working on them: their end could not be written down, or the
 * answer that gave them to it was lost. Zero rows: there are none.
 */
export async function updateJobsNotUnderWay(
  tx: Tx,
  worker: { workerId: string; underWay: readonly string[]; seconds: number },
): Promise<number> {
  return tx.run(sql`
    update graphile_worker._private_jobs
       set locked_at = null, locked_by = null, attempts = least(attempts, max_attempts - 1)
     where locked_by = ${worker.workerId} and id <> all(${[...worker.underWay]}::bigint[])
       and locked_at < clock_timestamp() - make_interval(secs => ${worker.seconds})`);
}

/** Gives jobs back that were cut short by a stop, as if they had not been begun. Zero rows: they were done after all. */
export async function updateJobsCutShort(tx: Tx, jobIds: readonly string[]): Promise<number> {
  return tx.run(sql`
    update graphile_worker._private_jobs
       set attempts = greatest(attempts - 1, 0), run_at = least(run_at, clock_timestamp())
     where id = any(${[...jobIds]}::bigint[]) and locked_by is null`);
}

/** Forgets a worker that has ended, so that what it still holds counts as a dead one's. Zero rows: it never beat. */
export async function deleteWorker(tx: Tx, workerId: string): Promise<number> {
  return tx.run(sql`delete from platform.job_workers where worker_id = ${workerId}`);
}

/** Zero rows: none has died. */
export async function deleteDeadWorkers(tx: Tx, seconds: number): Promise<number> {
  return tx.run(sql`
    delete from platform.job_workers where beat_at < clock_timestamp() - make_interval(secs => ${seconds})`);
}

/** Jobs that are to run now or later, and those that have used up their attempts. */
export async function countJobs(tx: Tx): Promise<{ waiting: number; exhausted: number }> {
  const row = await tx.one(sql<{ waiting: string; exhausted: string }>`
    select count(*) filter (where attempts < max_attempts) as waiting,
           count(*) filter (where attempts >= max_attempts) as exhausted
      from graphile_worker._private_jobs`);
  return { waiting: Number(row?.waiting), exhausted: Number(row?.exhausted) };
}

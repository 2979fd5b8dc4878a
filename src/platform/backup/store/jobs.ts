import type { Client } from "pg";
import type { BackupJob } from "../manifest.ts";

type JobRow = {
  id: string;
  name: string;
  payload: string;
  queue: string | null;
  run_at: string;
  attempts: number;
  max_attempts: number;
  key: string | null;
  priority: number;
  flags: string[] | null;
};

/** Jobs after `afterId` that wait, run or have failed for good; one that runs is as good as waiting. */
export async function listJobs(
  client: Client,
  afterId: string,
  limit: number,
): Promise<{ readonly jobs: BackupJob[]; readonly lastId: string }> {
  const { rows } = await client.query<JobRow>(
    `select job.id::text, task.identifier as name, job.payload::text, queue.queue_name as queue, job.run_at::text,
            job.attempts::int, job.max_attempts::int, job.key, job.priority::int,
            case when job.flags is null then null else (select array_agg(flag) from jsonb_object_keys(job.flags) as flag) end as flags
       from graphile_worker._private_jobs as job
       join graphile_worker._private_tasks as task on task.id = job.task_id
       left join graphile_worker._private_job_queues as queue on queue.id = job.job_queue_id
      where job.id > $1
      order by job.id
      limit $2`,
    [afterId, limit],
  );
  const jobs = rows.map((row) => ({
    name: row.name,
    payload: row.payload,
    queue: row.queue,
    runAt: row.run_at,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    key: row.key,
    priority: row.priority,
    flags: row.flags,
  }));
  return { jobs, lastId: rows.at(-1)?.id ?? afterId };
}

/** Adds jobs by the library's own functions, so that the version there may be another. */
export async function insertJobs(client: Client, jobs: readonly BackupJob[]): Promise<void> {
  await client.query(
    `select graphile_worker.reschedule_jobs(
              array[(graphile_worker.add_job(
                identifier => j.name, payload => j.payload::json, queue_name => j.queue, run_at => j."runAt",
                max_attempts => j."maxAttempts", job_key => j.key, priority => j.priority, flags => j.flags)).id],
              attempts => j.attempts)
       from jsonb_to_recordset($1::jsonb) as j(
              name text, payload text, queue text, "runAt" timestamptz, attempts int, "maxAttempts" int, key text,
              priority int, flags text[])`,
    [JSON.stringify(jobs)],
  );
}

import { EventEmitter } from "node:events";
import { Logger, parseCronItems, run, type CronItem, type Runner, type Task, type WorkerEvents } from "graphile-worker";
import type { Database, Tx } from "../db/tx.ts";
import type { Log } from "../log/log.ts";
import type { JobDefinition, JobRun } from "./jobs.ts";
import { deleteDeadWorkers, updateJobsOfDeadWorkers, updateQueuesOfDeadWorkers, updateWorkerBeats } from "./store.ts";

export type JobRunner = {
  /** Takes no further job, waits for those under way, aborts them after the library's grace time. */
  stop(): Promise<void>;
};

export type JobRunnerOptions = {
  readonly db: Database;
  readonly log: Log;
  readonly definitions: readonly JobDefinition[];
  readonly concurrency: number;
  /** No other process works on this database: jobs of all earlier workers are free at once. */
  readonly isAlone: boolean;
};

const POLL_MS = 1_000;
const BEAT_MS = 5_000;
/** A worker silent for this long is dead; its jobs go to others. The library itself would wait four hours. */
const DEAD_AFTER_SECONDS = 20;
const STOP_GRACE_MS = 10_000;

/** Runs the jobs of `definitions` until stopped, and takes over jobs of workers that died. */
export async function startJobs(options: JobRunnerOptions): Promise<JobRunner> {
  const { db, log, definitions } = options;
  const events: WorkerEvents = new EventEmitter();
  let poolId: string | null = null;
  events.on("pool:create", ({ workerPool }) => {
    poolId = workerPool.id;
  });
  const workerIds = new Set<string>();
  events.on("worker:create", ({ worker }) => void workerIds.add(worker.workerId));

  async function beat(): Promise<void> {
    const ids = poolId === null ? [...workerIds] : [poolId, ...workerIds];
    await db.directory(async (tx) => {
      await updateWorkerBeats(tx, ids);
      const freed = await freeJobsOfDeadWorkers(tx, DEAD_AFTER_SECONDS);
      if (freed > 0) log.warn({ jobs: freed }, "jobs of dead workers were freed");
      await deleteDeadWorkers(tx, DEAD_AFTER_SECONDS * 10);
    });
  }

  if (options.isAlone) {
    await db.directory(async (tx) => {
      await deleteDeadWorkers(tx, 0);
      await freeJobsOfDeadWorkers(tx, 0);
    });
  }
  const runner = await run({
    pgPool: db.pool,
    taskList: Object.fromEntries<Task>(definitions.map((definition) => [definition.name, taskOf(definition, log)])),
    parsedCronItems: parseCronItems(cronItemsOf(definitions)),
    concurrency: options.concurrency,
    pollInterval: POLL_MS,
    noHandleSignals: true,
    gracefulShutdownAbortTimeout: STOP_GRACE_MS,
    logger: workerLog(log),
    events,
  });
  await beat();
  const timer = setInterval(() => {
    beat().catch((error: unknown) => log.error({ error }, "the heartbeat of the job workers failed"));
  }, BEAT_MS);
  watchEnd(runner, log);
  return {
    async stop() {
      clearInterval(timer);
      await runner.stop();
      await runner.promise.catch(() => undefined);
    },
  };
}

/** Gives back what workers silent for `seconds` hold; answers how many jobs. */
async function freeJobsOfDeadWorkers(tx: Tx, seconds: number): Promise<number> {
  await updateQueuesOfDeadWorkers(tx, seconds);
  return updateJobsOfDeadWorkers(tx, seconds);
}

function watchEnd(runner: Runner, log: Log): void {
  runner.promise.catch((error: unknown) => log.fatal({ error }, "the job runner ended"));
}

function cronItemsOf(definitions: readonly JobDefinition[]): CronItem[] {
  return definitions.flatMap((definition) =>
    definition.schedule === undefined
      ? []
      : [
          {
            task: definition.name,
            match: definition.schedule,
            identifier: definition.name,
            options: { maxAttempts: definition.maxAttempts },
          },
        ],
  );
}

function taskOf(definition: JobDefinition, log: Log): Task {
  return async (payload, helpers) => {
    const { id, attempts, max_attempts: maxAttempts } = helpers.job;
    const jobLog = log.child({ job: definition.name, jobId: id });
    const jobRun: JobRun = {
      jobId: id,
      attempt: attempts,
      isLastAttempt: attempts >= maxAttempts,
      signal: helpers.abortSignal,
      log: jobLog,
    };
    const startedAt = performance.now();
    try {
      await definition.handle(withoutCron(payload), jobRun);
      jobLog.info({ attempt: attempts, ms: Math.round(performance.now() - startedAt) }, "job done");
    } catch (error) {
      jobLog.warn({ error, attempt: attempts, isLastAttempt: jobRun.isLastAttempt }, "job failed");
      throw error;
    }
  };
}

/** The library adds `_cron` to what a schedule starts. */
function withoutCron(payload: unknown): unknown {
  if (typeof payload !== "object" || payload === null || !("_cron" in payload)) return payload;
  const { _cron: _, ...rest } = payload;
  return rest;
}

/** The library's log lines, at most as warnings: each job's own line says what happened. */
export function workerLog(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    if (level === "error") log.warn({ scope }, message);
    else log.trace({ scope }, message);
  });
}

import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { parseCronItems, run, type CronItem, type Runner, type Task, type WorkerEvents } from "graphile-worker";
import type { Database, Tx } from "../db/tx.ts";
import type { Log } from "../log/log.ts";
import type { JobDefinition, JobRun } from "./jobs.ts";
import { workerLog } from "./worker-log.ts";
import {
  deleteDeadWorkers,
  deleteWorker,
  updateJobsCutShort,
  updateJobsOfDeadWorkers,
  updateQueuesOfDeadWorkers,
  updateWorkerBeats,
} from "./store/jobs.ts";

export type JobRunner = {
  /** Takes no further job, waits for those under way, aborts them after the grace time and gives them back. */
  stop(): Promise<void>;
};

export type JobRunnerOptions = {
  readonly db: Database;
  readonly log: Log;
  readonly definitions: readonly JobDefinition[];
  readonly concurrency: number;
  /** No other process works on this database: jobs of all earlier workers are free at once. */
  readonly isAlone: boolean;
  /** For tests, which have no time. */
  readonly pace?: Partial<Pace>;
};

/** How often things are done, and how long they may take. */
export type Pace = {
  readonly pollMs: number;
  readonly beatMs: number;
  /** A worker silent for this long is dead; its jobs go to others. The library itself would wait four hours. */
  readonly deadAfterSeconds: number;
  readonly stopGraceMs: number;
  /** Before another runner is started when the library's has ended by itself. */
  readonly restartMs: number;
};

const USUAL_PACE: Pace = {
  pollMs: 1_000,
  beatMs: 5_000,
  deadAfterSeconds: 20,
  stopGraceMs: 10_000,
  restartMs: 1_000,
};

/** Runs the jobs of `definitions` until stopped, and takes over jobs of workers that died. */
export async function startJobs(options: JobRunnerOptions): Promise<JobRunner> {
  const crew = new Crew(options, { ...USUAL_PACE, ...options.pace });
  await crew.start();
  return { stop: () => crew.stop() };
}

/**
 * Owns the library's runner, the heartbeat, and the list of jobs that were cut short. The library ends its runner when
 * the database is lost while it writes down that a job is done; then this starts another one.
 */
class Crew {
  readonly #options: JobRunnerOptions;
  readonly #pace: Pace;
  readonly #stopping = new AbortController();
  readonly #cutShort = new Set<string>();
  #runner: Runner | null = null;
  /** Under this id the present runner locks its jobs. */
  #workerId: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: JobRunnerOptions, pace: Pace) {
    this.#options = options;
    this.#pace = pace;
  }

  async start(): Promise<void> {
    if (this.#options.isAlone) await this.#freeAll();
    this.#runner = await this.#run();
    await this.#beat();
    this.#timer = setInterval(() => void this.#beatOrTell(), this.#pace.beatMs);
    this.#watching = this.#watch(this.#runner);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#runner?.stop().catch(() => undefined); // it has ended by itself
    await this.#watching;
    await this.#giveBack();
  }

  async #run(): Promise<Runner> {
    const { db, log, definitions, concurrency } = this.#options;
    const events: WorkerEvents = new EventEmitter();
    events.on("pool:create", ({ workerPool }) => {
      this.#workerId = workerPool.id;
    });
    return run({
      pgPool: db.pool,
      taskList: Object.fromEntries<Task>(definitions.map((definition) => [definition.name, this.#taskOf(definition)])),
      parsedCronItems: parseCronItems(cronItemsOf(definitions)),
      noHandleSignals: true,
      logger: workerLog(log),
      events,
      preset: {
        worker: {
          concurrentJobs: concurrency,
          pollInterval: this.#pace.pollMs,
          gracefulShutdownAbortTimeout: this.#pace.stopGraceMs,
          // Not for speed: unless these are set, a failure to write a job's end down is handled by nobody.
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
  }

  /** Starts another runner each time the present one ends, until the stop. */
  async #watch(first: Runner): Promise<void> {
    for (let runner: Runner | null = first; ;) {
      await runner?.promise.catch((error: unknown) => this.#options.log.error({ error }, "the job runner failed"));
      if (this.#stopping.signal.aborted) return;
      runner = await this.#replace().catch((error: unknown) => {
        this.#options.log.error({ error }, "the job runner could not be started again");
        return null;
      });
    }
  }

  async #replace(): Promise<Runner | null> {
    const { db, log } = this.#options;
    await delay(this.#pace.restartMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    if (this.#stopping.signal.aborted) return null;
    const ended = this.#workerId;
    if (ended !== null) await db.directory((tx) => deleteWorker(tx, ended));
    this.#runner = await this.#run();
    // Stopped while it started: nobody else knows of this runner yet.
    if (this.#stopping.signal.aborted) await this.#runner.stop();
    else log.warn("the job runner had ended and was started again");
    return this.#runner;
  }

  async #beatOrTell(): Promise<void> {
    await this.#beat().catch((error: unknown) =>
      this.#options.log.error({ error }, "the heartbeat of the job workers failed"),
    );
  }

  async #beat(): Promise<void> {
    const { db, log } = this.#options;
    const { deadAfterSeconds } = this.#pace;
    const workerId = this.#workerId;
    await db.directory(async (tx) => {
      if (workerId !== null) await updateWorkerBeats(tx, [workerId]);
      const freed = await freeJobsOfDeadWorkers(tx, deadAfterSeconds);
      if (freed > 0) log.warn({ jobs: freed }, "jobs of dead workers were freed");
      await deleteDeadWorkers(tx, deadAfterSeconds * 10);
    });
  }

  async #freeAll(): Promise<void> {
    await this.#options.db.directory(async (tx) => {
      await deleteDeadWorkers(tx, 0);
      await freeJobsOfDeadWorkers(tx, 0);
    });
  }

  /** A stop is not the jobs' fault, and costs them no attempt. */
  async #giveBack(): Promise<void> {
    const jobIds = [...this.#cutShort];
    if (jobIds.length > 0) await this.#options.db.directory((tx) => updateJobsCutShort(tx, jobIds));
  }

  #taskOf(definition: JobDefinition): Task {
    const cutShort = this.#cutShort;
    return async (payload, helpers) => {
      const { id, attempts, max_attempts: maxAttempts } = helpers.job;
      const jobLog = this.#options.log.child({ job: definition.name, jobId: id });
      const jobRun: JobRun = {
        jobId: id,
        attempt: attempts,
        get isLastAttempt() {
          return attempts >= maxAttempts && !helpers.abortSignal.aborted;
        },
        signal: helpers.abortSignal,
        log: jobLog,
      };
      const startedAt = performance.now();
      try {
        await definition.handle(withoutCron(payload), jobRun);
        jobLog.info({ attempt: attempts, ms: Math.round(performance.now() - startedAt) }, "job done");
      } catch (error) {
        if (helpers.abortSignal.aborted) cutShort.add(id);
        jobLog.warn({ error, attempt: attempts, isLastAttempt: jobRun.isLastAttempt }, "job failed");
        throw error;
      }
    };
  }
}

/** Gives back what workers silent for `seconds` hold; answers how many jobs. */
async function freeJobsOfDeadWorkers(tx: Tx, seconds: number): Promise<number> {
  await updateQueuesOfDeadWorkers(tx, seconds);
  return updateJobsOfDeadWorkers(tx, seconds);
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

/** The library adds `_cron` to what a schedule starts. */
function withoutCron(payload: unknown): unknown {
  if (typeof payload !== "object" || payload === null || !("_cron" in payload)) return payload;
  const { _cron: _, ...rest } = payload;
  return rest;
}

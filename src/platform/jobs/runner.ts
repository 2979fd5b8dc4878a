import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import {
  parseCronItems,
  run,
  type CronItem,
  type JobHelpers,
  type Runner,
  type Task,
  type WorkerEvents,
} from "graphile-worker";
import type { Database, Tx } from "../db/tx.ts";
import type { Log } from "../log/log.ts";
import type { JobDefinition, JobRun } from "./jobs.ts";
import { workerLog } from "./worker-log.ts";
import {
  deleteDeadWorkers,
  deleteWorker,
  updateJobsCutShort,
  updateJobsNotUnderWay,
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
  /** For the library to write down what became of its last jobs. */
  readonly writeDownMs: number;
  /** Before another runner is started when the library's has ended by itself. */
  readonly restartMs: number;
};

const USUAL_PACE: Pace = {
  pollMs: 1_000,
  beatMs: 5_000,
  deadAfterSeconds: 20,
  stopGraceMs: 10_000,
  writeDownMs: 5_000,
  restartMs: 1_000,
};

/** Runs the jobs of `definitions` until stopped, and takes over jobs of workers that died. */
export async function startJobs(options: JobRunnerOptions): Promise<JobRunner> {
  const crew = new Crew(options, { ...USUAL_PACE, ...options.pace });
  await crew.start();
  return { stop: () => crew.stop() };
}

/**
 * Owns the library's runner, the heartbeat, and the list of jobs under way. When the database is lost while the library
 * writes down that a job is done, it shuts its workers down, sometimes without ever saying that it has; then this
 * starts another runner.
 */
class Crew {
  readonly #options: JobRunnerOptions;
  readonly #pace: Pace;
  readonly #stopping = new AbortController();
  /** Handlers that have not returned, by the ids of their jobs. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #cutShort = new Set<string>();
  #current: { readonly runner: Runner; readonly workerId: string } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #replacing: Promise<void> | null = null;

  constructor(options: JobRunnerOptions, pace: Pace) {
    this.#options = options;
    this.#pace = pace;
  }

  async start(): Promise<void> {
    if (this.#options.isAlone) await this.#freeAll();
    await this.#run();
    await this.#beat();
    this.#timer = setInterval(() => void this.#beatOrTell(), this.#pace.beatMs);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#replacing;
    await this.#end();
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#giveBack();
  }

  async #run(): Promise<void> {
    const { db, log, definitions, concurrency } = this.#options;
    const events: WorkerEvents = new EventEmitter();
    let workerId = "";
    // Under this id its jobs are locked.
    events.on("pool:create", ({ workerPool }) => {
      workerId = workerPool.id;
    });
    events.on("pool:gracefulShutdown", () => this.#replaceSoon());
    const runner = await run({
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
    runner.promise.catch((error: unknown) => log.error({ error }, "the job runner failed"));
    this.#current = { runner, workerId };
  }

  #replaceSoon(): void {
    if (this.#stopping.signal.aborted) return;
    this.#replacing ??= this.#replace().finally(() => {
      this.#replacing = null;
    });
  }

  async #replace(): Promise<void> {
    const { db, log } = this.#options;
    await this.#end();
    const ended = this.#current;
    this.#current = null;
    while (!this.#stopping.signal.aborted) {
      await delay(this.#pace.restartMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      try {
        // What it still holds is then a dead worker's.
        if (ended !== null) await db.directory((tx) => deleteWorker(tx, ended.workerId));
        await this.#run();
        log.warn("the job runner had ended and was started again");
        return;
      } catch (error) {
        log.error({ error }, "the job runner could not be started again; trying again");
      }
    }
  }

  /** Ends the present runner: when its jobs have ended, and the library had the time to write that down. */
  async #end(): Promise<void> {
    const ended = this.#current?.runner.stop().catch(() => undefined); // it has ended by itself
    const given = (async () => {
      // The library aborts what takes longer than the grace time.
      while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay.values());
      await delay(this.#pace.writeDownMs, undefined, { ref: false });
    })();
    await Promise.race([ended, given]);
  }

  async #beatOrTell(): Promise<void> {
    await this.#beat().catch((error: unknown) =>
      this.#options.log.error({ error }, "the heartbeat of the job workers failed"),
    );
  }

  async #beat(): Promise<void> {
    const { db, log } = this.#options;
    const { deadAfterSeconds } = this.#pace;
    const workerId = this.#current?.workerId;
    const underWay = [...this.#underWay.keys()];
    await db.directory(async (tx) => {
      if (workerId !== undefined) {
        await updateWorkerBeats(tx, [workerId]);
        await updateJobsNotUnderWay(tx, { workerId, underWay, seconds: deadAfterSeconds });
      }
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
    const { db, log } = this.#options;
    const jobIds = [...this.#cutShort];
    if (jobIds.length === 0) return;
    await db
      .directory((tx) => updateJobsCutShort(tx, jobIds))
      .catch((error: unknown) => log.error({ error }, "jobs that were cut short could not be given back"));
  }

  #taskOf(definition: JobDefinition): Task {
    return async (payload, helpers) => {
      const { id } = helpers.job;
      const running = this.#handle(definition, payload, helpers);
      this.#underWay.set(id, running);
      await running.finally(() => this.#underWay.delete(id));
    };
  }

  async #handle(definition: JobDefinition, payload: unknown, helpers: JobHelpers): Promise<void> {
    const { id, attempts, max_attempts: maxAttempts } = helpers.job;
    const log = this.#options.log.child({ job: definition.name, jobId: id });
    const jobRun: JobRun = {
      jobId: id,
      attempt: attempts,
      get isLastAttempt() {
        return attempts >= maxAttempts && !helpers.abortSignal.aborted;
      },
      signal: helpers.abortSignal,
      log,
    };
    const startedAt = performance.now();
    try {
      await definition.handle(withoutCron(payload), jobRun);
      log.info({ attempt: attempts, ms: Math.round(performance.now() - startedAt) }, "job done");
    } catch (error) {
      if (helpers.abortSignal.aborted) this.#cutShort.add(id);
      log.warn({ error, attempt: attempts, isLastAttempt: jobRun.isLastAttempt }, "job failed");
      throw error;
    }
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

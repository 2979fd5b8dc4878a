import type { z } from "zod";
import type { Log } from "../log/log.ts";
import type { Tx } from "../db/tx.ts";
import { insertJob } from "./store/jobs.ts";

/** What a handler is told about its run. */
export type JobRun = {
  readonly jobId: string;
  /** 1 on the first try. A stop of the server costs no attempt. */
  readonly attempt: number;
  /** Nobody will try again if this one fails; false once `signal` is aborted, because then somebody will. */
  readonly isLastAttempt: boolean;
  /** Aborted when the server stops and the drain time is over. */
  readonly signal: AbortSignal;
  readonly log: Log;
};

/**
 * One kind of background work. A handler may run again after a crash or failure, also when it had finished its work
 * and the process died just then: it must bring about the same state when it runs twice.
 */
export type JobDefinition<P = unknown> = {
  /** `<area>.<verb>`, for example `secufile.fetchDocument`. */
  readonly name: string;
  readonly payload: z.ZodType<P>;
  /** After that many failures the job stays in the table for the operator to see. */
  readonly maxAttempts: number;
  /** Runs by itself: five fields of cron in UTC. Such a job gets an empty payload. */
  readonly schedule?: string;
  handle(payload: P, run: JobRun): Promise<void>;
};

/** Declares a job; the handler's payload is typed by its schema. */
export function job<P>(definition: JobDefinition<P>): JobDefinition {
  return {
    ...definition,
    handle: (payload, run) => definition.handle(definition.payload.parse(payload), run),
  };
}

export type NewJob = {
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Jobs of one key do not pile up: a later one replaces a waiting one. */
  readonly key?: string;
  readonly runAt?: Date;
  readonly maxAttempts?: number;
};

const DEFAULT_ATTEMPTS = 25;

/** Adds a job in the caller's transaction: it runs if and only if the transaction commits. */
export async function enqueueJob(tx: Tx, added: NewJob): Promise<void> {
  await insertJob(tx, {
    name: added.name,
    payload: added.payload,
    key: added.key ?? null,
    runAt: added.runAt ?? null,
    maxAttempts: added.maxAttempts ?? DEFAULT_ATTEMPTS,
  });
}

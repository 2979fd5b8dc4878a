import { Logger } from "graphile-worker";
import type { Log } from "../log/log.ts";

/** The library's log lines, at most as warnings: each job's own line says what happened. */
export function workerLog(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    if (level === "error") log.warn({ scope }, message);
    else log.trace({ scope }, message);
  });
}

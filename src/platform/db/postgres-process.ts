import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { StartError } from "../errors/start-error.ts";

const STOP_LIMIT_MS = 60_000;
const LEAVE_LIMIT_MS = 30_000;
const POLL_MS = 20;
/** Line of `postmaster.pid` with key and id of the shared memory, by which PostgreSQL itself tells whether it is in use. */
const SHARED_MEMORY_LINE = 6;

/** The number in a cluster's `postmaster.pid`, or null when there is none. */
export async function readPostmasterPid(cluster: string): Promise<number | null> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number(text.split("\n")[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : null;
}

/** Whether `pid` is a PostgreSQL that runs; after a reboot the number may belong to something else. */
export async function isLivePostgres(pid: number): Promise<boolean> {
  return isAlive(pid) && (await isPostgres(pid));
}

/** Whether the PostgreSQL that `postmaster.pid` names runs. */
export async function isPostmasterAlive(cluster: string): Promise<boolean> {
  const pid = await readPostmasterPid(cluster);
  return pid !== null && (await isLivePostgres(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Ended, but not yet collected by a parent: some containers have a first process that never does. */
function isZombie(pid: number): boolean {
  try {
    const facts = readFileSync(`/proc/${pid}/stat`, "utf8");
    return facts.slice(facts.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false; // no such file system here, as on macOS: the answer of kill stands
  }
}

async function isPostgres(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "comm=", "-p", String(pid)]).catch(async () => ({
    stdout: await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "postgres"),
  }));
  return stdout.includes("postgres");
}

/** Whether the process that started `pid` is gone for sure: its child was handed to the first process. */
export async function isAbandoned(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "ppid=", "-p", String(pid)]).catch(async () => {
    const facts = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    return { stdout: facts.slice(facts.lastIndexOf(")") + 2).split(" ")[1] ?? "" };
  });
  return stdout.trim() === "1";
}

/**
 * Waits until those that a killed PostgreSQL was the parent of are gone. They outlive it for a moment and may still
 * write; another PostgreSQL beside them would destroy the data, and would start once `postmaster.pid` is removed.
 */
export async function untilNobodyWorksOn(cluster: string): Promise<void> {
  const deadline = Date.now() + LEAVE_LIMIT_MS;
  while (await isSharedMemoryUsed(cluster)) {
    if (Date.now() > deadline) {
      throw new StartError(`processes of a PostgreSQL that was killed still work on ${cluster}; end them`);
    }
    await delay(POLL_MS);
  }
}

/** False where this cannot be told, as on macOS. */
async function isSharedMemoryUsed(cluster: string): Promise<boolean> {
  const lines = (await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  const [key = "", id = ""] = (lines[SHARED_MEMORY_LINE] ?? "").trim().split(/\s+/);
  const table = await readFile("/proc/sysvipc/shm", "utf8").catch(() => "");
  const rows = table.split("\n").map((row) => row.trim().split(/\s+/));
  // Columns: key, id, rights, size, maker, last user, how many use it.
  return rows.some((row) => row[0] === key && row[1] === id && Number(row[6]) > 0);
}

/** The process that each of PostgreSQL's lock files names now, for `removeStaleLocks`; null where there is no file. */
export function readLocks(files: readonly string[]): ReadonlyMap<string, string | null> {
  return new Map(files.map((file) => [file, readHolder(file)]));
}

/**
 * PostgreSQL refuses to start while the number in a lock file belongs to any process: after a reboot to another
 * program, after a kill to a dead process that nobody collects. A lock that changed hands since it was read is of another
 * start at the same moment and stays: without it two would write to one cluster.
 */
export function removeStaleLocks(found: ReadonlyMap<string, string | null>): void {
  for (const [file, holder] of found) {
    if (holder !== null && readHolder(file) === holder) rmSync(file, { force: true });
  }
}

function readHolder(file: string): string | null {
  try {
    return readFileSync(file, "utf8").split("\n")[0] ?? "";
  } catch {
    return null;
  }
}

/** Fast shutdown (SIGINT): open transactions are rolled back, committed ones are safe; SIGQUIT when that takes too long. */
export async function endPostgres(pid: number): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    const deadline = Date.now() + STOP_LIMIT_MS;
    while (Date.now() < deadline) {
      if (!isAlive(pid)) return;
      await delay(POLL_MS);
    }
  }
  throw new Error(`PostgreSQL (process ${pid}) does not end`);
}

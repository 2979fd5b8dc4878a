import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { StartError } from "../errors/start-error.ts";
import type { Log } from "../log/log.ts";
import { ClusterLock, isOwned } from "./cluster-lock.ts";
import type { Location } from "./location.ts";
import type { Passwords } from "./passwords.ts";
import {
  endPostgres,
  isAbandoned,
  isLivePostgres,
  isPostmasterAlive,
  readLocks,
  readPostmasterPid,
  removeStaleLocks,
  untilNobodyWorksOn,
} from "./postgres-process.ts";

/** Another process works on the same data folder. */
export class AlreadyRunningError extends StartError {
  override readonly name = "AlreadyRunningError";
}

export type EmbeddedOptions = {
  readonly dataDirectory: string;
  readonly directory: string | null;
  readonly connections: number;
  readonly log: Log;
  /** Further `name=value` settings of PostgreSQL, for tests. */
  readonly settings?: readonly string[];
};

const SOCKET_PORT = 5432;
export const OWNER = "tabellion_owner";
export const APP = "tabellion_app";
export const DATABASE = "tabellion";
const LOCK_LIMIT_MS = 1_000;
/** For one that has just started PostgreSQL to take its lock. */
export const OWNER_GRACE_MS = 1_000;
const POLL_MS = 20;
const RESTART_PAUSE_MS = 1_000;
const HALF_MADE_AGE_MS = 10 * 60_000;

export function urlOf(socketFolder: string, passwords: Passwords, role: string, database: string): string {
  const password = role === OWNER ? passwords.owner : role === APP ? passwords.app : passwords.postgres;
  return `postgres://${role}:${password}@localhost:${SOCKET_PORT}/${database}?host=${encodeURIComponent(socketFolder)}`;
}

async function isDirectory(target: string): Promise<boolean> {
  return stat(target).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** Owns the child process and the lock; `isStopping` tells a wanted end from an unwanted one. */
export class EmbeddedServer {
  private readonly location: Location;
  private readonly passwords: Passwords;
  private readonly options: EmbeddedOptions;
  private readonly lock: ClusterLock;
  private child: ChildProcess | null = null;
  /** Set once it has started, so that one that never did is not started again in the background. */
  private isKept = false;
  private isStopping = false;
  private mending: Promise<void> | null = null;

  constructor(location: Location, passwords: Passwords, options: EmbeddedOptions) {
    this.location = location;
    this.passwords = passwords;
    this.options = options;
    this.lock = new ClusterLock({ superUrl: this.superUrl, onLost: () => this.mend() });
  }

  private get cluster(): string {
    return join(this.location.base, "cluster");
  }

  isInitialised(): Promise<boolean> {
    return isDirectory(this.cluster);
  }

  get superUrl(): string {
    return this.url("postgres", "postgres");
  }

  url(role: string, database = DATABASE): string {
    return urlOf(this.location.socketFolder, this.passwords, role, database);
  }

  private account(): { uid?: number; gid?: number } {
    return this.location.uid === null ? {} : { uid: this.location.uid, gid: this.location.uid };
  }

  private async ownFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    if (this.location.uid !== null) await chown(folder, this.location.uid, this.location.uid);
  }

  /**
   * Makes the cluster beside its final place and moves it there when complete, so that a crash leaves none half made,
   * and of two that start at once one wins.
   */
  async initialise(): Promise<void> {
    await this.removeHalfMade();
    const making = join(this.location.base, `making-${randomBytes(6).toString("hex")}`);
    await this.ownFolder(making);
    const passwordFile = join(making, "password");
    await writeFile(passwordFile, this.passwords.postgres, { mode: 0o600 });
    if (this.location.uid !== null) await chown(passwordFile, this.location.uid, this.location.uid);
    const cluster = join(making, "cluster");
    await promisify(execFile)(
      join(this.location.programs.directory, "bin", "initdb"),
      ["-D", cluster, "-U", "postgres", `--pwfile=${passwordFile}`, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"],
      { cwd: "/", env: { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" }, ...this.account() },
    );
    await rename(cluster, this.cluster).catch(async (error: unknown) => {
      if (!(await this.isInitialised())) throw error;
    });
    await rm(making, { recursive: true, force: true });
  }

  /** What starts that were killed left; younger ones may still be at work. */
  private async removeHalfMade(): Promise<void> {
    const names = await readdir(this.location.base);
    for (const name of names.filter((each) => each.startsWith("making"))) {
      const folder = join(this.location.base, name);
      const facts = await stat(folder).catch(() => null);
      if (facts !== null && Date.now() - facts.mtimeMs > HALF_MADE_AGE_MS) await rm(folder, { recursive: true });
    }
  }

  async start(): Promise<void> {
    await this.ownFolder(this.location.socketFolder);
    try {
      await this.spawn();
    } catch (error) {
      // One that was faster may not have taken its lock yet; whatever was left behind is gone by now.
      if ((await isPostmasterAlive(this.cluster)) || (await isOwned(this.superUrl))) throw this.alreadyRunning();
      throw error;
    }
    // Where another was faster, ours has ended and the one that answered is not ours.
    if (this.child === null || !(await this.lock.take(LOCK_LIMIT_MS))) throw this.alreadyRunning();
    await this.makeRoles();
    this.isKept = true;
    if (this.child === null || !this.lock.isHeld) this.mend();
  }

  private alreadyRunning(): AlreadyRunningError {
    return new AlreadyRunningError(`another process is running on ${this.options.dataDirectory}`);
  }

  private async spawn(): Promise<void> {
    const log = await open(join(this.options.dataDirectory, "postgres.log"), "a", 0o600);
    const child = spawn(
      join(this.location.programs.directory, "bin", "postgres"),
      ["-D", this.cluster, ...this.settings().flatMap((setting) => ["-c", setting])],
      // Its own session: a Ctrl-C at the terminal must reach us alone, who then stop it after the last request.
      {
        cwd: "/",
        detached: true,
        stdio: ["ignore", log.fd, log.fd],
        env: { LC_ALL: "C", TZ: "UTC" },
        ...this.account(),
      },
    );
    await log.close();
    this.child = child;
    child.once("error", (error) => this.options.log.error({ error }, "PostgreSQL cannot be run"));
    child.once("exit", (code, signal) => this.onExit(child, code, signal));
    await this.waitUntilReady(child);
  }

  private settings(): readonly string[] {
    return [
      `unix_socket_directories=${this.location.socketFolder}`,
      "listen_addresses=",
      `port=${SOCKET_PORT}`,
      `max_connections=${this.options.connections + 30}`,
      "unix_socket_permissions=0700",
      "timezone=UTC",
      "log_timezone=UTC",
      // Statements may carry what must not be in a log.
      "log_min_error_statement=panic",
      "log_parameter_max_length_on_error=0",
      "log_error_verbosity=terse",
      ...(this.options.settings ?? []),
    ];
  }

  private onExit(child: ChildProcess, code: number | null, signal: string | null): void {
    if (this.child !== child) return;
    this.child = null;
    if (this.isStopping || !this.isKept) return;
    this.options.log.error({ exit: code, signal }, "PostgreSQL ended by itself; starting it again");
    this.mend();
  }

  /** Brings PostgreSQL and the lock back; one run at a time, which ends when both are there. */
  private mend(): void {
    if (this.isStopping || !this.isKept || this.mending !== null) return;
    this.mending = this.bringBack().finally(() => {
      this.mending = null;
      if (this.child === null || !this.lock.isHeld) this.mend();
    });
  }

  private async bringBack(): Promise<void> {
    while (!this.isStopping) {
      try {
        if (this.child === null) {
          await this.stopOrphan();
          await this.spawn();
        }
        if (this.lock.isHeld || (await this.lock.take(LOCK_LIMIT_MS))) {
          this.options.log.info("PostgreSQL is back");
          return;
        }
        this.options.log.fatal("another process has taken the database of this one");
      } catch (error) {
        if (this.isStopping) return;
        this.options.log.error({ error }, "PostgreSQL could not be started; trying again");
      }
      await delay(RESTART_PAUSE_MS);
    }
  }

  /** Waits as long as the server lives: recovery after a crash may take its time. */
  private async waitUntilReady(child: ChildProcess): Promise<void> {
    while (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const client = new pg.Client({ connectionString: this.superUrl });
      client.on("error", () => undefined);
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === "28P01") throw error;
        await delay(POLL_MS);
      }
    }
    throw new StartError(
      `PostgreSQL did not start; its words are in ${join(this.options.dataDirectory, "postgres.log")}`,
    );
  }

  private async makeRoles(): Promise<void> {
    const client = new pg.Client({ connectionString: this.superUrl });
    await client.connect();
    try {
      const { rows } = await client.query(`select 1 from pg_database where datname = $1`, [DATABASE]);
      if (rows.length > 0) return;
      for (const [role, password] of [
        [OWNER, this.passwords.owner],
        [APP, this.passwords.app],
      ] as const) {
        const { rows: roles } = await client.query("select 1 from pg_roles where rolname = $1", [role]);
        if (roles.length === 0) await client.query(`create role ${role} login password '${password}'`);
      }
      await client.query(`create database ${DATABASE} owner ${OWNER}`);
    } finally {
      await client.end();
    }
  }

  /** Stops a server that a killed process left running on this cluster, unless a live process owns it. */
  async stopOrphan(): Promise<void> {
    const socketLock = join(this.location.socketFolder, `.s.PGSQL.${SOCKET_PORT}.lock`);
    const locks = readLocks([join(this.cluster, "postmaster.pid"), socketLock]);
    const pid = await readPostmasterPid(this.cluster);
    if (pid !== null && (await isLivePostgres(pid))) {
      await this.refuseOwned(pid);
      await endPostgres(pid);
    }
    // It may live where its number means nothing to us, as in another container with the same volume.
    if (await isOwned(this.superUrl)) throw this.alreadyRunning();
    await untilNobodyWorksOn(this.cluster);
    removeStaleLocks(locks);
  }

  private async refuseOwned(pid: number): Promise<void> {
    try {
      const deadline = Date.now() + ((await isAbandoned(pid)) ? 0 : OWNER_GRACE_MS);
      do {
        if (await isOwned(this.superUrl)) throw this.alreadyRunning();
      } while (Date.now() < deadline && (await delay(POLL_MS, true)));
      if (!(await this.lock.take(0))) throw this.alreadyRunning();
      await this.lock.release();
    } catch (error) {
      if (error instanceof AlreadyRunningError) throw error;
      this.options.log.warn({ error }, "the PostgreSQL left behind does not answer; stopping it");
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.lock.release();
    const pid = this.child?.pid;
    if (pid !== undefined) await endPostgres(pid);
    await this.mending;
    // Started while this was stopping.
    const late = this.child?.pid;
    if (late !== undefined) await endPostgres(late);
  }
}

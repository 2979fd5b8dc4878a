import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import type { Log } from "../log/log.ts";
import { findLocation, locate, type Location } from "./location.ts";

/** A PostgreSQL of our own, running below the data folder. */
export type EmbeddedPostgres = {
  /** For the application; its role owns nothing. */
  readonly url: string;
  /** For migrations and backups; its role owns the tables. */
  readonly ownerUrl: string;
  /** Of the cluster's superuser; nothing but tests and repairs needs it. */
  readonly superUrl: string;
  /** Stops PostgreSQL and waits until it has; everything committed is on disk before and after. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  readonly dataDirectory: string;
  readonly directory: string | null;
  readonly connections: number;
  readonly log: Log;
  /** Further `name=value` settings of PostgreSQL, for tests. */
  readonly settings?: readonly string[];
};

/** Another process works on the same data folder. */
export class AlreadyRunningError extends Error {
  override readonly name = "AlreadyRunningError";
}

const SOCKET_PORT = 5432;
const OWNER = "tabellion_owner";
const APP = "tabellion_app";
const DATABASE = "tabellion";
const LOCK_ID = 8_443_000;
const STOP_LIMIT_MS = 60_000;
const LOCK_LIMIT_MS = 5_000;
const POLL_MS = 20;
const RESTART_PAUSE_MS = 1_000;

/**
 * Starts the PostgreSQL of `dataDirectory`, made on the first call. One that a killed process left behind is
 * stopped first. Throws `AlreadyRunningError` when another live process uses the folder. When PostgreSQL ends by
 * itself (disk full, killed), it is started again until `stop`.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const location = await locate(options.dataDirectory, options.directory);
  const passwords = await readPasswords(options.dataDirectory);
  const server = new Server(location, passwords, options);
  await server.stopOrphan();
  if (!(await isDirectory(join(location.base, "cluster")))) await server.initialise();
  await server.start();
  return {
    url: server.url(APP),
    ownerUrl: server.url(OWNER),
    superUrl: server.url("postgres", "postgres"),
    stop: () => server.stop(),
  };
}

/** How to reach the PostgreSQL that another process started and keeps running. */
export type RunningPostgres = { readonly url: string; readonly ownerUrl: string };

/**
 * The PostgreSQL of `dataDirectory`, if a live process runs it; null when none does, also when one that a killed
 * process left behind is still there: `startEmbedded` deals with that. Changes nothing.
 */
export async function embeddedUrls(dataDirectory: string): Promise<RunningPostgres | null> {
  const location = await findLocation(dataDirectory);
  const text = await readFile(join(dataDirectory, "postgres.passwords"), "utf8").catch(() => null);
  if (location === null || text === null) return null;
  const passwords = JSON.parse(text) as Passwords;
  const url = (role: string, database = DATABASE): string => urlOf(location.socketFolder, passwords, role, database);
  const deadline = Date.now() + LOCK_LIMIT_MS;
  // One that has just been started takes its lock a moment later.
  while (await isPostmasterAlive(join(location.base, "cluster"))) {
    if (await isOwned(url("postgres", "postgres"))) return { url: url(APP), ownerUrl: url(OWNER) };
    if (Date.now() > deadline) return null;
    await delay(POLL_MS * 5);
  }
  return null;
}

async function isPostmasterAlive(cluster: string): Promise<boolean> {
  const pid = Number((await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "")).split("\n")[0]);
  return Number.isInteger(pid) && pid > 0 && isAlive(pid) && (await isPostgres(pid));
}

/** Whether a process holds the lock by which it says that the cluster is its own. */
async function isOwned(superUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: superUrl });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ is_held: boolean }>(
      `select exists (select 1 from pg_locks
         where locktype = 'advisory' and classid = 0 and objid = $1::bigint::oid and objsubid = 1 and granted) as is_held`,
      [LOCK_ID],
    );
    return rows[0]?.is_held === true;
  } catch (error) {
    const isAnswer = error instanceof pg.DatabaseError && error.code !== "57P03"; // 57P03: still starting
    if (isAnswer || (error instanceof Error && "code" in error && error.code === "EACCES")) throw error;
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function urlOf(socketFolder: string, passwords: Passwords, role: string, database: string): string {
  const password = role === OWNER ? passwords.owner : role === APP ? passwords.app : passwords.postgres;
  return `postgres://${role}:${password}@localhost:${SOCKET_PORT}/${database}?host=${encodeURIComponent(socketFolder)}`;
}

type Passwords = { readonly postgres: string; readonly owner: string; readonly app: string };

async function readPasswords(dataDirectory: string): Promise<Passwords> {
  const file = join(dataDirectory, "postgres.passwords");
  const random = (): string => randomBytes(24).toString("base64url");
  const made: Passwords = { postgres: random(), owner: random(), app: random() };
  try {
    await writeFile(file, JSON.stringify(made), { mode: 0o600, flag: "wx", flush: true });
    return made;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    return JSON.parse(await readFile(file, "utf8")) as Passwords;
  }
}

async function isDirectory(target: string): Promise<boolean> {
  return stat(target).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** Owns the child process and the lock session; `isStopping` tells a wanted end from an unwanted one. */
class Server {
  private readonly location: Location;
  private readonly passwords: Passwords;
  private readonly options: EmbeddedOptions;
  private child: ChildProcess | null = null;
  private lock: pg.Client | null = null;
  private isStopping = false;

  constructor(location: Location, passwords: Passwords, options: EmbeddedOptions) {
    this.location = location;
    this.passwords = passwords;
    this.options = options;
  }

  private get cluster(): string {
    return join(this.location.base, "cluster");
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

  /** Makes the cluster beside its final place and moves it there when complete, so that a crash leaves none half made. */
  async initialise(): Promise<void> {
    const making = join(this.location.base, "making");
    await rm(making, { recursive: true, force: true });
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
    await rm(passwordFile);
    await rename(cluster, this.cluster);
    await rm(making, { recursive: true, force: true });
  }

  async start(): Promise<void> {
    await this.ownFolder(this.location.socketFolder);
    await this.spawn();
    await this.takeLock();
    await this.makeRoles();
  }

  private async spawn(): Promise<void> {
    const log = await open(join(this.options.dataDirectory, "postgres.log"), "a", 0o600);
    const settings = [
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
    const child = spawn(
      join(this.location.programs.directory, "bin", "postgres"),
      ["-D", this.cluster, ...settings.flatMap((setting) => ["-c", setting])],
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
    child.once("exit", (code, signal) => this.onExit(child, code, signal));
    await this.waitUntilReady(child);
  }

  private onExit(child: ChildProcess, code: number | null, signal: string | null): void {
    if (this.child !== child) return;
    this.child = null;
    if (this.isStopping) return;
    this.options.log.error({ exit: code, signal }, "PostgreSQL ended by itself; starting it again");
    void this.restart();
  }

  private async restart(): Promise<void> {
    while (!this.isStopping) {
      await delay(RESTART_PAUSE_MS);
      try {
        await this.spawn();
        await this.takeLock();
        this.options.log.info("PostgreSQL is back");
        return;
      } catch (error) {
        this.options.log.error({ error }, "PostgreSQL could not be started; trying again");
      }
    }
  }

  /** Waits as long as the server lives: recovery after a crash may take its time. */
  private async waitUntilReady(child: ChildProcess): Promise<void> {
    while (child.exitCode === null && child.signalCode === null) {
      const client = new pg.Client({ connectionString: this.url("postgres", "postgres") });
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
    throw new Error(`PostgreSQL did not start; its words are in ${join(this.options.dataDirectory, "postgres.log")}`);
  }

  /** A session lock says that this process owns the cluster; PostgreSQL releases it when the process dies. */
  private async takeLock(): Promise<void> {
    await this.lock?.end().catch(() => undefined);
    const client = new pg.Client({
      connectionString: this.url("postgres", "postgres"),
      application_name: "tabellion-owner-lock",
    });
    client.on("error", () => undefined);
    await client.connect();
    const deadline = Date.now() + LOCK_LIMIT_MS;
    while (Date.now() < deadline) {
      const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [LOCK_ID]);
      if (rows[0]?.taken === true) {
        this.lock = client;
        return;
      }
      await delay(POLL_MS * 5);
    }
    await client.end();
    throw new AlreadyRunningError(`another process is running on ${this.options.dataDirectory}`);
  }

  private async makeRoles(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url("postgres", "postgres") });
    await client.connect();
    try {
      const { rows } = await client.query(`select 1 from pg_database where datname = $1`, [DATABASE]);
      if (rows.length > 0) return;
      for (const [role, password] of [
        [OWNER, this.passwords.owner],
        [APP, this.passwords.app],
      ] as const) {
        const { rows: roles } = await client.query("select 1 from pg_roles where rolname = $1", [role]);
        // Passwords are base64url of our own making: nothing in them needs quoting.
        if (roles.length === 0) await client.query(`create role ${role} login password '${password}'`);
      }
      await client.query(`create database ${DATABASE} owner ${OWNER}`);
    } finally {
      await client.end();
    }
  }

  /** Stops a server that a killed process left running on this cluster, unless a live process owns it. */
  async stopOrphan(): Promise<void> {
    const pidFile = join(this.cluster, "postmaster.pid");
    const pid = Number((await readFile(pidFile, "utf8").catch(() => "")).split("\n")[0]);
    if (!Number.isInteger(pid) || pid <= 0) return;
    if (!isAlive(pid) || !(await isPostgres(pid))) {
      // After a reboot the number may belong to somebody else, and PostgreSQL would refuse to start.
      await rm(pidFile, { force: true });
      return;
    }
    await this.takeLock().catch((error: unknown) => {
      if (error instanceof AlreadyRunningError) throw error;
      this.options.log.warn({ error }, "the PostgreSQL left behind does not answer; stopping it");
    });
    await this.lock?.end().catch(() => undefined);
    this.lock = null;
    await endProcess(pid);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.lock?.end().catch(() => undefined);
    this.lock = null;
    const pid = this.child?.pid;
    if (pid !== undefined) await endProcess(pid);
  }
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

/** Fast shutdown (SIGINT): open transactions are rolled back, committed ones are safe; SIGQUIT when that takes too long. */
async function endProcess(pid: number): Promise<void> {
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

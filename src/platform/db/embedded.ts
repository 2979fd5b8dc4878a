import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isOwned } from "./cluster-lock.ts";
import { APP, DATABASE, EmbeddedServer, OWNER, urlOf, type EmbeddedOptions } from "./embedded-server.ts";
import { findLocation, locate, noteLocation } from "./location.ts";
import { findPasswords, readPasswords } from "./passwords.ts";
import { isPostmasterAlive } from "./postgres-process.ts";

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

/**
 * Starts the PostgreSQL of `dataDirectory`, made on the first call. One that a killed process left behind is
 * stopped first. Throws `AlreadyRunningError` when another live process uses the folder. When PostgreSQL ends by
 * itself (disk full, killed), it is started again until `stop`.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const location = await locate(options.dataDirectory, options.directory);
  const passwords = await readPasswords(options.dataDirectory);
  const server = new EmbeddedServer(location, passwords, options);
  try {
    await server.stopOrphan();
    if (!(await server.isInitialised())) await server.initialise();
    await noteLocation(options.dataDirectory, location.base);
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: server.url(APP),
    ownerUrl: server.url(OWNER),
    superUrl: server.superUrl,
    stop: () => server.stop(),
  };
}

const LOCK_LIMIT_MS = 5_000;
const POLL_MS = 100;

/** How to reach the PostgreSQL that another process started and keeps running. */
export type RunningPostgres = { readonly url: string; readonly ownerUrl: string };

/**
 * The PostgreSQL of `dataDirectory`, if a live process runs it; null when none does, also when one that a killed
 * process left behind is still there: `startEmbedded` deals with that. Changes nothing.
 */
export async function embeddedUrls(dataDirectory: string): Promise<RunningPostgres | null> {
  const location = await findLocation(dataDirectory);
  const passwords = await findPasswords(dataDirectory);
  if (location === null || passwords === null) return null;
  const url = (role: string, database = DATABASE): string => urlOf(location.socketFolder, passwords, role, database);
  const deadline = Date.now() + LOCK_LIMIT_MS;
  // One that has just been started takes its lock a moment later.
  while (await isPostmasterAlive(join(location.base, "cluster"))) {
    if (await isOwned(url("postgres", "postgres"))) return { url: url(APP), ownerUrl: url(OWNER) };
    if (Date.now() > deadline) return null;
    await delay(POLL_MS);
  }
  return null;
}

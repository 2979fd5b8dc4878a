import pg from "pg";
import type { Log } from "../log/log.ts";

export type Pool = pg.Pool;

export type PoolOptions = {
  readonly url: string;
  readonly connections: number;
  readonly applicationName: string;
  readonly log: Log;
};

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
/** A statement that runs longer than this is a defect or a lock that nobody releases. */
const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * Connections to PostgreSQL, opened when needed. Queries of one connection are sent without waiting for the one
 * before (`pipeline`), so that a transaction's `begin` costs no round trip of its own.
 */
export function createPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connections,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    pipeline: true,
  });
  // A connection that dies while idle is replaced by the next query; without a listener it would end the process.
  pool.on("error", (error) => options.log.warn({ error }, "an idle database connection was lost"));
  // A busy one tells its query, too; this keeps what comes between two queries from ending the process.
  pool.on("connect", (client) => {
    client.on("error", (error) => options.log.debug({ error }, "a database connection was lost"));
  });
  return pool;
}

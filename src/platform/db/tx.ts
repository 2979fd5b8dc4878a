import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { PoolClient } from "pg";
import type { Log } from "../log/log.ts";
import type { Pool } from "./pool.ts";
import { sql, type Statement } from "./sql.ts";

/** What a store function needs: run one statement inside the caller's transaction. */
export type Tx = {
  /** The only row, or null when there is none. More than one row is a defect and throws. */
  one<Row>(statement: Statement<Row>): Promise<Row | null>;
  many<Row>(statement: Statement<Row>): Promise<Row[]>;
  /** Runs a statement for its effect; answers how many rows it touched. */
  run(statement: Statement<unknown>): Promise<number>;
};

export type TxOptions = {
  /**
   * `flushed` (default): the change is on disk when the call returns. `buffered`: it is visible at once and durable
   * shortly after; a crash may lose it, never a later flushed transaction before it.
   */
  readonly durability?: "flushed" | "buffered";
  /**
   * The commit is sent together with the statements: one round trip. `work` must send all of them before it first
   * waits; one that comes later is refused, and what `work` throws later rolls nothing back.
   */
  readonly isCommitAhead?: boolean;
};

/**
 * Transactions. Each is repeated as a whole when the database answers 40001 (serialisation failure) or 40P01
 * (deadlock), at most `MAX_ATTEMPTS` times; `work` must therefore have no effect outside the transaction.
 */
export type Database = {
  /** A transaction that sees and changes only rows of `tenantId`; row-level security holds it to that. */
  tenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>;
  /** A transaction on directory and queue tables, which have no tenant wall. It sees no tenant's rows. */
  directory<T>(work: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>;
  /** One statement on directory tables in a transaction of its own: one round trip. */
  lookup<Row>(statement: Statement<Row>): Promise<Row | null>;
  /** Whether the database answers within `timeoutMs`. */
  isReachable(timeoutMs: number): Promise<boolean>;
  /** Milliseconds by which the database's clock is ahead of this process's. */
  clockSkewMs(): Promise<number>;
  readonly pool: Pool;
  close(): Promise<void>;
};

const MAX_ATTEMPTS = 8;
const FIRST_PAUSE_MS = 5;

export type DatabaseOptions = {
  readonly pool: Pool;
  readonly log: Log;
  /** Test switch: this percentage of commits is rolled back and answered with 40001 instead. */
  readonly commitFaultPercent?: number;
};

export function createDatabase(options: DatabaseOptions): Database {
  const { pool } = options;
  const transaction = <T>(begin: Begin, work: (tx: Tx) => Promise<T>): Promise<T> =>
    repeat(options.log, () => attempt(options, begin, work));

  return {
    pool,
    tenant: (tenantId, work, txOptions = {}) => transaction({ tenantId, ...txOptions }, work),
    directory: (work, txOptions = {}) => transaction({ tenantId: null, ...txOptions }, work),
    lookup: <R>(statement: Statement<R>) =>
      repeat(options.log, async () => {
        const { rows } = await pool.query<Row>(config(statement));
        return onlyRow(rows) as R | null;
      }),
    async isReachable(timeoutMs) {
      const answered = pool.query("select 1").then(
        () => true,
        () => false,
      );
      return Promise.race([answered, delay(timeoutMs, false, { ref: false })]);
    },
    async clockSkewMs() {
      const before = Date.now();
      const row = await this.lookup(
        sql<{ now_ms: string }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now_ms`,
      );
      return Number(row?.now_ms) - (before + Date.now()) / 2;
    },
    close: () => pool.end(),
  };
}

type Begin = TxOptions & { readonly tenantId: string | null };

/** One transaction; where a test asks for it, some commits are rolled back instead. */
function attempt<T>(options: DatabaseOptions, begin: Begin, work: (tx: Tx) => Promise<T>): Promise<T> {
  const isFault = Math.random() < (options.commitFaultPercent ?? 0) / 100;
  if (isFault && begin.isCommitAhead === true) return Promise.reject(new InjectedConflict());
  return once(options.pool, begin, async (tx) => {
    const result = await work(tx);
    if (isFault) throw new InjectedConflict();
    return result;
  });
}

async function repeat<T>(log: Log, transaction: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await transaction();
    } catch (error) {
      if (!isRetryable(error) || attempts === MAX_ATTEMPTS) throw error;
      log.debug({ attempt: attempts, code: sqlState(error) }, "transaction repeated");
      await delay(FIRST_PAUSE_MS * 2 ** (attempts - 1) * (0.5 + Math.random()));
    }
  }
}

async function once<T>(pool: Pool, begin: Begin, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // Sent together with the first statement of `work`: the pipeline keeps their order, and a failure of any of them
  // fails all that follow in the same transaction.
  const opened = open(client, begin);
  opened.catch(() => undefined); // awaited below; it must not count as unhandled before
  try {
    const { result, answer } =
      begin.isCommitAhead === true ? await ahead(client, work) : await after(client, work, opened);
    // A transaction that had failed is answered with ROLLBACK, not with an error.
    if (answer.command !== "COMMIT") throw new Error("the transaction had failed and was rolled back");
    return result;
  } catch (error) {
    await opened.catch(() => undefined);
    await client.query("rollback").catch((lost: unknown) => {
      broken = lost instanceof Error ? lost : new Error("rollback failed");
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

type Done<T> = { readonly result: T; readonly answer: { readonly command: string } };

async function after<T>(client: PoolClient, work: (tx: Tx) => Promise<T>, opened: Promise<void>): Promise<Done<T>> {
  const result = await work(txOn(client));
  await opened;
  return { result, answer: await client.query("commit") };
}

async function ahead<T>(client: PoolClient, work: (tx: Tx) => Promise<T>): Promise<Done<T>> {
  let isOpen = true;
  const working = work(txOn(client, () => assert(isOpen, "a statement after the commit that was sent ahead")));
  isOpen = false;
  const [result, answer] = await Promise.all([working, client.query("commit")]);
  return { result, answer };
}

type Row = Record<string, unknown>;

async function open(client: PoolClient, options: Begin): Promise<void> {
  const { tenantId } = options;
  const sent: Promise<unknown>[] = [client.query("begin")];
  if (tenantId !== null) {
    sent.push(client.query(config(sql`select set_config('tabellion.tenant_id', ${tenantId}, true)`)));
  }
  if (options.durability === "buffered") sent.push(client.query("set local synchronous_commit = off"));
  await Promise.all(sent);
}

/** `admit` is asked before each statement, and throws to refuse it. */
function txOn(client: PoolClient, admit: () => void = () => undefined): Tx {
  return {
    // `Row` of a statement is what its store vouches for; the driver only knows columns by name.
    async one<R>(statement: Statement<R>) {
      admit();
      const { rows } = await client.query<Row>(config(statement));
      return onlyRow(rows) as R | null;
    },
    async many<R>(statement: Statement<R>) {
      admit();
      const { rows } = await client.query<Row>(config(statement));
      return rows as R[];
    },
    async run(statement) {
      admit();
      const { rowCount } = await client.query(config(statement));
      return rowCount ?? 0;
    },
  };
}

function onlyRow<R>(rows: readonly R[]): R | null {
  if (rows.length > 1) throw new Error(`one row expected, ${rows.length} came`);
  return rows[0] ?? null;
}

function config(statement: Statement<unknown>): { name: string; text: string; values: unknown[] } {
  return { name: statement.name, text: statement.text, values: [...statement.values] };
}

/** What the test switch throws where PostgreSQL would answer a serialisation failure at commit. */
class InjectedConflict extends Error {
  readonly code = "40001";
}

/** The SQLSTATE of a database error, or null. */
export function sqlState(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === "40001" || state === "40P01";
}

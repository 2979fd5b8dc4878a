import { sql } from "../db/sql.ts";
import type { Database, Tx } from "../db/tx.ts";

const MICROSECONDS = 1_000_000;

export type WindowTake = {
  readonly keyHash: Buffer;
  readonly limit: number;
  readonly windowSeconds: number;
  readonly cost: number;
  /** For tests: the time instead of the database's clock, in microseconds since 1970. */
  readonly atUs?: number;
};

export type WindowTakeRow = {
  readonly is_allowed: boolean;
  readonly remaining: number;
  readonly wait_us: number;
  /** The moment that counts for this request. */
  readonly at_us: number;
};

/**
 * Takes from one key's window and locks its row until the transaction ends. With a `Database` that is at once, in
 * one round trip, and durable shortly after; with a `Tx` it is part of that transaction.
 */
export async function updateWindow(runner: Database | Tx, take: WindowTake): Promise<WindowTakeRow> {
  const isAlone = "lookup" in runner;
  const statement = sql<WindowTakeRow>`
    select is_allowed, remaining, wait_us::float8 as wait_us, at_us::float8 as at_us
      from platform.take_from_window(
        ${take.keyHash}::bytea, ${take.limit}::integer, ${take.windowSeconds * MICROSECONDS}::bigint,
        ${take.cost}::integer, ${take.atUs ?? null}::bigint, ${isAlone}::boolean)`;
  const row = await (isAlone ? runner.lookup(statement) : runner.one(statement));
  if (row === null) throw new Error("take_from_window returned no row");
  return row;
}

export type WindowPage = { readonly last_hash: Buffer | null; readonly deleted: number };

/**
 * Looks at the next `pageSize` keys after `afterHash` and deletes those whose window is over; zero deleted means that
 * all of them are in use. `last_hash` is null when there was no further key.
 */
export async function deleteExpiredWindows(tx: Tx, afterHash: Buffer, pageSize: number): Promise<WindowPage> {
  const row = await tx.one(sql<WindowPage>`
    with page as (
      select key_hash from platform.rate_windows where key_hash > ${afterHash}::bytea order by key_hash limit ${pageSize}::integer
    ), gone as (
      delete from platform.rate_windows w using page
       where w.key_hash = page.key_hash and w.expires_at <= clock_timestamp() returning 1
    )
    select (select key_hash from page order by key_hash desc limit 1) as last_hash,
           (select count(*)::integer from gone) as deleted`);
  return row ?? { last_hash: null, deleted: 0 };
}

export type UsedValue = { readonly space: string; readonly valueHash: Buffer; readonly expiresAt: Date };

/** Answers 1 on the first use, and 0 when the value was used before or has expired by the database's clock. */
export async function insertUsedValue(tx: Tx, used: UsedValue): Promise<number> {
  return tx.run(sql`
    insert into platform.used_values (space, value_hash, expires_at)
    select ${used.space}::text, ${used.valueHash}::bytea, ${used.expiresAt}::timestamptz
     where ${used.expiresAt}::timestamptz > clock_timestamp()
    on conflict do nothing`);
}

/** Deletes at most `batchSize` values that expired more than `keptSeconds` ago; zero means that none is left. */
export async function deleteExpiredValues(tx: Tx, keptSeconds: number, batchSize: number): Promise<number> {
  return tx.run(sql`
    delete from platform.used_values
     where (space, value_hash) in (
       select space, value_hash from platform.used_values
        where expires_at < clock_timestamp() - make_interval(secs => ${keptSeconds}::double precision)
        order by expires_at limit ${batchSize}::integer)`);
}

/** What `platform.take_from_buckets` is given of some buckets: hashes of their keys, what they hold, when one more runs out. */
export type BucketTakes = { readonly hashes: Buffer[]; readonly bursts: number[]; readonly everyUs: number[] };

/** Takes one from every bucket or from none; answers 0, or the microseconds until all of them have room. */
export async function updateBuckets(runner: Database | Tx, takes: BucketTakes, isFree: boolean): Promise<number> {
  const isAlone = "lookup" in runner;
  const statement = sql<{ wait_us: number }>`
    select platform.take_from_buckets(
             ${takes.hashes}::bytea[], ${takes.bursts}::integer[], ${takes.everyUs}::bigint[], ${isFree}::boolean,
             ${isAlone}::boolean
           )::float8 as wait_us`;
  const row = await (isAlone ? runner.lookup(statement) : runner.one(statement));
  if (row === null) throw new Error("take_from_buckets returned no row");
  return row.wait_us;
}

/** Deletes at most `batchSize` buckets that are empty; zero means that none is left. */
export async function deleteEmptyBuckets(tx: Tx, batchSize: number): Promise<number> {
  return tx.run(sql`
    delete from platform.rate_buckets
     where key_hash in (
       select key_hash from platform.rate_buckets
        where empty_at < clock_timestamp() order by empty_at limit ${batchSize}::integer
          for update skip locked)`);
}

import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { lockNumbers } from "./lock-numbers.ts";

const POLL_MS = 100;

/** Whether a process holds the lock by which it says that the cluster is its own; false where PostgreSQL does not answer. */
export async function isOwned(superUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: superUrl });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ is_held: boolean }>(
      `select exists (select 1 from pg_locks
         where locktype = 'advisory' and classid = 0 and objid = $1::bigint::oid and objsubid = 1 and granted) as is_held`,
      [lockNumbers.cluster],
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

/**
 * Says that this process owns the cluster: a session lock, which PostgreSQL releases when the process dies. `onLost`
 * is called when the session ends without `release`, because PostgreSQL went down or threw its sessions out.
 */
export class ClusterLock {
  private readonly superUrl: string;
  private readonly onLost: () => void;
  private session: pg.Client | null = null;

  constructor(options: { superUrl: string; onLost: () => void }) {
    this.superUrl = options.superUrl;
    this.onLost = options.onLost;
  }

  get isHeld(): boolean {
    return this.session !== null;
  }

  /** Whether it could be taken within `limitMs`; throws when PostgreSQL does not answer. */
  async take(limitMs: number): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.superUrl, application_name: "tabellion-owner-lock" });
    client.on("error", () => undefined); // `end` follows
    client.on("end", () => this.noteEnd(client));
    await client.connect();
    const deadline = Date.now() + limitMs;
    while (!(await tryLock(client))) {
      if (Date.now() >= deadline) {
        await client.end();
        return false;
      }
      await delay(POLL_MS);
    }
    await this.release();
    this.session = client;
    return true;
  }

  async release(): Promise<void> {
    const { session } = this;
    this.session = null;
    await session?.end().catch(() => undefined);
  }

  private noteEnd(client: pg.Client): void {
    if (this.session !== client) return;
    this.session = null;
    this.onLost();
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [
    lockNumbers.cluster,
  ]);
  return rows[0]?.taken === true;
}

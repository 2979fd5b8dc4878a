import pg from "pg";
import { eventually } from "./secufile-client.ts";

/** Keeps writers out of a table until it is let go: what stops a request in the middle of its transaction. */
export async function holdTable(
  superUrl: string,
  table: string,
): Promise<{ waiting(count: number): Promise<void>; letGo(): Promise<void> }> {
  const client = new pg.Client({ connectionString: superUrl });
  client.on("error", () => undefined);
  await client.connect();
  await client.query(`begin; lock table ${table} in share mode`);
  return {
    /** Until so many transactions stand before the table. */
    async waiting(count) {
      await eventually(`${count} writers wait for ${table}`, async () => {
        const { rows } = await client.query("select 1 from pg_locks where relation = $1::regclass and not granted", [
          table,
        ]);
        return rows.length >= count ? true : null;
      });
    },
    letGo: () => client.end().catch(() => undefined),
  };
}

/** Makes a change that nobody sees before it is let go: what stops a request that must know whether it comes about. */
export async function holdChange(
  superUrl: string,
  text: string,
  values: readonly unknown[],
): Promise<{ waited(): Promise<void>; letGo(): Promise<void> }> {
  const client = new pg.Client({ connectionString: superUrl });
  client.on("error", () => undefined);
  await client.connect();
  await client.query("begin");
  await client.query(text, [...values]);
  return {
    /** Until some transaction waits for the end of this one. */
    async waited() {
      await eventually("somebody waits for the change", async () => {
        const { rows } = await client.query(
          "select 1 from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))",
        );
        return rows.length > 0 ? true : null;
      });
    },
    async letGo() {
      await client.query("commit");
      await client.end();
    },
  };
}

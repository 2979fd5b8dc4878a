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

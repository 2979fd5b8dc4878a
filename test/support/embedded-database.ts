import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The embedded PostgreSQL of a server's data folder, as seen by its superuser. */
export async function embeddedDatabase(dataDirectory: string): Promise<{ superUrl: string; pid: number }> {
  const base = (await readFile(join(dataDirectory, "postgres.location"), "utf8")).trim();
  // Its lines: process, folder, start, port, folder of the socket (PostgreSQL: src/include/utils/pidfile.h).
  const [pid = "", , , port = "", socketFolder = ""] = (
    await readFile(join(base, "cluster", "postmaster.pid"), "utf8")
  ).split("\n");
  const { postgres } = JSON.parse(await readFile(join(dataDirectory, "postgres.passwords"), "utf8"));
  const host = encodeURIComponent(socketFolder);
  return { superUrl: `postgres://postgres:${postgres}@localhost:${port}/tabellion?host=${host}`, pid: Number(pid) };
}

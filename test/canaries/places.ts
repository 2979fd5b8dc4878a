import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import pg from "pg";
import { embeddedUrls } from "../../src/platform/db/embedded.ts";
import type { Finding, Search } from "./search.ts";

/** What holds the server's own secrets, as it must. */
const OWN_SECRETS = new Set(["root.key", "demo.env", "operator.token", "postgres.passwords"]);

/** Looks through every file below `folder`. */
export async function searchFiles(folder: string, search: Search): Promise<{ findings: Finding[]; bytes: number }> {
  const findings: Finding[] = [];
  let bytes = 0;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const place = relative(folder, file);
    if (OWN_SECRETS.has(place)) continue;
    // A file of the database may go away while it runs.
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    bytes += content.length;
    findings.push(...search.in(place, content));
  }
  return { findings, bytes };
}

/** A superuser's session in the embedded database of a running server: it sees behind every wall. */
export async function superuserOf(dataDirectory: string): Promise<pg.Client> {
  const urls = await embeddedUrls(dataDirectory);
  if (urls === null) throw new Error("the database does not run");
  const passwords = JSON.parse(await readFile(join(dataDirectory, "postgres.passwords"), "utf8")) as {
    postgres: string;
  };
  const url = new URL(urls.ownerUrl);
  url.username = "postgres";
  url.password = passwords.postgres;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return client;
}

/** Looks through every row of every table but the database's own; binary columns show themselves as hex. */
export async function searchTables(
  client: pg.Client,
  search: Search,
): Promise<{ findings: Finding[]; tables: number; rows: number }> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
      order by 1`,
  );
  const findings: Finding[] = [];
  let count = 0;
  for (const { name } of tables) {
    const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
    count += rows.length;
    findings.push(...search.in(`table ${name}`, Buffer.from(rows.map(({ row }) => row).join("\n"), "utf8")));
  }
  return { findings, tables: tables.length, rows: count };
}

import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { embeddedUrls } from "../../src/platform/db/embedded.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";
import { seenLogOf, seenTopLogOf, type Query } from "../support/log-rows.ts";
import type { FoundAudit, FoundKey, FoundLogs } from "./checker.ts";
import type { KillTarget } from "./plan.ts";

/** The server that is killed: always at the same address, on the same data, with the embedded PostgreSQL. */
export type Victim = {
  readonly origin: string;
  readonly apiKey: string;
  /** The end of what the present process and PostgreSQL have printed. */
  lastWords(): Promise<string>;
  /** kill -9; starts the server again unless it lives on. Answers how long it was away. */
  kill(target: KillTarget): Promise<number>;
  /** What no answer of the server shows. */
  look(): Promise<Look>;
  /** Ends it in peace; answers its exit code. */
  stop(): Promise<number | null>;
  /** Ends whatever still runs and removes the data. */
  remove(): Promise<void>;
};

type Look = {
  readonly audit: FoundAudit[];
  readonly idempotencyKeys: FoundKey[];
  /** Events without an index, and checkpoints without a place in the log above. */
  readonly waiting: number;
  readonly logs: Pick<FoundLogs, "audit" | "top">;
};

const READY_LIMIT_MS = 60_000;
const POLL_MS = 25;
const LAST_WORDS = 4_000;

export async function startVictim(env: Readonly<Record<string, string>> = {}): Promise<Victim> {
  const folder = await mkdtemp(join(tmpdir(), "tabellion-faults-"));
  // PostgreSQL runs under another account when this process is root's, and has to get there.
  await chmod(folder, 0o755);
  const dataDirectory = join(folder, "data");
  const port = await freePort();
  const start = (): Promise<TestServer> => startServer({ dataDirectory, port, env: { ...quiet, ...env } });
  let server = await start();
  return {
    origin: server.origin,
    apiKey: server.apiKey,
    async lastWords() {
      const postgres = await readFile(join(dataDirectory, "postgres.log"), "utf8").catch(() => "");
      return `${server.output().slice(-LAST_WORDS)}\n${postgres.slice(-LAST_WORDS)}`;
    },
    async kill(target) {
      const startedAt = performance.now();
      if (target !== "server") await killPostgres(dataDirectory);
      if (target !== "postgres") {
        await server.kill();
        server = await start();
      }
      await untilReady(server.origin);
      return performance.now() - startedAt;
    },
    look: () => lookInto(dataDirectory),
    stop: () => server.stop(),
    async remove() {
      await server.kill();
      await killPostgres(dataDirectory);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const quiet = {
  TABELLION_LOG_LEVEL: "warn",
  TABELLION_REQUESTS_PER_SECOND: "1000000",
};

async function killPostgres(dataDirectory: string): Promise<void> {
  const base = (await readFile(join(dataDirectory, "postgres.location"), "utf8").catch(() => "")).trim();
  const text = await readFile(join(base, "cluster", "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number(text.split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended already.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function untilReady(origin: string): Promise<void> {
  const deadline = Date.now() + READY_LIMIT_MS;
  while (Date.now() < deadline) {
    const status = await fetch(`${origin}/health/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await delay(POLL_MS);
  }
  throw new Error(`the server was not ready again within ${READY_LIMIT_MS} ms`);
}

async function lookInto(dataDirectory: string): Promise<Look> {
  const urls = await embeddedUrls(dataDirectory);
  if (urls === null) throw new Error("the database does not run");
  const client = new pg.Client({ connectionString: urls.ownerUrl });
  await client.connect();
  const behind =
    (tenantId: string): Query =>
    async (text, values) => {
      await client.query("select set_config('tabellion.tenant_id', $1, true)", [tenantId]);
      return (await client.query(text, [...values])).rows;
    };
  try {
    // One snapshot of all: what is written meanwhile is in none of the parts.
    await client.query("begin isolation level repeatable read, read only");
    const { rows: tenants } = await client.query<{ id: string }>("select id from platform.tenants");
    const [{ id } = { id: "" }] = tenants;
    const everywhere: Query = async (text, values) => {
      const rows = [];
      for (const tenantId of [...tenants.map((tenant) => tenant.id), "server"])
        rows.push(...(await behind(tenantId)(text, values)));
      return rows;
    };
    const [queues] = await behind("server")(
      `select (select count(*) from platform.audit_queue) + (select count(*) from platform.top_queue) as waiting`,
      [],
    );
    return {
      waiting: Number(queues.waiting),
      audit: await behind(id)(
        `select id as "eventId", action, resource_id as "documentId", outcome from platform.audit_events
          where resource_type = 'document'`,
        [],
      ),
      idempotencyKeys: await behind(id)(`select key as "idempotencyKey", state from platform.idempotency_keys`, []),
      logs: { audit: await seenLogOf(behind(id), id), top: await seenTopLogOf(behind("server"), everywhere) },
    };
  } finally {
    await client.end();
  }
}

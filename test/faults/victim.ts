import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { embeddedUrls } from "../../src/platform/db/embedded.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";
import type { FoundAudit, FoundKey } from "./checker.ts";
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
  look(): Promise<{ audit: FoundAudit[]; idempotencyKeys: FoundKey[] }>;
  /** Ends it in peace; answers its exit code. */
  stop(): Promise<number | null>;
  /** Ends whatever still runs and removes the data. */
  remove(): Promise<void>;
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

async function lookInto(dataDirectory: string): Promise<{ audit: FoundAudit[]; idempotencyKeys: FoundKey[] }> {
  const urls = await embeddedUrls(dataDirectory);
  if (urls === null) throw new Error("the database does not run");
  const client = new pg.Client({ connectionString: urls.ownerUrl });
  await client.connect();
  try {
    const { rows: tenants } = await client.query<{ tenant_id: string }>(
      "select distinct tenant_id from platform.credential_directory",
    );
    await client.query("select set_config('tabellion.tenant_id', $1, false)", [tenants[0]?.tenant_id]);
    const { rows: audit } = await client.query<FoundAudit>(
      `select action, resource_id as "documentId", outcome from platform.audit_events where resource_type = 'document'`,
    );
    const { rows: idempotencyKeys } = await client.query<FoundKey>(
      `select key as "idempotencyKey", state from platform.idempotency_keys`,
    );
    return { audit, idempotencyKeys };
  } finally {
    await client.end();
  }
}

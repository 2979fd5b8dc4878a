import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { programEnv } from "./run-program.ts";

/** A real server in a process of its own, as `npm start` would run it. */
export type TestServer = {
  readonly origin: string;
  readonly dataDirectory: string;
  /** The demo organisation's token, with every scope. */
  readonly apiKey: string;
  readonly operatorToken: string;
  readonly pid: number;
  /** All that it has printed so far. */
  output(): string;
  /** Resolves once it has printed `text`. */
  printed(text: string): Promise<void>;
  /** Sends SIGTERM or another signal, and waits for its end; answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
};

export type TestServerOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Where it keeps its data; a folder of its own that goes with the last `remove` when not given. */
  readonly dataDirectory: string;
  /** Its database; the embedded one of its data folder when not given. */
  readonly database?: TestDatabase;
  readonly port?: number;
  /** The account to run as, which only root can choose; it must be able to reach this checkout. */
  readonly uid?: number;
  /** Another copy of the program than this checkout. */
  readonly main?: string;
  /** The Node that runs it; the one of this process when not given. */
  readonly node?: string;
};

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;
const START_LIMIT_MS = 60_000;

/** Starts a server and waits until it answers. Throws with what it printed when it ends before. */
export async function startServer(options: TestServerOptions): Promise<TestServer> {
  const port = options.port ?? (await freePort());
  const child = spawn(options.node ?? process.execPath, [options.main ?? MAIN], {
    // The channel tells it when this process was killed, so that it is not left behind.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // Another account may not be allowed to stand where this process does.
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid, cwd: "/" }),
    env: { ...baseEnv(), ...databaseEnv(options.database), ...portEnv(port, options.dataDirectory), ...options.env },
  });
  child.channel?.unref();
  const output = collect(child);
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const isWorker = options.env?.["TABELLION_ROLE"] === "worker";
  const scheme = options.env?.["TABELLION_TLS_CERT"] === undefined ? "http" : "https";
  await Promise.race([
    output.seen(isWorker ? "works in the background" : "Tabellion answers at"),
    ended.then((code) => {
      throw new Error(`the server ended with ${code}:\n${output.text()}`);
    }),
    rejectLater(() => `the server did not start:\n${output.text()}`),
  ]);
  return {
    origin: `${scheme}://127.0.0.1:${port}`,
    dataDirectory: options.dataDirectory,
    apiKey: await demoKey(options.dataDirectory),
    operatorToken: (await readFile(join(options.dataDirectory, "operator.token"), "utf8")).trim(),
    pid: child.pid ?? 0,
    output: output.text,
    printed: output.seen,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** A server on a test database in a temporary folder; `remove` ends and removes all of it. */
export async function startTestServer(
  env: Readonly<Record<string, string>> = {},
): Promise<TestServer & { readonly database: TestDatabase; remove(): Promise<void> }> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-server-"));
  const database = await createTestDatabase();
  const server = await startServer({ dataDirectory, database, env });
  return {
    ...server,
    database,
    async remove() {
      await server.stop();
      await database.drop();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

function baseEnv(): Record<string, string> {
  return {
    ...programEnv(),
    TABELLION_CHECK_RESPONSES: "1",
    TABELLION_OUTBOUND_ALLOW: "127.0.0.0/8",
    TABELLION_DB_CONNECTIONS: "10",
  };
}

function databaseEnv(database: TestDatabase | undefined): Record<string, string> {
  return database === undefined ? {} : { DATABASE_URL: database.url, DATABASE_OWNER_URL: database.ownerUrl };
}

function portEnv(port: number, dataDirectory: string): Record<string, string> {
  return { TABELLION_PORT: String(port), TABELLION_DATA: dataDirectory };
}

async function demoKey(dataDirectory: string): Promise<string> {
  const text = await readFile(join(dataDirectory, "demo.env"), "utf8").catch(() => "");
  return /SECUFILE_API_KEY=(\S+)/.exec(text)?.[1] ?? "";
}

type Output = { text(): string; seen(wanted: string): Promise<void> };

function collect(child: ChildProcess): Output {
  let text = "";
  const waiting = new Set<{ wanted: string; resolve: () => void }>();
  const take = (chunk: Buffer): void => {
    text += chunk.toString("utf8");
    for (const entry of waiting) {
      if (!text.includes(entry.wanted)) continue;
      waiting.delete(entry);
      entry.resolve();
    }
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  return {
    text: () => text,
    seen: (wanted) =>
      new Promise((resolve) => {
        if (text.includes(wanted)) resolve();
        else waiting.add({ wanted, resolve });
      }),
  };
}

function rejectLater(message: () => string): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error(message())), START_LIMIT_MS).unref();
  });
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A data folder with an embedded PostgreSQL, and what is to be seen of it from outside. */
export type EmbeddedFolder = {
  readonly data: string;
  /** Where the server says that its database is. */
  base(): Promise<string>;
  /** The process of its PostgreSQL. Throws when its folder names none. */
  postgresPid(): Promise<number>;
  /** Whether its folder names a process of PostgreSQL. */
  hasPostgresPid(): Promise<boolean>;
  remove(): Promise<void>;
};

/** Its parents can be entered by every account, as those of /srv or /var/lib can. */
export async function newEmbeddedFolder(): Promise<EmbeddedFolder> {
  const parent = await mkdtemp(join(tmpdir(), "tabellion-start-"));
  await chmod(parent, 0o755);
  const data = join(parent, "data");
  const base = async (): Promise<string> => (await readFile(join(data, "postgres.location"), "utf8")).trim();
  const readPid = async (): Promise<number> => {
    const text = await readFile(join(await base(), "cluster", "postmaster.pid"), "utf8").catch(() => "");
    return Number(text.split("\n")[0]);
  };
  return {
    data,
    base,
    async postgresPid() {
      const pid = await readPid();
      if (!(pid > 1)) throw new Error(`no PostgreSQL runs in ${data}`);
      return pid;
    },
    hasPostgresPid: async () => (await readPid()) > 0,
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

/** Whether a process with this number runs; one that waits to be collected has ended. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const facts = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !facts.slice(facts.lastIndexOf(")") + 2).startsWith("Z");
}

const UNTIL_LIMIT_MS = 30_000;
const POLL_MS = 25;

/** Asks until the answer is yes. Throws when it stays no for half a minute. */
export async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + UNTIL_LIMIT_MS; !(await ask());) {
    if (Date.now() > deadline) throw new Error(`still not so after ${UNTIL_LIMIT_MS / 1000} s: ${what}`);
    await delay(POLL_MS);
  }
}

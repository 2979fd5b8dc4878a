import { spawn } from "node:child_process";

export type RunOptions = {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** The account to run it under, which only root can choose. */
  readonly account?: { readonly uid: number; readonly gid: number };
};

const TIMEOUT_MS = 10 * 60_000;
/** The last of what a program printed; enough to see why it failed. */
const MAX_SHOWN_CHARACTERS = 20_000;

/** Runs a program without standard input. Answers its standard output; throws what it printed when it fails. */
export async function run(program: string, options: readonly string[], how: RunOptions = {}): Promise<string> {
  const child = spawn(program, options, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: how.cwd,
    env: { ...process.env, ...how.env },
    timeout: how.timeoutMs ?? TIMEOUT_MS,
    ...how.account,
  });
  const out: Buffer[] = [];
  const all: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    out.push(chunk);
    all.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => void all.push(chunk));
  const ended = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? String(code)));
  });
  const shown = Buffer.concat(all).toString("utf8").slice(-MAX_SHOWN_CHARACTERS);
  if (ended !== "0") throw new Error(`${program} ended with ${ended}\n${shown}`);
  return Buffer.concat(out).toString("utf8");
}

/** Whether a program of this name answers. */
export async function has(program: string, option = "--version"): Promise<boolean> {
  return run(program, [option]).then(
    () => true,
    () => false,
  );
}

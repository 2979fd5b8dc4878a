import { spawn, type ChildProcess } from "node:child_process";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { programEnv, runProgram, type Ended } from "./run-program.ts";

const COMMAND = new URL("../../cli/tabellion.mjs", import.meta.url).pathname;
const WITHHELD_BYTES = 100;

/** Runs `tabellion …` as its users do, in a process of its own. */
export function tabellion(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return runProgram(process.execPath, [COMMAND, ...args], { env });
}

/**
 * Restores the backup `file` through a pipe that withholds its end, and kills the command with all its processes once
 * `seen` is among what it says: so it is half-way for certain. Answers what it has said.
 */
export async function killRestore(file: string, seen: RegExp, env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, "backup", "restore", "-"], {
    stdio: ["pipe", "ignore", "pipe"],
    env: { ...programEnv(), ...env },
    detached: true, // a group of its own, to be killed as one
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.stdin.on("error", () => undefined); // it is killed while it reads
  const { size } = await stat(file);
  createReadStream(file, { end: size - WITHHELD_BYTES - 1 }).pipe(child.stdin, { end: false });
  const said = await saidUntil(child, seen);
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await ended;
  child.stderr.destroy();
  return said;
}

function saidUntil(child: ChildProcess, seen: RegExp): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (seen.test(said)) resolve(said);
    });
    child.once("exit", () => reject(new Error(`it ended by itself:\n${said}`)));
  });
}

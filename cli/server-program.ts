import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/**
 * Runs a command of the server's own program in this terminal and answers its exit code. Signals sent to this
 * process alone are handed on; a Ctrl-C reaches both by the terminal.
 */
export function runServerProgram(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: "inherit" });
  const handOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore).on("SIGTERM", handOn).on("SIGHUP", handOn);
  return new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? SIGNAL_EXIT + (SIGNAL_NUMBERS[signal ?? ""] ?? 0)));
  }).finally(() => process.off("SIGINT", ignore).off("SIGTERM", handOn).off("SIGHUP", handOn));
}

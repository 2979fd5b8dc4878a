import { createInterface } from "node:readline";
import { readFile } from "node:fs/promises";
import { CommandError, type Surroundings } from "./command.ts";

const ENTER = new Set(["\r", "\n"]);
/** Ctrl-C, Ctrl-D. */
const GIVE_UP = new Set(["\u0003", "\u0004"]);
/** Arrows and the like are no text (ECMA-48, section 5.4). */
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|O.)?/g;
const ERASE = new Set(["\u007f", "\b"]);

/** Asks for secrets one after the other: at a terminal without echo, else by lines of standard input. Never by arguments. */
export type Secrets = { ask(label: string): Promise<string>; close(): void };

export function openSecrets(surroundings: Pick<Surroundings, "stdin" | "stderr">): Secrets {
  const { stdin } = surroundings;
  if (stdin.isTTY) return { ask: (label) => askHidden(label, surroundings), close: () => undefined };
  const lines = createInterface({ input: stdin });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    async ask(label) {
      const { done, value } = await iterator.next();
      if (done === true || value === "") {
        throw new CommandError(`${label}nothing was read; give it at a terminal, in a file or on standard input`);
      }
      return value;
    },
    close: () => lines.close(),
  };
}

/** The first line of a file. */
export async function secretIn(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new CommandError(`${file} cannot be read`, { cause: error });
  });
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw new CommandError(`the first line of ${file} is empty`);
  return line;
}

/** What is typed up to Enter; nothing of it is shown. */
export function askHidden(label: string, { stdin, stderr }: Pick<Surroundings, "stdin" | "stderr">): Promise<string> {
  stdin.setEncoding("utf8");
  // Before the question: who answers it at once is not shown either.
  stdin.setRawMode(true);
  stderr.write(label);
  return new Promise<string>((resolve, reject) => {
    let typed: Typed = { text: "", ended: null };
    const stop = (): void => {
      stdin.off("data", take).off("end", giveUp);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
    };
    const giveUp = (): void => {
      stop();
      reject(new CommandError("nothing was typed"));
    };
    const take = (chunk: string): void => {
      typed = typedAfter(typed.text, chunk);
      if (typed.ended === "given up" || (typed.ended === "entered" && typed.text === "")) giveUp();
      else if (typed.ended === "entered") {
        stop();
        resolve(typed.text);
      }
    };
    stdin.on("data", take).on("end", giveUp);
  });
}

type Typed = { readonly text: string; readonly ended: "entered" | "given up" | null };

function typedAfter(before: string, chunk: string): Typed {
  let text = before;
  for (const key of chunk.replaceAll(ESCAPES, "")) {
    if (ENTER.has(key)) return { text, ended: "entered" };
    if (GIVE_UP.has(key)) return { text, ended: "given up" };
    if (ERASE.has(key)) text = Array.from(text).slice(0, -1).join("");
    else if (key >= " ") text += key;
  }
  return { text, ended: null };
}
